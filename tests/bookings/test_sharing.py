"""Lines that share a dynamic unit: each impression counts for one of them."""

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.delivery.pauses import black_out
from bookings.delivery.queries import pacing_of
from bookings.models import AdUnit
from tests.bookings.deliveries import NOW, make_episode, make_line, make_show, measure, nov
from tracker.lib.actors import SYSTEM


@pytest.fixture
def unit(tenant) -> AdUnit:
    show = make_show()
    measure(make_episode(show, nov(-30)), [900] * 20)
    return AdUnit.objects.create(
        podcast=show, name="Mid-roll", position="mid", duration_seconds=30, delivery="dynamic", is_shared=True
    )


def delivered(*lines) -> list[int | None]:
    return [pace.delivered for pace in pacing_of(lines, at=NOW)]


def test_a_days_impressions_are_split_by_what_each_line_asks_of_it(unit):
    # 30 days each: 20,000 and 10,000 ask 666.7 and 333.3 a day; of 900 a day they get 600 and 300, for 20 days.
    large, small = make_line(unit=unit, booked=20_000), make_line(unit=unit, booked=10_000)

    assert delivered(large, small) == [12_000, 6_000]
    # Alone asked for, a line still shares with the other.
    assert delivered(small) == [6_000]


def test_whole_parts_add_up_to_what_came(unit):
    # Thirds that are not whole: the largest remainders take the odd ones, day by day.
    lines = [make_line(unit=unit, booked=booked) for booked in (10_000, 10_001, 9_999)]

    assert sum(delivered(*lines)) == 900 * 20


def test_a_line_has_the_day_to_itself_while_the_other_does_not_run(unit):
    first = make_line(unit=unit, booked=9_000, start=nov(1), end=nov(31))
    second = make_line(unit=unit, booked=4_500, start=nov(11), end=nov(31))
    black_out(
        booking=first,
        first_day=date(2026, 11, 15),
        last_day=date(2026, 11, 16),
        reason="holiday",
        by=SYSTEM,
        at=NOW,
    )

    # First: 10 days alone (9,000); then 9,000/28 = 321 a day beside 4,500/20 = 225: 900 x 0.5882 = 529.4 on the 8 days
    # that both run. Second: 370.6 on those 8, and all 900 on the two blacked out: together 900 x 20.
    first_came, second_came = delivered(first, second)
    assert (first_came, second_came) == (9_000 + 8 * 529, 8 * 371 + 2 * 900)


def test_a_cancelled_line_shared_until_it_was_cancelled_and_a_draft_never(unit):
    line = make_line(unit=unit, booked=10_000)
    make_line(unit=unit, booked=10_000, status="draft")
    gone = make_line(unit=unit, booked=10_000, status="cancelled")
    type(gone).objects.filter(pk=gone.pk).update(status_changed_at=nov(5, 12))

    # Five days (1 to 5 November) of 450, then 15 days of 900.
    assert delivered(line) == [5 * 450 + 15 * 900]


def test_an_exclusive_unit_counts_the_whole_show(unit):
    unit.is_shared = False
    unit.save()

    assert delivered(make_line(unit=unit), make_line(unit=unit)) == [18_000, 18_000]


def test_sharing_asks_as_often_for_many_lines(unit):
    lines = [make_line(unit=unit) for _ in range(6)]
    with CaptureQueriesContext(connection) as for_one:
        pacing_of(lines[:1], at=NOW)
    with CaptureQueriesContext(connection) as for_many:
        (*_, last) = pacing_of(lines, at=NOW)

    assert len(for_many) <= len(for_one)
    assert (last.is_shared, last.as_of) == (True, date(2026, 11, 20))
