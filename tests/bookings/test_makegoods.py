"""Cases from press to end: opened, offered, answered, made good, credited, waived."""

from datetime import date, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Sum

from bookings.makegoods.offers import accept_offer, decline_offer, offer_makegood, offer_of_link
from bookings.makegoods.ranking import RankedSlot
from bookings.makegoods.services import (
    adjust_owed,
    credit_makegood,
    settle_replacement,
    waive_makegood,
)
from bookings.models import AdUnit, IOBooking, Makegood, MakegoodEntry
from bookings.services import move_booking
from tests.bookings.cases import books_of, press, short_line, slot_of
from tests.bookings.deliveries import NOW, make_episode, make_line, measure, nov
from tracker.events.models import Event
from tracker.lib.actors import SYSTEM
from tracker.lib.errors import Conflict, DomainError, NotFound


def test_a_case_owes_what_was_booked_and_not_delivered(tenant):
    line = short_line()

    case = press(line)

    # 10,000 - 7,000 = 3,000 x 25.00 / 1000 = 75.00
    assert (case.status, case.owed_impressions, case.owed_cents, case.delivered_impressions) == (
        "opened",
        3_000,
        7_500,
        7_000,
    )
    assert books_of(case) == {"owed": 3_000}
    assert [event.type for event in Event.objects.all()] == ["makegood.opened"]


def test_a_second_press_finds_the_case_of_the_first(tenant):
    line = short_line()

    assert press(line) == press(line)
    assert Makegood.objects.count() == 1


def test_entering_makegood_opens_one_case(tenant):
    line = short_line()

    for _ in range(2):
        move_booking(booking=line, to="makegood", by=SYSTEM, at=NOW)

    (case,) = Makegood.objects.all()
    assert (case.reason, case.owed_impressions) == ("short", 3_000)


def test_cases_of_a_line_never_owe_more_than_it_booked(tenant):
    line = short_line()
    press(line)
    late = press(line, "late", owed_impressions=7_000)

    with pytest.raises(Conflict) as refusal:
        press(line, "stale", owed_impressions=1)

    assert late.owed_impressions == 7_000
    assert (refusal.value.code, refusal.value.details["at_most"]) == ("owed_exceeds_booked", 0)
    assert Makegood.objects.aggregate(owed=Sum("owed_impressions"))["owed"] == 10_000


def test_what_was_settled_is_not_owed_again(tenant):
    line = short_line()
    waive_makegood(case=press(line), by=SYSTEM, at=NOW, reason="a friend of the house")

    again = press(line)

    assert (again.owed_impressions, again.owed_cents) == (0, 0)


def test_without_any_measurement_the_whole_line_is_owed_and_said_to_be_unmeasured(tenant):
    case = press(make_line(booked=5_000))

    assert (case.owed_impressions, case.delivered_impressions) == (5_000, None)


def test_a_makegood_has_no_case_of_its_own(tenant):
    line = short_line()

    with pytest.raises(Conflict) as refusal:
        press(make_line(show=line.ad_unit.podcast, makegood_of=line, gross_cents=0))

    assert refusal.value.code == "is_makegood"


def test_the_whole_way_from_offer_to_fulfilled(tenant):
    line = short_line(status="makegood")
    case = press(line)

    offer, token = offer_makegood(case=case, slots=[slot_of(line)], by=SYSTEM, at=NOW)
    opened = offer_of_link(token)
    replacement = accept_offer(offer=opened, option_id=opened.options.get().pk, name="Lena Abt", at=NOW)
    case.refresh_from_db()

    assert (case.status, case.replacement) == ("scheduled", replacement)
    assert (replacement.booked_impressions, replacement.gross_cents, replacement.makegood_of) == (3_000, 0, line)
    assert replacement.status == "scheduled"
    assert books_of(case) == {"owed": 3_000, "offered": 3_000}

    settled = settle_replacement(case=case, delivered=3_400, by=SYSTEM, at=NOW)

    assert (settled.status, settled.fulfilled_impressions, settled.outstanding_impressions) == ("fulfilled", 3_000, 0)
    assert books_of(case) == {"owed": 3_000, "fulfilled": 3_000}
    line.refresh_from_db()
    assert line.status == "completed"
    assert [event.type for event in Event.objects.filter(type__startswith="makegood").order_by("seq")] == [
        "makegood.opened",
        "makegood.offered",
        "makegood.accepted",
        "makegood.scheduled",
        "makegood.fulfilled",
    ]


def test_a_replacement_that_falls_short_opens_the_case_for_the_rest(tenant):
    line = short_line()
    offer, _token = offer_makegood(case=press(line), slots=[slot_of(line)], by=SYSTEM, at=NOW)
    accept_offer(offer=offer, option_id=offer.options.get().pk, name="Lena", at=NOW)

    case = settle_replacement(case=offer.makegood, delivered=1_000, by=SYSTEM, at=NOW)

    assert (case.status, case.fulfilled_impressions, case.unsettled_impressions) == ("opened", 1_000, 2_000)
    credited = credit_makegood(case=case, by=SYSTEM, at=NOW)
    # 75.00 owed less 1,000 x 25.00 / 1000 made good.
    assert (credited.status, credited.credited_impressions, credited.credited_cents) == ("credited", 2_000, 5_000)


