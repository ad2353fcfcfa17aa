"""How well the download curve foresees on simulated shows of known truth: `python -m benchmarks.curve [--runs N]`.

Each kind of show is simulated with 24 to 240 episodes; each file is judged as `manage.py evaluate_curve` does: learned
on the older half, judged on the newer. Prints for each kind and pair of days how many of the newer half lie in the 80 %
interval, and the error over that of the plain median curve; ends with 1 when a limit is missed. Needs no database.
"""

import argparse
import random
import sys
from statistics import mean

from benchmarks.measuring import Verdicts
from bookings.backtest import PAIRS, Evaluation, evaluate
from tests.bookings.simulated_shows import SHOWS

# Episodes -> how many shows of each kind for one run.
SIZES = {24: 8, 40: 5, 60: 4, 120: 2, 240: 1}
FIRST_SEED = 1_000
LOW, HIGH = 75, 88


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=4, help="how many times the usual number of shows")
    options = parser.parse_args()
    print("in the 80 % interval, and error over that of the median curve, by days known and asked for")
    print(" " * 17 + "".join(f"{f'{age} to {to}':^14}" for age, to in PAIRS))
    covered: list[float] = []
    errors: list[float] = []
    for name in SHOWS:
        judged = [
            [evaluate(SHOWS[name](random.Random(FIRST_SEED + seed), count)) for seed in range(shows * options.runs)]
            for count, shows in SIZES.items()
        ]
        inside = [_mean_of(judged, pair, "coverage80") for pair in range(len(PAIRS))]
        beside = [_mean_of(judged, pair, "mape") / _mean_of(judged, pair, "median_curve") for pair in range(len(PAIRS))]
        print(
            f"{name:<17}" + "".join(f"{100 * a:7.1f} %{b:5.2f}" for a, b in zip(inside, beside, strict=True)),
            flush=True,
        )
        covered += inside
        errors += beside
    verdicts = Verdicts()
    verdicts.limit("in the interval, lowest kind and pair", 100 * min(covered), "%", at_least=LOW)
    verdicts.limit("in the interval, highest kind and pair", 100 * max(covered), "%", at_most=HIGH)
    verdicts.limit("in the interval, mean", 100 * mean(covered), "%", at_most=84)
    verdicts.limit("the same", 100 * mean(covered), "%", at_least=78)
    verdicts.limit("error over the median curve's, worst kind and pair", max(errors), "x", at_most=1.15)
    return verdicts.code


def _mean_of(judged: list[list[list[Evaluation]]], pair: int, field: str) -> float:
    """The mean over sizes of the mean over shows, since a size with more shows is not worth more."""
    sizes = [[getattr(show[pair], field) for show in shows] for shows in judged]
    known = [[value for value in values if value is not None] for values in sizes]
    return mean(mean(values) for values in known if values)


if __name__ == "__main__":
    sys.exit(main())
