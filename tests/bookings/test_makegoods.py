"""Cases from press to end: what is owed, offered, fulfilled, credited and waived always adds up."""

from collections import Counter
from datetime import date, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bookings.delivery.queries import makegoods_pending, pacing_of
from bookings.delivery.upkeep import settle_makegoods, take_snapshots
from bookings.makegoods.offers import accept_offer, decline_offer, offer_makegood, offer_of_link
from bookings.makegoods.ranking import RankedSlot, ranked_slots
from bookings.makegoods.services import (
    adjust_owed,
    credit_makegood,
    open_makegood,
    propose_makegood,
    settle_replacement,
    waive_makegood,
    withdraw_proposal,
)
from bookings.models import AdUnit, DeliverySnapshot, IOBooking, Makegood, MakegoodEntry
from bookings.services import move_booking
from tests.bookings.deliveries import NOV, NOW, make_episode, make_line, make_show, measure, nov, teach_curve
from tracker.events.models import Event
from tracker.lib.actors import SYSTEM
from tracker.lib.errors import Conflict, DomainError, NotFound


def short_line(*, delivered: int = 7_000, booked: int = 10_000, **fields) -> IOBooking:
    """A dynamic line of 1 to 10 November that delivered 7,000 of 10,000, at a CPM of 25.00."""
    show = make_show()
    measure(make_episode(show, nov(-30)), [delivered // 10] * 10 + [0] * 10)
    return make_line(show=show, booked=booked, start=nov(1), end=nov(11), **fields)


def press(line: IOBooking, reason: str = "short", **fields) -> Makegood:
    return open_makegood(booking=line, reason=reason, by=SYSTEM, at=NOW, **fields)


def slot_of(line: IOBooking, *, start=None, end=None) -> RankedSlot:
    return RankedSlot(line.ad_unit, None, start or nov(25), end or nov(28), 3_000, "covers_all", "same position")


def books_of(case: Makegood) -> dict[str, int]:
    """The sums of a case's ledger by bucket."""
    sums = MakegoodEntry.objects.filter(makegood=case).values_list("bucket").annotate(sum=Sum("impressions"))
    return {bucket: total for bucket, total in sums if total}


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


# --- the ledger, whatever the order of events -------------------------------------------------------------------------
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
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
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


# --- what the jobs do -------------------------------------------------------------------------------------------------
def test_a_line_projected_short_is_proposed_once_and_withdrawn_when_it_recovers(tenant):
    show = make_show()
    episode = make_episode(show, nov(-30))
    line = make_line(show=show, booked=60_000, start=nov(1), end=nov(61))
    measure(episode, [700, 705, 695, 702, 698] * 4)

    settle_makegoods(at=NOW)
    settle_makegoods(at=NOW)

    (case,) = Makegood.objects.all()
    # 700 a day for 60 days: 42,000 of 60,000. Notice is due 14 days before the 30th of December.
    assert (case.status, case.reason, case.owed_impressions) == ("proposed", "projected_short", 18_000)
    assert case.due_on == date(2026, 12, 16)
    # A warning is not a debt.
    assert books_of(case) == {}
    assert [one.is_proposed for one in makegoods_pending(at=NOW)] == [True]
    assert Event.objects.filter(type="makegood.proposed").count() == 1

    measure(episode, [1_300] * 20)
    settle_makegoods(at=NOW)

    case.refresh_from_db()
    assert (case.status, line.makegoods.count()) == ("withdrawn", 1)


def test_after_the_notice_deadline_nothing_new_is_proposed(tenant):
    show = make_show()
    make_line(show=show, booked=30_000)
    measure(make_episode(show, nov(-30)), [700] * 20)

    # Measuring closes on the 30th, so notice was due on the 16th.
    settle_makegoods(at=NOW)

    assert not Makegood.objects.exists()


def test_a_proposal_that_comes_true_is_the_case(tenant):
    line = short_line()
    proposed = propose_makegood(booking=line, owed_impressions=2_500, due_on=NOV, by=SYSTEM, at=NOW)

    case = press(line)

    assert (case.pk, case.status, case.reason, case.owed_impressions) == (proposed.pk, "opened", "short", 3_000)
    assert books_of(case) == {"owed": 3_000}
    with pytest.raises(Conflict):
        withdraw_proposal(case=case, by=SYSTEM, at=NOW, reason="no")


def test_a_replacement_that_ran_is_counted_for_its_case(tenant):
    line = short_line(status="makegood")
    case = press(line)
    offer, _token = offer_makegood(case=case, slots=[slot_of(line)], by=SYSTEM, at=NOW)
    accept_offer(offer=offer, option_id=offer.options.get().pk, name="Lena", at=NOW)
    # The 25th to the 27th bring 1,200 a day.
    measure(make_episode(line.ad_unit.podcast, nov(-20)), [1_200] * 3, first=date(2026, 11, 25))

    settle_makegoods(at=nov(27, 9))
    case.refresh_from_db()
    before = case.status
    settle_makegoods(at=nov(28, 9))
    case.refresh_from_db()

    assert (before, case.status, case.fulfilled_impressions) == ("scheduled", "fulfilled", 3_000)
    line.refresh_from_db()
    assert line.status == "completed"
    (pace,) = pacing_of([line], at=nov(28, 9))
    assert (pace.own_delivered, pace.makegood_delivered, pace.delivered) == (7_000, 3_600, 10_600)


def test_a_cancelled_replacement_opens_its_case_again(tenant):
    line = short_line()
    offer, _token = offer_makegood(case=press(line), slots=[slot_of(line)], by=SYSTEM, at=NOW)
    replacement = accept_offer(offer=offer, option_id=offer.options.get().pk, name="Lena", at=NOW)
    move_booking(booking=replacement, to="cancelled", by=SYSTEM, at=NOW, reason="the show moved its day")

    settle_makegoods(at=NOW)

    case = Makegood.objects.get()
    assert (case.status, case.unsettled_impressions, case.replacement) == ("opened", 3_000, None)


def test_restated_counts_correct_what_an_opened_case_owes(tenant):
    line = short_line(status="makegood")
    press(line)
    episode = line.ad_unit.podcast.episodes.get()

    measure(episode, [800] * 10)
    settle_makegoods(at=NOW)

    case = Makegood.objects.get()
    # 8,000 after all: 2,000 are owed.
    assert (case.owed_impressions, case.delivered_impressions, books_of(case)) == (2_000, 8_000, {"owed": 2_000})

    measure(episode, [1_000] * 10)
    settle_makegoods(at=NOW)

    case.refresh_from_db()
    line.refresh_from_db()
    assert (case.status, case.owed_impressions, line.status) == ("waived", 0, "completed")


def test_cases_that_are_due_are_told_once_a_day(tenant):
    press(short_line(), due_on=date(2026, 11, 23))

    for day in (21, 21, 22):
        settle_makegoods(at=nov(day, 9))

    assert Event.objects.filter(type="makegood.due").count() == 2


def test_snapshots_keep_what_was_known_on_a_day(tenant):
    show = make_show()
    line = make_line(show=show, booked=30_000)
    episode = make_episode(show, nov(-30))
    measure(episode, [900] * 20)
    take_snapshots(at=NOW)
    measure(episode, [800] * 21)

    take_snapshots(at=nov(22, 9))
    result = take_snapshots(at=nov(22, 10))

    known = DeliverySnapshot.objects.filter(booking=line).order_by("known_on")
    assert [(one.known_on.day, one.as_of.day, one.delivered, one.band) for one in known] == [
        (21, 20, 18_000, "behind"),
        (22, 21, 16_800, "behind"),
    ]
    assert result.counts["lines"] == 1


def test_slots_of_equal_value_come_first_and_others_are_asked_for(tenant):
    show = make_show(title="The Salt Road")
    teach_curve(show)
    sold = make_line(show=show, delivery="baked_in", booked=10_000, start=nov(1), end=nov(15))
    coming = make_episode(show, nov(25, 5), title="Pepper")
    AdUnit.objects.create(podcast=show, name="Post-roll", position="post", duration_seconds=30, delivery="baked_in")
    case = press(sold, "by_hand", owed_impressions=3_000)

    slots = ranked_slots(case, at=NOW)

    # The show's usual episode has 3,200.
    assert [(slot.ad_unit.position, slot.fit, slot.forecast_impressions, slot.episode) for slot in slots] == [
        ("mid", "covers_all", 3_200, coming),
        ("post", "ask_first", 3_200, coming),
    ]
    assert slots[0].reason == "The Salt Road · about 3,200 downloads · same position"
    assert slots[1].reason == "The Salt Road · about 3,200 downloads · weaker position · shorter, 30 s"