def test_a_declined_offer_ends_in_a_credit(tenant):
    line = short_line()
    offer, _token = offer_makegood(case=press(line), slots=[slot_of(line)], by=SYSTEM, at=NOW)

    case = decline_offer(offer=offer, name="Lena", at=NOW, note="wrong month")

    assert (case.status, case.unsettled_impressions) == ("declined", 3_000)
    with pytest.raises(Conflict):
        waive_makegood(case=case, by=SYSTEM, at=NOW, reason="no")
    assert credit_makegood(case=case, by=SYSTEM, at=NOW).credited_cents == 7_500


def test_a_credit_ends_the_replacement_and_counts_what_it_delivered(tenant):
    line = short_line()
    case = press(line)
    offer = offer_makegood(case=case, slots=[slot_of(line)], by=SYSTEM, at=NOW).offer
    accept_offer(offer=offer, option_id=offer.options.get().pk, name="Lena", at=NOW)
    # Its first day brought 400 of the 3,000.
    measure(make_episode(line.ad_unit.podcast, nov(24)), [400], first=date(2026, 11, 25))

    case = credit_makegood(case=case, by=SYSTEM, at=nov(26, 9), reason="the sponsor changed its mind")

    # 3,000 owed = 400 made good + 2,600 credited; 75.00 = 10.00 + 65.00.
    assert (case.fulfilled_impressions, case.credited_impressions, case.credited_cents) == (400, 2_600, 6_500)
    assert books_of(case) == {"owed": 3_000, "fulfilled": 400, "credited": 2_600}
    assert IOBooking.objects.get(makegood_of=line).status == "cancelled"


def test_a_slot_that_was_sold_meanwhile_leaves_the_offer_waiting(tenant):
    line = short_line()
    unit = AdUnit.objects.create(
        podcast=line.ad_unit.podcast, name="Other", position="mid", duration_seconds=60, delivery="dynamic"
    )
    slots = [RankedSlot(unit, None, nov(25), nov(28), 3_000, "covers_all", "")]
    first, _one = offer_makegood(case=press(line), slots=slots, by=SYSTEM, at=NOW)
    second, _two = offer_makegood(case=press(short_line()), slots=slots, by=SYSTEM, at=NOW)
    accept_offer(offer=first, option_id=first.options.get().pk, name="Lena", at=NOW)

    with pytest.raises(Conflict), transaction.atomic():
        accept_offer(offer=second, option_id=second.options.get().pk, name="Ona", at=NOW)

    second.refresh_from_db()
    assert (second.answer, second.makegood.status) == ("", "offered")


def test_a_link_is_worth_nothing_once_it_was_answered_expired_or_replaced(tenant):
    line = short_line()
    case = press(line)
    _old, old_token = offer_makegood(case=case, slots=[slot_of(line)], by=SYSTEM, at=NOW)
    offer, token = offer_makegood(case=case, slots=[slot_of(line)], by=SYSTEM, at=NOW)
    option = offer.options.get().pk

    with pytest.raises(NotFound):
        offer_of_link(old_token)
    with pytest.raises(NotFound):
        offer_of_link("guess")
    with pytest.raises(Conflict, match="expired"):
        accept_offer(offer=offer, option_id=option, name="Lena", at=NOW + timedelta(days=11))
    with pytest.raises(DomainError, match="name"):
        accept_offer(offer=offer, option_id=option, name=" ", at=NOW)

    replacement = accept_offer(offer=offer_of_link(token), option_id=option, name="Lena", at=NOW)

    assert accept_offer(offer=offer_of_link(token), option_id=option, name="Lena", at=NOW) == replacement
    with pytest.raises(Conflict, match="answered"):
        decline_offer(offer=offer_of_link(token), name="Lena", at=NOW)
    # A new offer does not put the same debt on the table twice.
    assert books_of(case) == {"owed": 3_000, "offered": 3_000}


def test_a_waiver_needs_a_reason(tenant):
    with pytest.raises(DomainError) as refusal:
        waive_makegood(case=press(short_line()), by=SYSTEM, at=NOW, reason="  ")

    assert refusal.value.code == "reason_required"


def test_what_an_opened_case_owes_can_be_corrected_until_something_is_offered(tenant):
    line = short_line()
    case = adjust_owed(case=press(line), owed_impressions=2_600, by=SYSTEM, at=NOW, reason="restated")

    assert (case.owed_impressions, case.owed_cents, books_of(case)) == (2_600, 6_500, {"owed": 2_600})
    offer_makegood(case=case, slots=[slot_of(line)], by=SYSTEM, at=NOW)
    with pytest.raises(Conflict):
        adjust_owed(case=case, owed_impressions=1, by=SYSTEM, at=NOW, reason="restated")


def test_the_database_refuses_a_ledger_that_does_not_add_up(tenant):
    case = press(short_line())

    for columns in ({"credited_impressions": 3_001}, {"status": "waived", "status_reason": "x"}, {"owed_cents": -1}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Makegood.objects.filter(pk=case.pk).update(**columns)
    with pytest.raises(Exception, match="Cannot"), transaction.atomic():
        MakegoodEntry.objects.filter(makegood=case).update(impressions=1)
