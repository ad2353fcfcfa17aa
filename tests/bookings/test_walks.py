"""Random walks over holds, bookings, changes, cancellations and drops: no slot is ever sold twice."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from bookings.models import InsertionOrder, IOBooking, SlotClaim
from bookings.pricing import order_totals
from bookings.queries.documents import document_of
from bookings.services import change_booking, move_booking, number_order, schedule_booking
from tests.factories import NOON, make_ad_unit, make_campaign, make_episode, make_podcast
from tracker.lib.actors import SYSTEM
from tracker.lib.errors import DomainError

DAY = timedelta(days=1)
START = datetime(2027, 1, 11, tzinfo=UTC)
DAYS = st.integers(0, 40)
LENGTHS = st.integers(1, 21)
PICKS = st.integers(0, 10_000)


class Desk(RuleBasedStateMachine):
    """One show with a baked-in, a dynamic and a shared unit, four deals, and people who try everything."""

    @initialize()
    def open_the_house(self):
        self.savepoint = transaction.atomic()
        self.savepoint.__enter__()
        podcast = make_podcast()
        self.baked = make_ad_unit(podcast)
        self.dynamic = make_ad_unit(podcast, delivery="dynamic")
        self.shared = make_ad_unit(podcast, delivery="dynamic", is_shared=True, impressions_per_day=1_000)
        self.episodes = [make_episode(podcast, drops_at=START + count * 5 * DAY) for count in range(5)]
        self.deals = [make_campaign(agency=None) for _deal in range(4)]
        self.numbers = []

    def teardown(self):
        if hasattr(self, "savepoint"):
            transaction.set_rollback(True)
            self.savepoint.__exit__(None, None, None)

    @rule(
        unit=PICKS,
        deal=PICKS,
        episode=PICKS,
        first=DAYS,
        days=LENGTHS,
        impressions=st.integers(1, 9_000),
        hold=st.booleans(),
    )
    def book(self, unit, deal, episode, first, days, impressions, hold):
        ad_unit = (self.baked, self.dynamic, self.shared)[unit % 3]
        chosen = None if ad_unit is self.shared else [None, *self.episodes][episode % 6]
        self._try(
            schedule_booking,
            campaign=self.deals[deal % 4],
            ad_unit=ad_unit,
            episode=chosen,
            flight_start=START + first * DAY,
            flight_end=START + (first + days) * DAY,
            booked_impressions=impressions,
            booked_cpm_cents=1_999,
            status="held" if hold else "scheduled",
        )

    @rule(line=PICKS, to=st.sampled_from(IOBooking.Status.values))
    def move(self, line, to):
        booking = self._line(line)
        if booking is not None and to != "makegood":
            self._try(move_booking, booking=booking, to=to, reason="because")

    @rule(line=PICKS, first=DAYS, days=LENGTHS, impressions=st.integers(1, 9_000))
    def change(self, line, first, days, impressions):
        booking = self._line(line)
        if booking is not None:
            self._try(
                change_booking,
                booking=booking,
                flight_start=START + first * DAY,
                flight_end=START + (first + days) * DAY,
                booked_impressions=impressions,
            )

    @rule(episode=PICKS, day=DAYS)
    def drop_elsewhere(self, episode, day):
        moved = self.episodes[episode % 5]
        before = moved.drops_at
        moved.drops_at = START + day * DAY
        try:
            with transaction.atomic():
                moved.save()
        except IntegrityError:
            moved.drops_at = before

    @rule(line=PICKS)
    def number(self, line):
        booking = self._line(line)
        if booking is not None:
            order = number_order(order=booking.order, by=SYSTEM, at=NOON)
            if order.number not in self.numbers:
                self.numbers.append(order.number)

    def _try(self, service, **wish):
        try:
            with transaction.atomic():
                service(by=SYSTEM, at=NOON, **wish)
        except DomainError:
            pass

    def _line(self, pick):
        lines = list(IOBooking.objects.order_by("created_at", "io_id"))
        return lines[pick % len(lines)] if lines else None

    @invariant()
    def every_standing_line_has_its_slot_and_no_other(self):
        if not hasattr(self, "deals"):
            return
        standing = set(IOBooking.objects.filter(status__in=IOBooking.CLAIMING).values_list("pk", flat=True))
        assert set(SlotClaim.objects.values_list("booking_id", flat=True)) == standing

    @invariant()
    def no_slot_is_sold_twice(self):
        if not hasattr(self, "deals"):
            return
        lines = list(IOBooking.objects.filter(status__in=IOBooking.CLAIMING).select_related("episode"))
        for place, one in enumerate(lines):
            for two in lines[place + 1 :]:
                assert one.ad_unit_id != two.ad_unit_id or not self._meet(one, two)

    def _meet(self, one, two) -> bool:
        overlap = one.flight_start < two.flight_end and two.flight_start < one.flight_end
        if one.ad_unit_id == self.shared.pk:
            return False
        if one.episode_id and two.episode_id:
            return one.episode_id == two.episode_id and (one.ad_unit_id == self.baked.pk or overlap)
        if one.ad_unit_id == self.dynamic.pk or one.episode_id == two.episode_id:
            return overlap
        read, show = (one, two) if one.episode_id else (two, one)
        return show.flight_start <= read.episode.drops_at < show.flight_end

    @invariant()
    def no_day_of_the_shared_unit_is_oversold(self):
        if not hasattr(self, "deals"):
            return
        lines = IOBooking.objects.filter(ad_unit=self.shared, status__in=IOBooking.CLAIMING)
        for day in range(62):
            moment = START + day * DAY
            sold = sum(
                line.booked_impressions / ((line.flight_end - line.flight_start) / DAY)
                for line in lines
                if line.flight_start <= moment < line.flight_end
            )
            assert sold <= 1_000 + 1e-6

    @invariant()
    def totals_are_right_to_the_cent_and_numbers_have_no_gaps(self):
        if not hasattr(self, "deals"):
            return
        for order in InsertionOrder.objects.all():
            document = document_of(order)
            by_hand = [(1_999 * line.impressions + 500) // 1_000 for line in document.lines]
            assert [line.gross_cents for line in document.lines] == by_hand
            assert document.net_cents == order_totals(by_hand, commission_permille=0).net_cents == sum(by_hand)
        assert [int(number[-4:]) for number in self.numbers] == list(range(1, len(self.numbers) + 1))


@pytest.mark.usefixtures("tenant")
def test_no_walk_of_the_desk_sells_a_slot_twice():
    run_state_machine_as_test(
        Desk,
        settings=settings(
            max_examples=8,
            stateful_step_count=20,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
