"""The contract's bookings file: rows book lines, are known again, and are refused one by one."""

from datetime import UTC, datetime
from uuid import uuid4

from bookings.models import IOBooking
from tests.etl.files import BOOKINGS_HEADER, bring_in, issues
from tests.factories import make_ad_unit, make_campaign, make_episode
from tracker.events.models import Event


def bookings_csv(*rows: str) -> str:
    return "\n".join([BOOKINGS_HEADER, *rows]) + "\n"


def test_a_row_books_a_line_whose_flight_is_whole_days(tenant):
    campaign, unit = make_campaign(stage="won"), make_ad_unit(delivery="dynamic")

    run = bring_in(bookings_csv(f"{campaign.pk},{unit.pk},,2027-03-01,2027-03-28,8000,1400,,"), name="io.csv")

    booking = IOBooking.objects.get()
    assert (run.kind, run.status, run.records_imported, run.records_failed) == ("io_bookings", "completed", 1, 0)
    assert (booking.flight_start, booking.flight_end) == (
        datetime(2027, 3, 1, tzinfo=UTC),
        datetime(2027, 3, 29, tzinfo=UTC),
    )
    assert (booking.status, booking.booked_impressions, booking.booked_cpm_cents) == ("scheduled", 8000, 1400)
    assert booking.promo_code
    assert Event.objects.filter(type="io.scheduled").count() == 1


def test_the_same_file_again_changes_nothing_and_new_numbers_change_the_line(tenant):
    campaign, unit = make_campaign(stage="won"), make_ad_unit(delivery="dynamic")
    row = f"{campaign.pk},{unit.pk},,2027-03-01,2027-03-28,%s,1400,,"
    bring_in(bookings_csv(row % 8000), name="io.csv")

    again = bring_in(bookings_csv(row % 8000), name="io.csv")
    changed = bring_in(bookings_csv(row % 9000), name="io.csv")

    assert (again.records_imported, again.metadata["unchanged"]) == (0, 1)
    assert (changed.records_imported, changed.metadata["changed"]) == (1, 1)
    assert IOBooking.objects.get().booked_impressions == 9000


def test_each_refused_row_says_why_while_the_others_are_booked(tenant):
    campaign, unit = make_campaign(stage="won"), make_ad_unit(delivery="dynamic")
    foreign = make_episode()
    deal, place = campaign.pk, unit.pk

    run = bring_in(
        bookings_csv(
            f"{deal},{place},,2027-03-01,2027-03-28,8000,1400,,",
            f"{uuid4()},{place},,2027-05-01,2027-05-28,8000,1400,,",
            f"{deal},{uuid4()},,2027-05-01,2027-05-28,8000,1400,,",
            f"{deal},{place},{foreign.pk},2027-05-01,2027-05-28,8000,1400,,",
            f"{deal},{place},,2027-05-28,2027-05-01,8000,1400,,",
            f"{deal},{place},,2027-05-01T00:00:00,2027-05-28,8000,1400,,",
            f"{deal},{place},,2027-05-01,2027-05-28,,14.00,,",
            f"{deal},{place},,2027-03-10,2027-03-12,8000,1400,,",
        ),
        name="io.csv",
    )

    assert (run.status, run.records_imported, run.records_failed) == ("completed", 1, 7)
    told = {line: (column, code) for line, column, _value, code in issues(run)}
    assert told[3] == ("deal_id", "unknown_deal")
    assert told[4] == ("ad_unit_id", "unknown_ad_unit")
    assert told[5] == ("episode_id", "episode_of_other_show")
    assert told[6] == ("flight_end", "flight_not_in_order")
    assert told[7] == ("flight_start", "offset_missing")
    assert told[8] == ("booked_cpm_cents", "not_whole_cents")
    assert told[9] == ("", "slot_taken")
    assert IOBooking.objects.count() == 1


def test_a_strict_file_with_a_taken_slot_books_nothing(tenant):
    campaign, unit = make_campaign(stage="won"), make_ad_unit(delivery="dynamic")
    other = make_campaign(stage="won")

    run = bring_in(
        bookings_csv(
            f"{campaign.pk},{unit.pk},,2027-03-01,2027-03-28,8000,1400,,",
            f"{other.pk},{unit.pk},,2027-03-05,2027-03-10,8000,1400,,",
        ),
        name="io.csv",
        strict=True,
    )

    assert (run.status, run.records_imported, run.records_failed) == ("failed", 0, 1)
    assert not IOBooking.objects.exists()
    assert [line for line, *_rest in issues(run)] == [3]


def test_a_dry_run_of_bookings_writes_and_tells_nothing(tenant):
    campaign, unit = make_campaign(stage="won"), make_ad_unit(delivery="dynamic")
    events = Event.objects.count()

    run = bring_in(
        bookings_csv(f"{campaign.pk},{unit.pk},,2027-03-01,2027-03-28,8000,1400,,"), name="io.csv", dry_run=True
    )

    assert (run.status, run.records_imported, run.metadata["would_import"]) == ("completed", 0, 1)
    assert not IOBooking.objects.exists()
    assert Event.objects.count() == events
