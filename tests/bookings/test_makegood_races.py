"""Many hands on one case: each press, answer and credit counts once, whoever comes first."""

from collections import Counter
from datetime import timedelta

import pytest
from django.db.models import F

from bookings.delivery.billing import agree_count, release_bill
from bookings.makegoods.offers import accept_offer, decline_offer, offer_makegood
from bookings.makegoods.services import credit_makegood, open_makegood, waive_makegood
from bookings.models import AgreedCount, BillingLine, DeliveryPolicy, IOBooking, Makegood, MakegoodOffer
from tests.bookings.cases import books_of, press, short_line, slot_of
from tests.bookings.deliveries import NOW, nov
from tests.bookings.test_races import HANDS, at_once
from tracker.events.models import Event
from tracker.lib.actors import SYSTEM
from tracker.lib.errors import DomainError

pytestmark = pytest.mark.own_database


def told(act):
    """An act that says what came of it: "done", or the code of its refusal."""

    def acted():
        try:
            act()
        except DomainError as refusal:
            return refusal.code
        return "done"

    return acted


def offered(case: Makegood) -> MakegoodOffer:
    slots = [slot_of(case.booking, start=nov(40), end=nov(43)), slot_of(case.booking, start=nov(50), end=nov(53))]
    return offer_makegood(case=case, slots=slots, by=SYSTEM, at=NOW).offer


def adds_up(case: Makegood) -> bool:
    """Whether the ledger of a case says what its columns say, and nothing is lost."""
    case.refresh_from_db()
    settled = case.offered_impressions + case.fulfilled_impressions + case.credited_impressions
    columns = {
        "owed": case.owed_impressions,
        "offered": case.offered_impressions,
        "fulfilled": case.fulfilled_impressions,
        "credited": case.credited_impressions,
        "waived": case.waived_impressions,
    }
    return (
        books_of(case) == {bucket: count for bucket, count in columns.items() if count}
        and case.owed_impressions == settled + case.waived_impressions + case.unsettled_impressions
    )


def test_of_sixteen_presses_at_once_one_opens_the_case(tenant):
    line = short_line()

    found = at_once(tenant, [lambda: press(line).pk] * HANDS)

    case = Makegood.objects.get()
    assert set(found) == {case.pk}
    assert (case.owed_impressions, books_of(case)) == (3_000, {"owed": 3_000})
    assert Event.objects.filter(type="makegood.opened").count() == 1


def test_presses_for_different_reasons_at_once_never_owe_more_than_was_booked(tenant):
    line = short_line(booked=10_000)
    reasons = ["short", "late", "stale", "missing", "too_short", "wrong_promo"]

    at_once(
        tenant,
        [
            told(lambda why=why: open_makegood(booking=line, reason=why, owed_impressions=4_000, by=SYSTEM, at=NOW))
            for why in reasons * 2
        ],
    )

    assert sum(Makegood.objects.values_list("owed_impressions", flat=True)) == 8_000


def test_of_sixteen_answers_at_once_one_books_the_slot(tenant):
    offer = offered(press(short_line()))
    first, second = offer.options.order_by("rank")
    acts = [
        told(lambda option=option: accept_offer(offer=offer, option_id=option.pk, name="Lena", at=NOW))
        for option in (first, second)
    ]
    acts += [told(lambda: decline_offer(offer=offer, name="Lena", at=NOW))]

    answers = Counter(at_once(tenant, acts * 5))

    assert set(answers) <= {"done", "offer_answered"}
    case = Makegood.objects.get()
    assert case.status in ("scheduled", "declined")
    assert IOBooking.objects.filter(makegood_of__isnull=False).count() == (case.status == "scheduled")
    assert adds_up(case)


def test_consent_and_credit_at_once_make_good_once(tenant):
    for _round in range(4):
        case = press(short_line())
        offer = offered(case)
        option = offer.options.order_by("rank")[0]

        at_once(
            tenant,
            [
                told(lambda offer=offer, key=option.pk: accept_offer(offer=offer, option_id=key, name="Lena", at=NOW)),
                told(lambda case=case: credit_makegood(case=case, by=SYSTEM, at=NOW, reason="agreed")),
                told(lambda case=case: waive_makegood(case=case, by=SYSTEM, at=NOW, reason="agreed")),
                told(lambda case=case: offered(case)),
            ]
            * 2,
        )

        assert adds_up(case)
        # Whatever came first, a credited case leaves no replacement that runs as well.
        running = IOBooking.objects.filter(makegood_of=case.booking, status__in=["scheduled", "active"])
        assert running.count() == (case.status == "scheduled")
        assert case.credited_cents in (0, 7_500)
        assert (case.credited_cents == 7_500) == (case.status == "credited")


def test_offers_made_at_once_leave_one_that_waits(tenant):
    case = press(short_line())

    at_once(tenant, [told(lambda: offered(case))] * 8)

    assert MakegoodOffer.objects.filter(answer="").count() == 1
    assert adds_up(case)
    assert case.offered_impressions == 3_000


def test_counts_agreed_and_bills_released_at_once_stand_once(tenant):
    DeliveryPolicy.objects.create(needs_proof=False)
    line = short_line(status="completed")
    agree = [
        told(lambda count=count: agree_count(booking=line, impressions=count, reason="call", by=SYSTEM, at=NOW))
        for count in (7_000, 7_100, 7_200, 7_300)
    ]
    at_once(tenant, agree)

    assert AgreedCount.objects.filter(replaced_by__isnull=True).count() == 1
    # The chain of agreements loses none and closes no circle.
    assert AgreedCount.objects.count() == 4
    assert not AgreedCount.objects.filter(replaced_by=F("pk")).exists()

    at_once(tenant, [told(lambda: release_bill(booking=line, by=SYSTEM, at=NOW + timedelta(days=1)))] * 8)

    bill = BillingLine.objects.get()
    assert bill.gross_cents == bill.commission_cents + bill.net_cents
    assert Event.objects.filter(type="io.billed").count() == 1
