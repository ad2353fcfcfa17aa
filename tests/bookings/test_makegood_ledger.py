"""The ledger of makegoods: owed, offered, fulfilled, credited, waived and open always add up."""

from collections import Counter
from datetime import timedelta

from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bookings.makegoods.offers import accept_offer, decline_offer, offer_makegood
from bookings.makegoods.services import (
    adjust_owed,
    credit_makegood,
    settle_replacement,
    waive_makegood,
)
from bookings.models import IOBooking, Makegood
from tests.bookings.cases import books_of, press, short_line, slot_of
from tests.bookings.deliveries import NOW, nov
from tracker.lib.actors import SYSTEM
from tracker.lib.errors import DomainError

_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("press"), st.sampled_from(["short", "late", "stale"]), st.integers(0, 6_000)),
        st.tuples(st.sampled_from(["offer", "accept", "decline", "credit", "waive"]), st.integers(0, 2), st.just(0)),
        st.tuples(st.just("settle"), st.integers(0, 2), st.integers(0, 5_000)),
        st.tuples(st.just("adjust"), st.integers(0, 2), st.integers(0, 6_000)),
    ),
    max_size=14,
)


def take_step(line: IOBooking, what: str, which, count: int, number: int) -> None:
    if what == "press":
        press(line, which, owed_impressions=count)
        return
    cases = list(Makegood.objects.filter(booking=line).order_by("pk"))
    if not cases:
        return
    case = cases[which % len(cases)]
    waiting = case.offers.filter(answer="").first()
    if what == "offer":
        start = nov(40 + 4 * number)
        offer_makegood(case=case, slots=[slot_of(line, start=start, end=start + timedelta(days=3))], by=SYSTEM, at=NOW)
    elif what == "accept" and waiting:
        accept_offer(offer=waiting, option_id=waiting.options.get().pk, name="Lena", at=NOW)
    elif what == "decline" and waiting:
        decline_offer(offer=waiting, name="Lena", at=NOW)
    elif what == "credit":
        credit_makegood(case=case, by=SYSTEM, at=NOW)
    elif what == "waive":
        waive_makegood(case=case, by=SYSTEM, at=NOW, reason="agreed")
    elif what == "settle":
        settle_replacement(case=case, delivered=count, by=SYSTEM, at=NOW)
    elif what == "adjust":
        adjust_owed(case=case, owed_impressions=count, by=SYSTEM, at=NOW, reason="restated")


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(steps=_STEPS)
def test_whatever_happens_the_ledger_adds_up_and_no_more_is_owed_than_was_booked(tenant, steps):
    line = short_line(status="active")
    for number, (what, which, count) in enumerate(steps):
        try:
            with transaction.atomic():
                take_step(line, what, which, count, number)
        except DomainError:
            continue

        owed = 0
        for case in Makegood.objects.filter(booking=line):
            books = Counter(books_of(case))
            columns = {
                "owed": case.owed_impressions,
                "offered": case.offered_impressions,
                "fulfilled": case.fulfilled_impressions,
                "credited": case.credited_impressions,
                "waived": case.waived_impressions,
            }
            assert books == Counter({bucket: count for bucket, count in columns.items() if count})
            assert case.unsettled_impressions >= 0
            if case.status in ("fulfilled", "credited", "waived"):
                assert case.outstanding_impressions == 0
            assert 0 <= case.credited_cents <= case.owed_cents
            owed += case.owed_impressions
        assert owed <= line.booked_impressions
