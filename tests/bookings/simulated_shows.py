"""Shows whose truth is known: generators of cumulative download windows, each with another trouble of real data."""

import math
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from bookings.growth import Counted

WINDOWS = (1, 7, 14, 30, 90)
Show = Callable[[random.Random, int], list[Counted]]


def _share(age: float, speed: float, tail: float) -> float:
    """A curve with a fast start and a long tail: 1 at 90 days."""

    def raw(days: float) -> float:
        return (1 - math.exp(-((days / speed) ** 0.6))) * (1 - tail) + tail * math.log1p(days) / math.log1p(90)

    return raw(age) / raw(90)


def _episode(published: datetime, final: float, shares: dict[int, float]) -> Counted:
    return Counted(published, {age: max(1, round(final * share)) for age, share in shares.items()})


def _days(count: int, every: int = 7, hour: int = 6) -> list[datetime]:
    start = datetime(2024, 1, 3, hour, tzinfo=UTC)
    return [start + timedelta(days=every * place) for place in range(count)]


def steady(rng: random.Random, count: int) -> list[Counted]:
    """Independent steps: each window's growth has its own error."""
    episodes = []
    for published in _days(count):
        final = 20_000 * math.exp(rng.gauss(0, 0.25))
        shares, wobble = {}, 0.0
        for age in reversed(WINDOWS):
            shares[age] = _share(age, 4, 0.25) * math.exp(wobble)
            wobble += rng.gauss(0, 0.05)
        episodes.append(_episode(published, final, shares))
    return episodes


def fast_and_slow(rng: random.Random, count: int) -> list[Counted]:
    """Some episodes burn fast, some slowly: what an episode did so far tells how it goes on."""
    return [
        _episode(
            published,
            9_000 * math.exp(rng.gauss(0, 0.3)),
            {age: _share(age, 4 * math.exp(rng.gauss(0, 0.02) + slow), 0.25) for age in WINDOWS},
        )
        for published in _days(count)
        for slow in [rng.gauss(0, 0.6)]
    ]


def noisy_first_day(rng: random.Random, count: int) -> list[Counted]:
    """The audience is steady, but the first day depends on the hour of release, which nobody wrote down."""
    episodes = []
    for published in _days(count):
        final = 30_000 * math.exp(rng.gauss(0, 0.08))
        shares = {age: _share(age, 4, 0.2) * math.exp(rng.gauss(0, 0.02)) for age in WINDOWS}
        shares[1] *= math.exp(rng.gauss(0, 0.35))
        episodes.append(_episode(published, final, shares))
    return episodes


def growing(rng: random.Random, count: int) -> list[Counted]:
    """The audience doubles over the file and its listening habits drift."""
    episodes = []
    for place, published in enumerate(_days(count)):
        done = place / count
        final = 8_000 * 2**done * math.exp(rng.gauss(0, 0.15))
        wobble = {age: math.exp(rng.gauss(0, 0.05)) for age in WINDOWS}
        episodes.append(
            _episode(published, final, {age: _share(age, 4 + 2 * done, 0.25) * wobble[age] for age in WINDOWS})
        )
    return episodes


def drifting(rng: random.Random, count: int) -> list[Counted]:
    """Listeners take more and more time: what was true of the older half is not true of the newer."""
    episodes = []
    for place, published in enumerate(_days(count)):
        final = 8_000 * math.exp(rng.gauss(0, 0.2))
        wobble = {age: math.exp(rng.gauss(0, 0.05)) for age in WINDOWS}
        shares = {age: _share(age, 3 + 6 * place / count, 0.25) * wobble[age] for age in WINDOWS}
        episodes.append(_episode(published, final, shares))
    return episodes


def wandering(rng: random.Random, count: int) -> list[Counted]:
    """Habits go up and down as a random walk, so neighbours are alike and no direction lasts."""
    episodes, habit = [], 0.0
    for published in _days(count):
        habit += rng.gauss(0, 0.08)
        final = 8_000 * math.exp(rng.gauss(0, 0.2))
        wobble = {age: math.exp(rng.gauss(0, 0.04)) for age in WINDOWS}
        shares = {age: _share(age, 4 * math.exp(habit), 0.25) * wobble[age] for age in WINDOWS}
        episodes.append(_episode(published, final, shares))
    return episodes


def declining(rng: random.Random, count: int) -> list[Counted]:
    """The audience halves over the file, and fewer and fewer come late."""
    episodes = []
    for place, published in enumerate(_days(count)):
        final = 20_000 * 0.5 ** (place / count) * math.exp(rng.gauss(0, 0.15))
        tail = 0.3 - 0.12 * place / count
        shares = {age: _share(age, 4, tail) * math.exp(rng.gauss(0, 0.05)) for age in WINDOWS}
        episodes.append(_episode(published, final, shares))
    return episodes


def seasonal(rng: random.Random, count: int) -> list[Counted]:
    """Audience and habits go round with the year; where in it the file begins is chance."""
    begin, episodes = rng.uniform(0, 2 * math.pi), []
    for place, published in enumerate(_days(count)):
        season = 0.25 * math.sin(2 * math.pi * place / 52 + begin)
        final = 15_000 * math.exp(season + rng.gauss(0, 0.15))
        shares = {age: _share(age, 4 * math.exp(season), 0.25) * math.exp(rng.gauss(0, 0.05)) for age in WINDOWS}
        episodes.append(_episode(published, final, shares))
    return episodes


