"""What the daily jobs do for makegoods: warn, follow restated counts, settle, remind, keep what was known."""

from datetime import date

import pytest

from bookings.delivery.queries import makegoods_pending, pacing_of
from bookings.delivery.upkeep import settle_makegoods, take_snapshots
from bookings.makegoods.offers import accept_offer, offer_makegood
from bookings.makegoods.ranking import ranked_slots
from bookings.makegoods.services import (
    propose_makegood,
    withdraw_proposal,
)
from bookings.models import AdUnit, DeliverySnapshot, Makegood
from bookings.services import move_booking
from tests.bookings.cases import books_of, press, short_line, slot_of
from tests.bookings.deliveries import NOV, NOW, make_episode, make_line, make_show, measure, nov, teach_curve
from tracker.events.models import Event
from tracker.lib.actors import SYSTEM
from tracker.lib.errors import Conflict


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
