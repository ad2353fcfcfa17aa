"""Many hands on one slot, through the API, each request in a thread and on a connection of its own."""

import json
import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from types import SimpleNamespace

import pytest
from django.db import connection, connections, transaction
from django_tenants.utils import tenant_context

from bookings.models import InsertionOrder, IOBooking, PromoCode, SlotClaim, VanityLink
from bookings.services import block_slot, move_booking, number_order
from metrics.models import Episode
from metrics.services import change_episode
from tests.factories import NOON, make_ad_unit, make_campaign, make_episode, make_order, make_podcast, make_sponsor
from tracker.events.models import Event
from tracker.lib.actors import SYSTEM
from tracker.lib.errors import DomainError

pytestmark = pytest.mark.own_database
HANDS = 16
MANY_HANDS = 100
# RACE_ROUNDS=60 is the long run: sixty rounds of sixteen, on a slot and on the last impressions of a shared unit.
ROUNDS = int(os.environ.get("RACE_ROUNDS", "2"))


@pytest.fixture(autouse=True)
def _bookings_on(monkeypatch):
    monkeypatch.setenv("ENABLE_IO_BOOKINGS", "1")


def at_once(tenant, acts):
    """Run every act in a thread of its own, all starting together; return what they returned."""
    start = Barrier(len(acts))

    def run(act):
        try:
            with tenant_context(tenant):
                start.wait()
                return act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def posts(api, deals, unit, **over):
    def post(deal):
        body = {
            "campaign_id": str(deal.pk),
            "ad_unit_id": str(unit.pk),
            "flight_start": "2027-01-11",
            "flight_end": "2027-01-20",
            "booked_impressions": 1_000,
            "booked_cpm_cents": 2_500,
            **over,
        }
        return api.post("/api/v1/io", json.dumps(body), content_type="application/json").status_code

    return [lambda deal=deal: post(deal) for deal in deals]


def test_round_after_round_one_of_sixteen_wins_and_nothing_breaks(tenant, api):
    podcast = make_podcast()
    unit, shared = make_ad_unit(podcast), make_ad_unit(delivery="dynamic", is_shared=True, impressions_per_day=1_000)
    for round_number in range(ROUNDS):
        deals = [make_campaign() for _hand in range(HANDS)]
        episode = make_episode(podcast, drops_at=NOON + timedelta(days=60 + round_number))
        day = (NOON + timedelta(days=60 + round_number)).date().isoformat()
        last = {"flight_start": day, "flight_end": day, "booked_impressions": 1_000}

        taken = at_once(tenant, posts(api, deals, unit, episode_id=str(episode.pk)))
        bought = at_once(tenant, posts(api, deals, shared, **last))

        assert Counter(taken) == Counter(bought) == {201: 1, 409: HANDS - 1}


@pytest.mark.parametrize("shape", ["episode", "whole show", "dynamic"])
def test_of_sixteen_at_once_one_gets_the_slot_and_fifteen_are_told(tenant, api, shape):
    podcast = make_podcast()
    unit = make_ad_unit(podcast, delivery="dynamic" if shape == "dynamic" else "baked_in")
    over = {"episode_id": str(make_episode(podcast).pk)} if shape == "episode" else {}
    deals = [make_campaign() for _hand in range(HANDS)]

    answers = at_once(tenant, posts(api, deals, unit, **over))

    assert Counter(answers) == {201: 1, 409: HANDS - 1}
    assert IOBooking.objects.count() == 1
    assert Event.objects.filter(type="io.scheduled").count() == 1


def test_of_a_hundred_at_once_one_gets_the_slot(tenant, api):
    podcast = make_podcast()
    unit, episode = make_ad_unit(podcast), make_episode(podcast)
    deals = [make_campaign() for _hand in range(MANY_HANDS)]

    answers = at_once(tenant, posts(api, deals, unit, episode_id=str(episode.pk)))

    assert Counter(answers) == {201: 1, 409: MANY_HANDS - 1}


def test_the_last_impressions_of_a_shared_unit_are_sold_once(tenant, api):
    unit = make_ad_unit(delivery="dynamic", is_shared=True, impressions_per_day=1_000)
    deals = [make_campaign() for _hand in range(HANDS)]

    # Ten days at 1,000 a day; each hand wants 6,000 of the 10,000.
    answers = at_once(tenant, posts(api, deals, unit, booked_impressions=6_000))

    assert Counter(answers) == {201: 1, 409: HANDS - 1}


def test_sixteen_lines_of_one_deal_on_sixteen_shows_get_one_order_and_sixteen_numbers(tenant, api):
    deal = make_campaign()
    units = [make_ad_unit() for _hand in range(HANDS)]

    answers = at_once(tenant, [posts(api, [deal], unit)[0] for unit in units])

    assert Counter(answers) == {201: HANDS}
    assert InsertionOrder.objects.count() == 1
    assert sorted(IOBooking.objects.values_list("line_number", flat=True)) == list(range(1, HANDS + 1))


