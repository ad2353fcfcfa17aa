"""Downloads so far feed the curve and the pacing of baked-in lines as they are; whole-show days feed dynamic lines."""

from datetime import UTC, date, datetime, timedelta

from bookings.delivery.inputs import gather
from bookings.delivery.paces import Pacer
from metrics.models import DailyRollup
from metrics.reports import FigureOfShow, SnapshotOf, record_show_figures, record_snapshots
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
