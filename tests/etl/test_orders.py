"""Files of orders with numbers of somebody else: revisions, what waits for a person, and taking a file back."""

from datetime import UTC, datetime

import pytest

from bookings.models import InsertionOrder, IOBooking
from etl.models import ExternalLine, LineChange, WaitingRow
from etl.services import answer_lines, save_profile, undo_import
from tests.etl.files import BOOKINGS_HEADER, bring_in, issues
from tests.factories import NOON, make_ad_unit, make_campaign, make_episode
from tracker.lib.actors import SYSTEM

HEADER = "Order No,Rev,Line,Deal,Placement,Episode,From,To,Impressions,Net cost"
COLUMNS = {
    **{"order": "order no", "revision": "rev", "line": "line", "campaign": "deal", "ad_unit": "placement"},
    **{"episode": "episode", "flight_start": "from", "flight_end": "to", "impressions": "impressions"},
    "cost": "net cost",
}
ANSWERS = {"currency": "USD", "time_zone": "UTC", "day_first": "day"}


@pytest.fixture
def place(tenant):
    return make_ad_unit(delivery="dynamic", name="Mid-roll A")


@pytest.fixture
def mapped(tenant):
    return save_profile(
        header=HEADER.split(","), columns=COLUMNS, source="", kind="bookings", title="Agency X", by=SYSTEM, at=NOON
    )


def orders(*rows: str, name: str = "x.csv", **options):
    return bring_in("\n".join([HEADER, *rows]) + "\n", name=name, answers=ANSWERS, **options)


def row(rev: int = 1, *, order="A-17", deal="Spring", impressions="10.000", cost='"$1,250.50"', line="1") -> str:
    return f"{order},{rev},{line},{deal},mid-roll a,,1/3/2027,28/3/2027,{impressions},{cost}"


def test_a_line_is_booked_under_its_own_number_with_money_and_days_as_written(place, mapped):
    campaign = make_campaign(stage="won", name="Spring")

    run = orders(row())

    booking = IOBooking.objects.get()
    assert (run.kind, run.records_imported, run.metadata["profile"]) == ("io_orders", 1, "Agency X")
    # 1,250.50 for 10,000: 125.05 for a thousand.
    assert (booking.booked_impressions, booking.booked_cpm_cents) == (10_000, 12_505)
    assert (booking.flight_start, booking.flight_end) == (
        datetime(2027, 3, 1, tzinfo=UTC),
        datetime(2027, 3, 29, tzinfo=UTC),
    )
    assert (booking.campaign, booking.external_ref) == (campaign, "A-17/1")
    assert booking.order.number is None


def test_an_older_revision_arriving_late_does_not_win(place, mapped):
    make_campaign(stage="won", name="Spring")
    orders(row(3, impressions="30.000"))

    late = orders(row(2, impressions="20.000"))
    newer = orders(row(4, impressions="40.000"))

    assert (late.records_imported, late.metadata["older"]) == (0, 1)
    assert newer.metadata["changed"] == 1
    assert IOBooking.objects.get().booked_impressions == 40_000
    assert ExternalLine.objects.get().revision == 4


def test_lines_that_wait_are_booked_by_one_answer(place, mapped):
    campaign = make_campaign(stage="won", name="Spring")
    other = make_ad_unit(place.podcast, delivery="dynamic", name="Pre-roll B")
    run = orders(
        row(),
        row(order="B-9", deal="Nobody", line="1").replace("mid-roll a", other.name),
        row(order="B-9", deal="Nobody", line="2").replace("1/3/2027,28/3/2027", "1/5/2027,28/5/2027"),
    )
    assert (run.records_imported, run.records_failed) == (1, 2)

    taken = answer_lines(row=run.waiting.order_by("line").first(), campaign=campaign, by=SYSTEM, at=NOON)

    run.refresh_from_db()
    assert (taken, run.records_imported, run.records_failed) == (2, 3, 0)
    assert set(IOBooking.objects.values_list("external_ref", flat=True)) == {"A-17/1", "B-9/1", "B-9/2"}
    assert (
        orders(row(order="B-9", deal="Nobody", line="1").replace("mid-roll a", other.name)).metadata["unchanged"] == 1
    )


def test_a_revision_of_a_sent_order_waits_until_a_person_takes_it(place, mapped):
    make_campaign(stage="won", name="Spring")
    orders(row(1))
    InsertionOrder.objects.update(status="sent", number="IO-1", sent_at=NOON)

    run = orders(
        row(2, impressions="20.000"), row(1, order="A-17", line="2").replace("1/3/2027,28/3/2027", "1/6/2027,2/6/2027")
    )
    assert IOBooking.objects.get(external_ref="A-17/1").booked_impressions == 10_000
    wait = WaitingRow.objects.get(import_run=run)
    assert wait.code == "order_sent"

    answer_lines(row=wait, by=SYSTEM, at=NOON)

    assert IOBooking.objects.get(external_ref="A-17/1").booked_impressions == 20_000
    assert ExternalLine.objects.get(line_ref="1").revision == 2