def heavy_tailed(rng: random.Random, count: int) -> list[Counted]:
    """Every error is Student's with three degrees of freedom: now and then one is many times the usual."""

    def error() -> float:
        return rng.gauss(0, 1) / math.sqrt(rng.gammavariate(1.5, 2) / 3)

    episodes = []
    for published in _days(count):
        final = 15_000 * math.exp(0.3 * error())
        shares = {age: _share(age, 4, 0.25) * math.exp(0.06 * error()) for age in WINDOWS}
        episodes.append(_episode(published, final, shares))
    return episodes


def several_a_day(rng: random.Random, count: int) -> list[Counted]:
    """Three episodes a day; that of the evening has little of its first day left."""
    episodes = []
    for place in range(count):
        turn = place % 3
        published = _days(1)[0] + timedelta(days=place // 3, hours=6 * turn)
        shares = {age: _share(age, 3, 0.2) * math.exp(rng.gauss(0, 0.05)) for age in WINDOWS}
        shares[1] *= (1, 0.8, 0.55)[turn]
        episodes.append(_episode(published, 6_000 * (1, 0.7, 0.5)[turn] * math.exp(rng.gauss(0, 0.2)), shares))
    return episodes


def mixed(rng: random.Random, count: int) -> list[Counted]:
    """Five shows in one file, from some hundred to a hundred thousand downloads, each with habits of its own."""
    shows = [(10 ** rng.uniform(2.5, 5), 4 * math.exp(rng.gauss(0, 0.5)), rng.uniform(0.15, 0.35)) for _ in range(5)]
    episodes = []
    for published in _days(count, every=2):
        size, speed, tail = rng.choice(shows)
        shares = {age: _share(age, speed, tail) * math.exp(rng.gauss(0, 0.05)) for age in WINDOWS}
        episodes.append(_episode(published, size * math.exp(rng.gauss(0, 0.2)), shares))
    return episodes


def wild(rng: random.Random, count: int) -> list[Counted]:
    """One in twelve episodes goes viral late, one in thirty lost its first day."""
    episodes = []
    for published in _days(count):
        final = 12_000 * math.exp(rng.gauss(0, 0.2))
        shares = {age: _share(age, 5, 0.25) * math.exp(rng.gauss(0, 0.06)) for age in WINDOWS}
        counts = {age: final * share for age, share in shares.items()}
        if rng.random() < 1 / 12:
            start = rng.choice([7, 20, 40])
            boost = rng.uniform(0.5, 4) * final
            counts = {age: count + (boost if age > start else 0) for age, count in counts.items()}
        if rng.random() < 1 / 30:
            counts[1] *= 0.1
        episodes.append(Counted(published, {age: max(1, round(count)) for age, count in counts.items()}))
    return episodes


def weekdays(rng: random.Random, count: int) -> list[Counted]:
    """Episodes come out on three days of the week; a Friday release starts slowly."""
    start = datetime(2024, 1, 1, 5, tzinfo=UTC)
    days = [start + timedelta(days=7 * (place // 3) + (0, 2, 4)[place % 3]) for place in range(count)]
    episodes = []
    for published in days:
        final = 15_000 * math.exp(rng.gauss(0, 0.2))
        shares = {age: _share(age, 4, 0.25) * math.exp(rng.gauss(0, 0.05)) for age in WINDOWS}
        if published.weekday() == 4:
            shares[1] *= 0.7
            shares[7] *= 0.93
        episodes.append(_episode(published, final, shares))
    return episodes


def hits(rng: random.Random, count: int) -> list[Counted]:
    """Big episodes are found by newcomers and keep growing; small ones stop with the regulars."""
    episodes = []
    for published in _days(count):
        size = rng.gauss(0, 0.5)
        final = 10_000 * math.exp(size)
        shares = {age: _share(age, 4 * math.exp(0.5 * size), 0.25) * math.exp(rng.gauss(0, 0.06)) for age in WINDOWS}
        episodes.append(_episode(published, final, shares))
    return episodes


def tiny(rng: random.Random, count: int) -> list[Counted]:
    """A show of some forty downloads, where chance is most of what one sees."""
    episodes = []
    for published in _days(count):
        running, counts, before = 0, {}, 0.0
        for age in WINDOWS:
            share = _share(age, 4, 0.25)
            running += sum(1 for _ in range(200) if rng.random() < (share - before) * 60 / 200)
            counts[age], before = max(1, running), share
        episodes.append(Counted(published, counts))
    return episodes


def full_of_blanks(rng: random.Random, count: int) -> list[Counted]:
    """Every third count is not known, and the newest episodes are too young for their late windows."""
    episodes = steady(rng, count)
    newest = episodes[-1].published
    return [
        Counted(
            one.published,
            {
                age: value
                for age, value in one.counts.items()
                if rng.random() > 1 / 3 and one.published + timedelta(days=age) <= newest
            },
        )
        for one in episodes
    ]


SHOWS: dict[str, Show] = {
    show.__name__: show
    for show in (
        steady,
        fast_and_slow,
        noisy_first_day,
        growing,
        declining,
        drifting,
        wandering,
        seasonal,
        wild,
        heavy_tailed,
        weekdays,
        several_a_day,
        mixed,
        hits,
        tiny,
        full_of_blanks,
    )
}
