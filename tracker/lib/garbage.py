"""Python's collector of cycles in processes that live long: what is loaded stays, and rounds are rare."""

import gc

# A dashboard makes and drops tens of thousands of objects, hardly one of which is garbage that only a round finds.
ROUNDS = (20_000, 20, 50)


def settle_in() -> None:
    """Keep what is loaded by now out of the rounds, and have fewer of them. Called before the first piece of work."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*ROUNDS)
