"""The walk of a booking's status, told by its own events."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bookings.automation import expire_holds, move_bookings
from bookings.models import IOBooking, Makegood, OrderProfile, SlotClaim
from bookings.services import change_booking, move_booking, number_order, schedule_booking, upsert_booking
from bookings.subscribers import follow_the_deal, tell_the_owner_of_a_hold
from deals.services import move_deal
from tests.factories import (
    NOON,
    make_ad_unit,
    make_booking,
    make_campaign,
    make_episode,
    make_order,
    make_podcast,
    make_sponsor,
    make_user,
)
from tracker.events.models import Event
from tracker.lib.actors import SYSTEM
from tracker.lib.errors import Conflict, DomainError

DAY = timedelta(days=1)
Status = IOBooking.Status


def move(booking, to, at=NOON, **fields):
    return move_booking(booking=booking, to=to, by=SYSTEM, at=at, **fields)


def refused(booking, to, at=NOON, **fields):
    with pytest.raises(DomainError) as refusal:
        move(booking, to, at, **fields)
    return refusal.value


def told(*types):
    return [event.type for event in Event.objects.filter(type__in=types).order_by("seq")]


IN_STATUS = {
    Status.DRAFT: {},
    Status.HELD: {"held_until": NOON + DAY},
    Status.SCHEDULED: {},
    Status.ACTIVE: {},
    Status.PAUSED: {},
    Status.MAKEGOOD: {},
    Status.COMPLETED: {"completed_at": NOON},
    Status.CANCELLED: {},
    Status.EXPIRED: {},
}


@pytest.mark.parametrize("was", list(IN_STATUS))
def test_only_the_moves_of_the_machine_are_legal(tenant, was):
    for to in set(Status.values) - IOBooking.TRANSITIONS.get(was, set()) - {was}:
        booking = make_booking(status="draft", booking_fields={"status": was, **IN_STATUS[was]})

        refusal = refused(booking, to, reason="because")

        assert (refusal.code, refusal.details["current"]) == ("invalid_transition", was)
        assert set(refusal.details["allowed"]) == {str(one) for one in IOBooking.TRANSITIONS.get(was, set())}
    assert not Event.objects.filter(type="io.status_changed").exists()


def test_the_same_status_again_changes_and_tells_nothing(tenant):
    booking = make_booking()

    again = move(booking, "scheduled")

    assert again.revision == 1
    assert told("io.status_changed") == []


def test_a_draft_walks_to_completed_and_tells_each_step_once(tenant):
    booking = make_booking(status="draft")

    for to in ("held", "scheduled", "active", "paused", "active"):
        move(booking, to)
    move(booking, "completed", at=booking.flight_end)

    steps = [
        (event.data["from_status"], event.data["to_status"]) for event in Event.objects.filter(type="io.status_changed")
    ]
    assert steps == [
        ("draft", "held"),
        ("held", "scheduled"),
        ("scheduled", "active"),
        ("active", "paused"),
        ("paused", "active"),
        ("active", "completed"),
    ]
    assert told("io.scheduled", "io.delivered") == ["io.scheduled", "io.delivered"]
    delivered = Event.objects.get(type="io.delivered").data
    # Nobody reported a day: unknown, not zero.
    assert (delivered["booked_impressions"], delivered["delivered_impressions"]) == (10_000, None)


def test_completing_early_needs_the_goal_met_or_a_reason(tenant):
    booking = move(make_booking(), "active")

    assert refused(booking, "completed").code == "flight_not_over"
    assert move(booking, "completed", reason="the sponsor is content").status == "completed"


def test_delivery_is_told_once_though_a_case_opens_and_closes_again(tenant):
    booking = move(make_booking(), "active")
    move(booking, "completed", at=booking.flight_end)
    move(booking, "makegood", at=booking.flight_end, makegood_reason=Makegood.Reason.WRONG_PROMO)

    assert refused(booking, "completed", at=booking.flight_end).code == "case_open"
    move(booking, "completed", at=booking.flight_end, reason="settled by hand")

    assert told("io.delivered") == ["io.delivered"]
    assert Makegood.objects.get().reason == "wrong_promo"


def test_claims_end_with_their_window(tenant):
    booking = move(make_booking(), "active")
    move(booking, "completed", at=booking.flight_end)

    late = booking.flight_end + 31 * DAY

    assert refused(booking, "makegood", at=late).code == "claim_window_closed"


def test_cancelling_needs_a_reason_frees_the_slot_and_writes_what_is_owed(tenant):
    booking = make_booking(flight_start=NOON + 7 * DAY, flight_end=NOON + 35 * DAY)

    assert refused(booking, "cancelled", reason=" . ").code == "reason_required"
    gone = move(booking, "cancelled", reason="budget cut")

    # 250.00 gross, 28 days; the 14 days of notice end on the 7th day of the flight: 7 / 28 of it.
    assert gone.cancel_charge_cents == 6_250
    assert gone.notice_ends_at == NOON + 14 * DAY
    assert not SlotClaim.objects.exists()
    assert make_booking(ad_unit=booking.ad_unit).status == "scheduled"


def test_a_hold_that_is_given_back_or_bought_costs_nothing_to_leave(tenant):
    hold = make_booking(status="held")

    assert hold.held_until == NOON + timedelta(hours=72)
    assert refused(hold, "expired").code == "hold_not_over"
    assert move(hold, "cancelled", reason="not needed").cancel_charge_cents == 0


def test_entering_scheduled_asks_again_whether_the_slot_is_free(tenant):
    draft = make_booking(status="draft")
    make_booking(ad_unit=draft.ad_unit)

    refusal = refused(draft, "scheduled")

    draft.refresh_from_db()
    assert (refusal.code, draft.status) == ("slot_taken", "draft")
    assert told("io.status_changed") == []


def test_lead_time_and_length_of_a_flight_are_kept(tenant):
    unit = make_ad_unit(lead_days=5, min_flight_days=7, max_flight_days=28)
    soon = {"flight_start": NOON + 4 * DAY, "flight_end": NOON + 20 * DAY}

    with pytest.raises(Conflict) as lead:
        make_booking(ad_unit=unit, **soon)
    with pytest.raises(Conflict) as short:
        make_booking(ad_unit=unit, flight_start=NOON + 10 * DAY, flight_end=NOON + 11 * DAY)

    assert (lead.value.code, lead.value.details["earliest"]) == ("lead_time", "2026-11-26")
    assert short.value.code == "flight_length"
    assert make_booking(ad_unit=unit, is_record=True, **soon).status == "scheduled"


# --- the clock ---
def test_the_clock_starts_and_completes_lines(tenant):
    booking = make_booking(flight_start=NOON + DAY, flight_end=NOON + 2 * DAY)

    assert move_bookings(at=NOON).counts == {"started": 0, "completed": 0, "refused": 0}
    assert move_bookings(at=NOON + DAY).counts["started"] == 1
    assert move_bookings(at=NOON + DAY).counts["started"] == 0
    # Baked in without an episode: measuring closes with the window; nobody reports, so it waits a week more.
    done = move_bookings(at=NOON + 60 * DAY)
    booking.refresh_from_db()
    assert (done.counts["completed"], booking.status) == (1, "completed")


@pytest.mark.parametrize(
    ("first_day", "utc_start"),
    [
        (datetime(2027, 3, 28, tzinfo=ZoneInfo("Europe/Berlin")), datetime(2027, 3, 27, 23, tzinfo=UTC)),
        (datetime(2027, 10, 31, tzinfo=ZoneInfo("Europe/Berlin")), datetime(2027, 10, 30, 22, tzinfo=UTC)),
    ],
)
def test_a_flight_starts_at_its_own_midnight_on_days_when_the_clocks_change(tenant, first_day, utc_start):
    booking = make_booking(flight_start=first_day, flight_end=first_day + 7 * DAY)

    assert booking.flight_start == utc_start
    assert move_bookings(at=utc_start - timedelta(minutes=1)).counts["started"] == 0
    assert move_bookings(at=utc_start).counts["started"] == 1


def test_holds_end_by_themselves_and_their_owner_is_told_a_day_before(tenant, mailoutbox):
    owner = make_user(email="seller@acme.example")
    hold = make_booking(status="held", campaign=make_campaign(owner=owner), held_until=NOON + 3 * DAY)

    assert expire_holds(at=NOON + DAY).counts == {"expired": 0, "warned": 0}
    assert expire_holds(at=NOON + 2 * DAY).counts == {"expired": 0, "warned": 1}
    assert expire_holds(at=NOON + 2 * DAY).counts == {"expired": 0, "warned": 0}
    tell_the_owner_of_a_hold(Event.objects.get(type="io.hold_ending"))
    assert expire_holds(at=NOON + 3 * DAY).counts == {"expired": 1, "warned": 0}

    hold.refresh_from_db()
    assert hold.status == "expired"
    assert [mail.to for mail in mailoutbox] == [["seller@acme.example"]]
    assert "24 Nov 2026" in mailoutbox[0].body


# --- the deal ---
def test_a_lost_deal_gives_its_holds_back_twice_without_harm(tenant, sales_manager):
    campaign = make_campaign(stage="negotiation")
    hold = make_booking(status="held", campaign=campaign)
    kept = make_booking(campaign=campaign)
    move_deal(campaign=campaign, to="lost", by=sales_manager, at=NOON, reason="too dear")
    event = Event.objects.get(type="deal.stage_changed")

    follow_the_deal(event)
    follow_the_deal(event)

    hold.refresh_from_db()
    kept.refresh_from_db()
    assert (hold.status, kept.status) == ("cancelled", "scheduled")
    assert "too dear" in hold.status_reason


def test_a_won_deal_gets_one_draft_order(tenant, sales_manager):
    campaign = make_campaign(stage="negotiation")
    move_deal(campaign=campaign, to="won", by=sales_manager, at=NOON)
    event = Event.objects.get(type="deal.stage_changed")

    follow_the_deal(event)
    follow_the_deal(event)

    assert campaign.orders.count() == 1


def test_a_deal_knows_whether_a_booking_of_it_runs(tenant):
    booking = make_booking()
    campaign = booking.campaign

    move(booking, "active")
    campaign.refresh_from_db()
    assert (campaign.has_active_booking, campaign.booked_from) == (True, (NOON + DAY).date())
    move(booking, "cancelled", reason="budget cut")
    campaign.refresh_from_db()
    assert (campaign.has_active_booking, campaign.booked_from) == (False, None)


# --- changes ---
def test_a_changed_line_moves_its_slot_and_tells_before_and_after(tenant):
    booking = make_booking()

    changed = change_booking(booking=booking, by=SYSTEM, at=NOON, flight_end=booking.flight_end + 7 * DAY)
    again = change_booking(booking=booking, by=SYSTEM, at=NOON, flight_end=booking.flight_end + 7 * DAY)

    assert (changed.revision, again.revision) == (2, 2)
    assert changed.claim.during.upper == booking.flight_end + 7 * DAY
    told_change = Event.objects.get(type="io.changed").data["changed"]
    assert list(told_change) == ["flight_end"]


def test_what_runs_keeps_its_start_and_what_ended_keeps_its_numbers(tenant):
    running = move(make_booking(), "active")

    with pytest.raises(Conflict) as moved:
        change_booking(booking=running, by=SYSTEM, at=NOON, flight_start=NOON)
    ended = move(running, "cancelled", reason="budget cut")
    with pytest.raises(Conflict) as late:
        change_booking(booking=ended, by=SYSTEM, at=NOON, booked_impressions=1)

    assert (moved.value.code, late.value.code) == ("booking_running", "booking_ended")


def test_a_row_of_a_file_is_known_again_by_deal_unit_episode_and_start(tenant):
    podcast = make_podcast()
    row = {
        "campaign": make_campaign(),
        "ad_unit": make_ad_unit(podcast),
        "episode": make_episode(podcast),
        "flight_start": NOON,
        "flight_end": NOON + 28 * DAY,
        "booked_impressions": 1_000,
        "booked_cpm_cents": 2_000,
        "by": SYSTEM,
        "at": NOON,
    }

    outcomes = [upsert_booking(**row).outcome, upsert_booking(**row).outcome]
    more = upsert_booking(**{**row, "booked_impressions": 2_000})

    assert (outcomes, more.outcome) == (["created", "unchanged"], "changed")
    assert (IOBooking.objects.count(), more.booking.gross_cents) == (1, 4_000)
    move(more.booking, "cancelled", reason="budget cut")
    assert upsert_booking(**{**row, "booked_impressions": 2_000}).outcome == "unchanged"
    assert IOBooking.objects.count() == 1


def test_a_makegood_costs_nothing_and_names_what_it_repairs(tenant):
    short = make_booking()

    repair = make_booking(
        campaign=short.campaign, makegood_of=short, flight_start=NOON + 90 * DAY, ad_unit=short.ad_unit
    )

    assert (repair.gross_cents, repair.makegood_of_id) == (0, short.pk)


def test_a_flat_line_costs_what_was_agreed(tenant):
    line = make_booking(flat_cents=123_456)

    assert (line.rate_type, line.gross_cents) == ("flat", 123_456)


# --- codes ---
def test_the_bookings_of_one_sponsor_on_one_show_share_code_and_link(tenant):
    podcast, sponsor = make_podcast(title="The Long Commute"), make_sponsor(name="Halden")
    first = make_booking(ad_unit=make_ad_unit(podcast), campaign=make_campaign(sponsor=sponsor))
    second = make_booking(ad_unit=make_ad_unit(podcast), campaign=make_campaign(sponsor=sponsor))

    assert first.promo_code == second.promo_code == "LONGCOMMUTE"
    assert first.vanity_url == second.vanity_url


@pytest.mark.parametrize("spelling", ["SAVE10", "save10", "ＳＡＶＥ１０", "Save10"])
def test_a_code_of_one_sponsor_leads_to_one_show_whatever_its_spelling(tenant, spelling):
    sponsor = make_sponsor()
    make_booking(campaign=make_campaign(sponsor=sponsor), promo_code="Save10")

    with pytest.raises(Conflict) as refusal:
        make_booking(campaign=make_campaign(sponsor=sponsor), promo_code=spelling)

    assert refusal.value.code == "promo_code_taken"
    assert make_booking(promo_code=spelling).promo_code == spelling.translate({0xFEE0 + n: n for n in range(33, 127)})


def test_a_code_may_move_to_another_show_once_nothing_speaks_it(tenant):
    sponsor = make_sponsor()
    old = make_booking(campaign=make_campaign(sponsor=sponsor), promo_code="SAVE10")
    move(old, "cancelled", reason="budget cut")

    assert make_booking(campaign=make_campaign(sponsor=sponsor), promo_code="save10").promo_code == "save10"


@pytest.mark.parametrize("spelling", ["/go/halden", "/go/Halden/", "/go/HALDEN", "/go/h%61lden"])
def test_a_path_belongs_to_one_sponsor_and_show_whatever_its_spelling(tenant, spelling):
    base = make_booking().vanity_url.split("/go/")[0]
    make_booking(vanity_url=f"{base}/go/halden")

    with pytest.raises(Conflict) as refusal:
        make_booking(vanity_url=f"{base}{spelling}")

    assert refusal.value.code == "vanity_path_taken"


def test_a_link_on_a_foreign_host_is_kept_as_it_is(tenant):
    assert make_booking(vanity_url="brand.example/pod").vanity_url == "https://brand.example/pod"


# --- numbers ---
def test_orders_are_numbered_without_gaps_and_once(tenant):
    OrderProfile.objects.create(number_prefix="NLA")
    first, second = make_order(), make_order()

    numbers = [number_order(order=order, by=SYSTEM, at=NOON).number for order in (first, second, first)]

    assert numbers == ["NLA-2026-0001", "NLA-2026-0002", "NLA-2026-0001"]


def test_a_refused_transaction_gives_its_number_back(tenant):
    with pytest.raises(RuntimeError), transaction_that_fails():
        number_order(order=make_order(), by=SYSTEM, at=NOON)

    assert number_order(order=make_order(), by=SYSTEM, at=NOON).number.endswith("-0001")


def transaction_that_fails():
    from contextlib import contextmanager

    from django.db import transaction

    @contextmanager
    def fails():
        with transaction.atomic():
            yield
            raise RuntimeError

    return fails()


def test_a_lost_deal_is_not_booked(tenant):
    with pytest.raises(Conflict) as refusal:
        schedule_booking(
            campaign=make_campaign(stage="lost"),
            ad_unit=make_ad_unit(),
            flight_start=NOON,
            flight_end=NOON + DAY,
            booked_impressions=1,
            booked_cpm_cents=1,
            by=SYSTEM,
            at=NOON,
        )

    assert refusal.value.code == "deal_lost"
