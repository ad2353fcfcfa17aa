"""Fifty hands on one deal at the same moment."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import pytest
from django.db import connection
from django_tenants.utils import tenant_context

from deals.models import Campaign
from deals.services import move_deal
from tests.factories import make_campaign, make_user
from tracker.events.models import Event
from tracker.lib.errors import DomainError

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HANDS = 50


def all_at_once(tenant, moves):
    """Run every move in a thread and a connection of its own, all starting together; return "moved" or the refusals."""
    start = Barrier(len(moves))

    def one(arguments):
        try:
            with tenant_context(tenant):
                start.wait(30)
                move_deal(at=NOON, **arguments)
                return "moved"
        except DomainError as refusal:
            return refusal.code
        finally:
            connection.close()

    with ThreadPoolExecutor(len(moves)) as pool:
        return list(pool.map(one, moves))


def told(deal):
    events = Event.objects.filter(type="deal.stage_changed", subject_id=str(deal.pk)).order_by("seq")
    return [(event.data["from"], event.data["to"]) for event in events]


@pytest.mark.own_database
def test_of_fifty_who_saw_the_same_deal_one_moves_it(tenant):
    person = make_user(role="salesperson")
    deal = make_campaign(stage="lead")
    seen = {"campaign": deal, "by": person, "if_version": deal.version}

    outcomes = all_at_once(tenant, [{**seen, "to": ["qualified", "lost"][n % 2], "reason": "x"} for n in range(HANDS)])

    deal.refresh_from_db()
    assert sorted(outcomes) == ["moved"] + ["stale_version"] * (HANDS - 1)
    assert told(deal) == [("lead", deal.stage)]
    assert deal.version == seen["if_version"] + 1


@pytest.mark.own_database
def test_fifty_moves_to_each_next_stage_make_one_event_a_stage(tenant):
    person = make_user(role="salesperson")
    deal = make_campaign(stage="lead")
    way = ["qualified", "proposal", "negotiation", "won"]

    for stage in way:
        outcomes = all_at_once(tenant, [{"campaign": deal, "by": person, "to": stage}] * HANDS)
        assert outcomes == ["moved"] * HANDS

    assert told(deal) == list(zip(["lead", *way[:-1]], way, strict=True))


@pytest.mark.own_database
def test_fifty_random_moves_end_as_one_legal_chain(tenant):
    manager = make_user(role="sales_manager")
    deal = make_campaign(stage="lead")
    chance = random.Random(7)
    moves = [
        {"campaign": deal, "by": manager, "to": chance.choice(Campaign.Stage.values), "reason": "A reason"}
        for _hand in range(HANDS)
    ]

    outcomes = all_at_once(tenant, moves)

    deal.refresh_from_db()
    chain = told(deal)
    assert set(outcomes) <= {"moved", "invalid_transition"}
    assert chain[0][0] == "lead"
    assert chain[-1][1] == deal.stage
    assert all(before[1] == after[0] for before, after in zip(chain, chain[1:], strict=False))
    assert all(to in Campaign.TRANSITIONS[was] for was, to in chain)
    assert deal.version == 1 + len(chain)
