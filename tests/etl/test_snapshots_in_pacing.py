"""Downloads so far feed the curve and the pacing of baked-in lines as they are; whole-show days feed dynamic lines."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from bookings.delivery.inputs import gather
from bookings.delivery.paces import Pacer
from metrics.models import DailyRollup
from metrics.reports import FigureOfShow, SnapshotOf, forget_reports, record_show_figures, record_snapshots
from tests.factories import NOON, make_ad_unit, make_booking, make_campaign, make_episode, make_podcast

TODAY = NOON.date()


def out(show, days_ago: int, **fields):
    return make_episode(show, drops_at=NOON - timedelta(days=days_ago), is_published=True, **fields)


def told(episode, window: int | None, downloads: int, *, as_of: date = TODAY - timedelta(days=1)) -> SnapshotOf:
    return SnapshotOf(episode.pk, "megaphone", window, as_of, downloads)


def test_windows_teach_the_curve_and_the_newest_total_is_what_was_delivered(tenant):
    show = make_podcast()
    closed = [out(show, 40 + 7 * n) for n in range(4)]
    young = out(show, 7)
    rows = [told(one, window, downloads) for one in closed for window, downloads in ((7, 800), (30, 1000))]
    # Seven days out by yesterday's end: 400 so far, where half of what comes in thirty days would be expected.
    record_snapshots(rows=[*rows, told(young, None, 400)], import_id=None, at=NOON)
    unit = make_ad_unit(show, delivery="baked_in")
    line = make_booking(
        campaign=make_campaign(stage="won"),
        ad_unit=unit,
        episode=young,
        flight_start=datetime(2026, 11, 13, tzinfo=UTC),
        flight_end=datetime(2026, 12, 31, tzinfo=UTC),
        booked_impressions=1000,
        at=NOON - timedelta(days=10),
    )

    inputs = gather([line], at=NOON, source="megaphone")
    spot = Pacer(inputs, inputs.bands).pace(inputs.flights[0]).spots[0]

    assert not DailyRollup.objects.exists()
    assert inputs.kept[young.pk, "megaphone"] == {7: 400}
    assert (spot.day, spot.delivered) == (7, 400)
    # The curve has 800 of 1,000 by the seventh day.
    assert round(spot.expected) == 800


def test_days_of_a_whole_show_pace_a_dynamic_line_until_episodes_are_told(tenant):
    show = make_podcast()
    days = [TODAY - timedelta(days=n) for n in (3, 2, 1)]
    record_show_figures(
        rows=[FigureOfShow(show.pk, "anchor", day, day, downloads=100) for day in days], import_id=None, at=NOON
    )
    line = make_booking(
        campaign=make_campaign(stage="won"),
        ad_unit=make_ad_unit(show, delivery="dynamic"),
        flight_start=datetime.combine(days[0], datetime.min.time(), UTC),
        flight_end=datetime.combine(days[0] + timedelta(days=10), datetime.min.time(), UTC),
        booked_impressions=1000,
        at=NOON - timedelta(days=10),
    )

    inputs = gather([line], at=NOON, source="anchor")

    assert inputs.show_days[show.pk, "anchor"] == dict.fromkeys(days, 100)


FIRST, SECOND = UUID(int=1), UUID(int=2)


@pytest.mark.parametrize(
    ("undone", "known"),
    [
        # The count known an hour after each of: the first import, the second, the first undo, the second undo.
        ((SECOND, FIRST), [400, 500, 400, None]),
        ((FIRST, SECOND), [400, 500, 500, None]),
    ],
)
def test_what_was_known_holds_each_snapshot_and_day_until_it_was_restated_or_taken_back(tenant, undone, known):
    show = make_podcast()
    young = out(show, 7)
    baked = make_booking(
        campaign=make_campaign(stage="won"),
        ad_unit=make_ad_unit(show, delivery="baked_in"),
        episode=young,
        flight_start=NOON - timedelta(days=8),
        flight_end=NOON + timedelta(days=30),
        booked_impressions=1000,
        at=NOON - timedelta(days=10),
    )
    dynamic = make_booking(
        campaign=make_campaign(stage="won"),
        ad_unit=make_ad_unit(show, delivery="dynamic"),
        flight_start=NOON - timedelta(days=3),
        flight_end=NOON + timedelta(days=3),
        booked_impressions=1000,
        at=NOON - timedelta(days=10),
    )
    day = TODAY - timedelta(days=1)
    moments = [NOON - timedelta(hours=10 - 2 * n) for n in range(4)]
    for import_id, downloads, at in ((FIRST, 400, moments[0]), (SECOND, 500, moments[1])):
        record_snapshots(rows=[told(young, None, downloads)], import_id=import_id, at=at)
        of_show = FigureOfShow(show.pk, "megaphone", day, day, downloads=downloads)
        record_show_figures(rows=[of_show], import_id=import_id, at=at)
    for import_id, at in zip(undone, moments[2:], strict=True):
        forget_reports(import_id=import_id, at=at)

    def counted(known_at: datetime | None) -> tuple[int | None, int | None]:
        inputs = gather([baked, dynamic], at=NOON, known_at=known_at, source="megaphone")
        of_episode = inputs.kept.get((young.pk, "megaphone"), {}).get(7)
        return of_episode, inputs.show_days.get((show.pk, "megaphone"), {}).get(day)

    assert counted(moments[0] - timedelta(hours=1)) == (None, None)
    assert [counted(at + timedelta(hours=1)) for at in moments] == [(count, count) for count in known]
    assert counted(None) == (None, None)
