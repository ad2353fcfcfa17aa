"""Young episodes of simulated shows: those that end well raise no alarm, and those that fail are found before it is
too late."""

import random
from datetime import timedelta
from decimal import Decimal

import pytest

from bookings.curve import TenantHistory
from bookings.pacing import BEHIND, OVER, Spot, baked_in_pace
from tests.bookings.deliveries import NOV
from tests.bookings.simulated_shows import SHOWS

WINDOW, COUNT = 30, 80


def bands_at(name: str, age: int, *, goal_share: float, seeds=range(4)) -> list[str]:
    """How the newer half's episodes are judged at an age, where each was promised a share of what it will have."""
    bands = []
    for seed in seeds:
        show = SHOWS[name](random.Random(seed), COUNT)
        growth = TenantHistory({"show": show[: COUNT // 2]}).growth("show", age, WINDOW)
        for place, episode in enumerate(show[COUNT // 2 :], start=COUNT // 2):
            goal = round(episode.counts[WINDOW] * goal_share)
            spot = Spot(
                goal=Decimal(goal),
                age=age,
                delivered=round(episode.counts[age]),
                expected_share=Decimal(growth.share),
                at_close=growth.at_close(episode, show[:place]),
            )
            # A second, old episode that has what it was promised: the first day alone would say nothing.
            old = Spot(
                Decimal(goal),
                WINDOW,
                goal,
                Decimal(1),
                growth.__class__(0.0, (0, 0), 9, 0, WINDOW).at_close(type(episode)(episode.published, {WINDOW: goal})),
            )
            pace = baked_in_pace(
                booked=2 * goal,
                first=NOV,
                last=NOV + timedelta(days=WINDOW),
                as_of=NOV + timedelta(days=age),
                spots=[spot, old],
                days_left=WINDOW - age,
            )
            bands.append(pace.band)
    return bands


@pytest.mark.parametrize("name", ["steady", "fast_and_slow", "noisy_first_day", "weekdays", "hits", "growing"])
@pytest.mark.parametrize("age", [1, 7, 14])
def test_an_episode_that_ends_as_promised_raises_no_alarm(name, age):
    bands = bands_at(name, age, goal_share=1.0)

    # An interval of 80 % leaves one in ten on each side.
    assert bands.count(BEHIND) <= 0.15 * len(bands)
    assert bands.count(OVER) <= 0.15 * len(bands)


@pytest.mark.parametrize("name", ["steady", "weekdays", "growing"])
def test_an_episode_that_ends_a_third_short_is_found_in_its_second_week(name):
    bands = bands_at(name, 7, goal_share=1.5)

    assert bands.count(BEHIND) >= 0.9 * len(bands)
