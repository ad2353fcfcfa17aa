"""When Python's collector of cycles makes its rounds.

A dashboard makes and drops tens of thousands of objects, a run of matches makes a million that stay, and hardly one of
them is garbage that only a round finds.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

ROUNDS = (20_000, 20, 50)


def settle_in() -> None:
    """Keep what is loaded by now out of the rounds of a process that lives long, and have fewer of them.

    Called before the first piece of work.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*ROUNDS)


@contextmanager
def no_rounds() -> Iterator[None]:
    """Leave cycles alone for the block, also as a decorator: `@no_rounds()`.

    A round walks every living object, again and again as more are made; over ten thousand lines that is two fifths of
    the run. What is not part of a cycle is freed as always.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