@pytest.mark.parametrize(
    ("cost", "code"), [('"(1,250.50)"', "amount_below_zero"), ("€ 12", "other_currency"), ("1.2.3", "not_an_amount")]
)
def test_money_that_cannot_be_meant_is_refused(place, mapped, cost, code):
    make_campaign(stage="won", name="Spring")

    run = orders(row(cost=cost), row(line="2").replace("1/3/2027,28/3/2027", "1/6/2027,2/6/2027"))

    assert [found for *_rest, found in issues(run)] == [code]


def test_opendirect_lines_ask_for_their_revision_and_book(place):
    text = (
        "id,name,orderid,productid,startdate,enddate,ratetype,rate,qty,cost\n"
        f"7,Line,OD-1,{place.pk},2027-03-01,2027-03-28,CPM,14.00,8000,112\n"
        f"8,Line,OD-1,{place.pk},2027-04-01,2027-04-28,FlatRate,14.00,8000,112\n"
    )

    asked = bring_in(text, name="lines_rev2.csv", dry_run=True)
    assert asked.metadata["asked"]["asks"] == ["revision", "currency", "time_zone"]
    assert asked.metadata["asked"]["suggested"]["revision"] == "2"
    run = bring_in(text, name="lines_rev2.csv", answers={**ANSWERS, "revision": "2"}, dry_run=True)
    assert run.metadata["lines_waiting"] == 1
    assert sorted(found for *_rest, found in issues(run)) == ["rate_not_cpm", "unknown_deal"]


# --- taking a file back -----------------------------------------------------------------------------------------------
def bookings(*rows: str, **options):
    return bring_in("\n".join([BOOKINGS_HEADER, *rows]) + "\n", name="io.csv", **options)


def test_undoing_a_bookings_file_takes_out_what_it_made_and_sets_back_what_it_changed(place):
    campaign, line = make_campaign(stage="won"), "%s,%s,,2027-03-01,2027-03-28,%s,1400,,"
    bookings(line % (campaign.pk, place.pk, 8000))
    orders_before = InsertionOrder.objects.count()
    other = make_campaign(stage="won")

    run = bookings(line % (campaign.pk, place.pk, 9000), f"{other.pk},{place.pk},,2027-05-01,2027-05-28,7000,1400,,")
    assert IOBooking.objects.count() == 2
    undone = undo_import(import_run=run, by=SYSTEM, at=NOON)

    booking = IOBooking.objects.get()
    assert (booking.booked_impressions, booking.campaign) == (8000, campaign)
    told = undone.metadata["undo"]
    assert (told["removed"], told["restored"], told["kept"]) == (1, 1, 0)
    assert InsertionOrder.objects.count() == orders_before
    again = bookings(f"{other.pk},{place.pk},,2027-05-01,2027-05-28,7000,1400,,")
    assert again.metadata["new"] == 1


def test_a_line_that_somebody_changed_since_stays_and_is_listed(place):
    campaign, line = make_campaign(stage="won"), "%s,%s,,2027-03-01,2027-03-28,%s,1400,,"
    run = bookings(line % (campaign.pk, place.pk, 8000))
    bookings(line % (campaign.pk, place.pk, 9000))

    undone = undo_import(import_run=run, by=SYSTEM, at=NOON)

    assert IOBooking.objects.get().booked_impressions == 9000
    assert undone.metadata["undo"]["kept"] == 1
    assert undone.metadata["undo"]["kept_rows"][0]["day"] == "2027-03-01"
    assert not LineChange.objects.filter(import_run=run, is_undone=True).exists()


def test_an_unknown_deal_or_episode_of_the_contracts_file_waits(place):
    campaign = make_campaign(stage="won")
    known, lost = "%s,%s,,2027-03-01,2027-03-28,8000,1400,,", "01900000-0000-7000-8000-000000000001"
    run = bookings(known % (campaign.pk, place.pk), f"{lost},{place.pk},,2027-06-01,2027-06-28,8000,1400,,")

    taken = answer_lines(row=run.waiting.get(), campaign=campaign, by=SYSTEM, at=NOON)

    assert (taken, IOBooking.objects.count()) == (1, 2)
    assert issues(run) == []


def test_an_unknown_episode_is_made_by_one_click(place):
    campaign, unit = make_campaign(stage="won"), make_ad_unit(place.podcast, delivery="dynamic", name="Post")
    known = make_episode(place.podcast)
    lost = "01900000-0000-7000-8000-000000000002"
    run = bookings(
        f"{campaign.pk},{place.pk},{known.pk},2027-03-01,2027-03-28,8000,1400,,",
        f"{campaign.pk},{unit.pk},{lost},2027-06-01,2027-06-28,8000,1400,,",
    )

    answer_lines(row=run.waiting.get(), by=SYSTEM, at=NOON)

    assert IOBooking.objects.get(ad_unit=unit).episode.title == lost
