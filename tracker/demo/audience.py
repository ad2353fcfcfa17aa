"""A simulated audience: downloads of an episode by its age, weekday and chance, the same for the same seed. Pure."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

SEED = 20261121

# Share of a normal day that Monday to Sunday brings.
WEEKDAYS = (1.07, 1.09, 1.06, 1.03, 0.98, 0.80, 0.77)

# Downloads within 30 days of an episode, in weekly averages of the catalogue.
EPISODE_SCALE = 3

# What the second source counts of the first, drawn for each show from this range: sources disagree by 5 to 20 %.
SECOND_SOURCE = (0.82, 0.97)


@dataclass(frozen=True)
class SimulatedDay:
    """One day of one episode by one source. None where a source does not measure a thing."""

    day: date
    source: str
    downloads: int
    listeners: int
    completion_rate: float
    ctr: float | None
    conversions: int | None
    revenue_cents: int | None


def age_weight(age: int) -> float:
    """Return the weight of an episode's day at an age in days: a fast fall, a tail of weeks, a trickle of months."""
    return 0.300 * math.exp(-age / 1.5) + 0.055 * math.exp(-age / 8) + 0.0022 * math.exp(-age / 90)


FIRST_30_DAYS = sum(age_weight(age) for age in range(30))


def downloads_within_guarantee(weekly_average: int) -> int:
    """Return the downloads that an episode of a show brings within 30 days, before chance."""
    return weekly_average * EPISODE_SCALE


def simulate_episode(
    *, show: str, number: int, weekly_average: int, dropped_on: date, last_day: date, sources: tuple[str, str]
) -> Iterator[SimulatedDay]:
    """Yield the days of an episode from its drop to `last_day`, by both sources.

    The first source measures all; the second neither clicks nor sales. Figures depend on show and number alone.
    """
    chance = Random(f"{SEED}/{show}/{number}")  # noqa: S311 (figures of a demo, not secrets)
    house = Random(f"{SEED}/{show}")  # noqa: S311
    second_share = house.uniform(*SECOND_SOURCE)
    completion, click_rate, sale_rate = house.uniform(0.62, 0.84), house.uniform(0.008, 0.02), house.uniform(8e-4, 2e-3)
    episode_size = downloads_within_guarantee(weekly_average) * math.exp(chance.gauss(0, 0.06)) / FIRST_30_DAYS
    for age in range((last_day - dropped_on).days + 1):
        day = dropped_on + timedelta(days=age)
        expected = episode_size * age_weight(age) * WEEKDAYS[day.weekday()]
        counted = max(0, round(expected * math.exp(chance.gauss(0, 0.07))))
        finished = min(0.99, max(0.05, completion + chance.gauss(0, 0.02)))
        sales = _poisson(counted * sale_rate, chance)
        yield SimulatedDay(
            day=day,
            source=sources[0],
            downloads=counted,
            listeners=round(counted * 0.88),
            completion_rate=round(finished, 4),
            ctr=round(max(0.001, click_rate + chance.gauss(0, 0.001)), 4),
            conversions=sales,
            revenue_cents=sum(chance.randrange(1900, 7900) for _sale in range(sales)),
        )
        seen = round(counted * second_share * math.exp(chance.gauss(0, 0.015)))
        yield SimulatedDay(day, sources[1], seen, round(seen * 0.9), round(finished * 0.98, 4), None, None, None)


def _poisson(mean: float, chance: Random) -> int:
    limit, product, count = math.exp(-mean), chance.random(), 0
    while product > limit:
        product *= chance.random()
        count += 1
    return count