def test_a_freed_slot_is_free_once(tenant, api):
    unit = make_ad_unit(delivery="dynamic")
    deals = [make_campaign() for _hand in range(9)]
    assert posts(api, deals[:1], unit)[0]() == 201
    move_booking(booking=IOBooking.objects.get(), to="cancelled", by=SYSTEM, at=NOON, reason="budget cut")

    assert Counter(at_once(tenant, posts(api, deals[1:], unit))) == {201: 1, 409: 7}


def test_a_status_moved_by_many_moves_once(tenant, api):
    assert posts(api, [make_campaign()], make_ad_unit())[0]() == 201
    booking = IOBooking.objects.get()

    def move():
        return move_booking(booking=booking, to="active", by=SYSTEM, at=NOON).status

    assert set(at_once(tenant, [move] * 8)) == {"active"}
    assert Event.objects.filter(type="io.status_changed").count() == 1


def test_numbers_taken_at_once_have_no_gaps(tenant):
    orders = [make_order() for _hand in range(HANDS)]

    numbers = at_once(
        tenant, [lambda order=order: number_order(order=order, by=SYSTEM, at=NOON).number for order in orders]
    )

    assert sorted(number[-4:] for number in numbers) == [f"{count:04d}" for count in range(1, HANDS + 1)]


def test_one_code_and_one_path_claimed_at_once_have_one_owner(tenant, api):
    sponsor = make_sponsor()
    units = [make_ad_unit() for _hand in range(12)]
    deals = [make_campaign(sponsor=sponsor) for _unit in units]
    spellings = ["SAVE10", "save10", "Save10", "ＳＡＶＥ１０"]

    def book(number):
        over = {"promo_code": spellings[number % 4], "flight_end": "2027-01-30"}
        return posts(api, [deals[number]], units[number], **over)[0]()

    answers = at_once(tenant, [lambda number=number: book(number) for number in range(12)])

    assert Counter(answers) == {201: 1, 409: 11}
    assert PromoCode.objects.count() == 1
    assert VanityLink.objects.count() == 1


def test_episodes_that_move_while_slots_are_sold_never_share_one(tenant, api):
    podcast = make_podcast()
    unit = make_ad_unit(podcast)
    episodes = [make_episode(podcast, drops_at=NOON + timedelta(days=40 + day)) for day in range(8)]

    def shift(episode):
        try:
            episode.drops_at = NOON + timedelta(days=41)
            episode.save()
        except Exception as problem:
            return type(problem).__name__
        return "moved"

    sold = [posts(api, [make_campaign()], unit, episode_id=str(episode.pk))[0] for episode in episodes]
    answers = at_once(tenant, [*sold, *(lambda episode=episode: shift(episode) for episode in episodes)])

    # Each episode is a slot of its own wherever it drops; moving them together may not lose or double one.
    assert Counter(answers) == {201: 8, "moved": 8}
    assert set(IOBooking.objects.values_list("claim__during", flat=True)) == {
        booking.claim.during for booking in IOBooking.objects.select_related("claim")
    }
    drops = {booking.episode.drops_at for booking in IOBooking.objects.select_related("episode")}
    assert {booking.claim.during.lower for booking in IOBooking.objects.select_related("claim")} == drops


@pytest.mark.parametrize("taking", ["sold", "blocked"])
def test_a_drop_on_the_move_while_its_slot_is_taken_takes_the_claim_along(tenant, api, taking):
    unit = make_ad_unit(make_podcast())
    episode = make_episode(unit.podcast, drops_at=NOON + timedelta(days=40))
    acts = {
        "sold": posts(api, [make_campaign()], unit, episode_id=str(episode.pk))[0],
        "blocked": lambda: block_slot(
            ad_unit=unit,
            episode=Episode.objects.get(pk=episode.pk),
            flight_start=NOON,
            flight_end=NOON + timedelta(days=1),
            reason="house",
            by=SYSTEM,
            at=NOON,
        ),
    }

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            moved = change_episode(episode=episode, drops_at=NOON + timedelta(days=50), by=SYSTEM, at=NOON)
            taken = pool.submit(at_once, tenant, [acts[taking]])
            deadline = time.monotonic() + 20
            while not (taken.done() or somebody_waits_for_me()) and time.monotonic() < deadline:
                time.sleep(0.01)
        taken.result()

    assert [claim.during.lower for claim in SlotClaim.objects.all()] == [moved.drops_at]


def somebody_waits_for_me() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT bool_or(pg_backend_pid() = ANY(pg_blocking_pids(pid))) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


def test_a_service_that_loses_every_race_says_so(tenant, monkeypatch):
    from django.db import OperationalError

    from bookings.services import retry

    class Lost(Exception):
        sqlstate = "40P01"

    tries = []

    @retry.retried
    def loses():
        tries.append(1)
        raise OperationalError("deadlock detected") from Lost()

    # The test's own transaction stands outside of the service's: the module is given a connection that is in none.
    monkeypatch.setattr(retry, "connection", SimpleNamespace(in_atomic_block=False))
    with pytest.raises(DomainError) as refusal:
        loses()

    assert (len(tries), refusal.value.code) == (3, "busy")
