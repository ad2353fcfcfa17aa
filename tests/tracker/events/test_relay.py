"""Events reach every listener at least once, in order for each object, and one that fails stops no other."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context

from tracker.events import registry
from tracker.events.models import ENDPOINT_PREFIX, Delivery, Event
from tracker.events.relay import CLAIM, GAPS, relay, send_again
from tracker.events.sending import oldest_of
from tracker.events.services import deliver_pending, emit, subscribe
from tracker.events.tasks import relay_events, sweep_outboxes
from tracker.lib.actors import SYSTEM


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch):
    monkeypatch.setattr(registry, "_by_type", {})
    monkeypatch.setattr(registry, "_by_name", {})


@pytest.fixture
def heard() -> list[str]:
    return []


@pytest.fixture
def listener(heard):
    @subscribe("thing.done")
    def hear(event: Event) -> None:
        if event.data.get("fails"):
            raise RuntimeError("cannot hear this")
        heard.append(f"{event.subject_id[-4:]}:{event.data['n']}")

    return hear


def tell(subject, n, **data) -> Event:
    return emit("thing.done", subject=subject, by=SYSTEM, at=timezone.now(), data={"n": n, **data})


def mend(event: Event) -> None:
    Event.objects.filter(pk=event.pk).update(data={**event.data, "fails": False})


def test_an_event_is_told_once_and_a_second_look_tells_nothing(salesperson, listener, heard):
    tell(salesperson, 1)

    assert (deliver_pending(), deliver_pending()) == (1, 0)
    assert len(heard) == 1
    assert Delivery.objects.get().status == "delivered"


def test_telling_an_event_takes_few_statements(salesperson, listener, django_assert_max_num_queries):
    tell(salesperson, 1)

    # Two looks for what waits; events, endpoints and deliveries; the claim and its end; two transactions.
    with django_assert_max_num_queries(11):
        assert deliver_pending() == 1


def test_what_failed_and_what_is_new_are_told_in_one_go(salesperson, administrator, listener, heard):
    first = tell(salesperson, 1, fails=True)
    deliver_pending()
    mend(first)
    Delivery.objects.update(next_attempt_at=timezone.now())
    tell(administrator, 2)

    assert deliver_pending() == 2
    assert [line[5:] for line in heard] == ["1", "2"]


def test_a_delivery_is_taken_without_looking_at_all_that_wait(tenant):
    partner = f"{ENDPOINT_PREFIX}0190a6a0-0000-7000-8000-000000000001"
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO events_outbox (event_id, type, subject_type, subject_id, actor, at, data)"
            " SELECT gen_random_uuid(), 'thing.done', 'thing', mod(n, 500)::text, '{}', now(), '{}'"
            " FROM generate_series(1, 3000) AS n"
        )
        cursor.execute(
            "INSERT INTO event_deliveries"
            " (delivery_id, event_id, listener, subject_key, status, attempts, next_attempt_at, last_error)"
            " SELECT gen_random_uuid(), seq, listener, 'thing:' || subject_id, 'pending', 0, at, ''"
            " FROM events_outbox, unnest(%s::text[]) AS listener",
            [["a.b.hear", partner]],
        )
        delivery = Delivery.objects.filter(listener="a.b.hear").latest("event_id")
        cursor.execute(f"EXPLAIN {CLAIM.statement}", {"at": timezone.now(), "delivery": delivery.pk})
        ours = "\n".join(line for (line,) in cursor.fetchall())
    theirs = oldest_of(partner, at=timezone.now())[:1].explain()

    assert "Scan using event_deliveries_pkey on event_deliveries" in ours
    assert "Scan using delivery_in_order on event_deliveries earlier" in ours
    assert "Scan using delivery_oldest on event_deliveries" in theirs
    assert "Sort" not in ours + theirs


def test_an_event_without_a_listener_is_done_at_once(salesperson):
    tell(salesperson, 1)

    assert deliver_pending() == 0
    assert Event.objects.get().relayed_at is not None
    assert not Delivery.objects.exists()


def test_a_change_that_is_rolled_back_tells_nothing(salesperson):
    with transaction.atomic():
        tell(salesperson, 1)
        transaction.set_rollback(True)

    assert not Event.objects.exists()


def test_later_events_of_an_object_wait_behind_one_that_failed_and_other_objects_do_not(
    salesperson, administrator, listener, heard
):
    first = tell(salesperson, 1, fails=True)
    tell(salesperson, 2)
    tell(administrator, 3)

    deliver_pending()
    assert [line[5:] for line in heard] == ["3"]

    mend(first)
    deliver_pending(at=timezone.now() + GAPS[0])

    assert [line[5:] for line in heard] == ["3", "1", "2"]


def test_a_listener_that_fails_leaves_nothing_of_what_it_wrote_and_stops_no_other(salesperson, heard):
    @subscribe("thing.done")
    def write_and_fail(event: Event) -> None:
        emit("thing.half_done", subject=salesperson, by=SYSTEM, at=event.at)
        raise RuntimeError

    @subscribe("thing.done")
    def hear(event: Event) -> None:
        heard.append("well")

    tell(salesperson, 1)
    deliver_pending()

    assert heard == ["well"]
    assert not Event.objects.filter(type="thing.half_done").exists()
    assert set(Delivery.objects.values_list("status", "attempts")) == {("pending", 1), ("delivered", 1)}


def test_what_fails_to_the_last_is_given_up_the_next_follows_and_it_can_be_sent_again(salesperson, listener, heard):
    first = tell(salesperson, 1, fails=True)
    tell(salesperson, 2)
    at = timezone.now()
    relay(at=at)

    for gap in [timedelta(0), *GAPS]:
        at += gap
        deliver_pending(at=at)

    assert [line[5:] for line in heard] == ["2"]
    dead = Delivery.objects.get(status="dead")
    assert (dead.event, dead.attempts, dead.last_error) == (first, len(GAPS) + 1, "RuntimeError: cannot hear this")

    mend(first)
    send_again(delivery=dead, at=at)
    deliver_pending(at=at)

    assert [line[5:] for line in heard] == ["2", "1"]


def test_the_gaps_grow_over_more_than_a_day():
    assert sorted(GAPS) == GAPS
    assert sum(GAPS, timedelta()) > timedelta(days=1)


def test_what_a_listener_emits_is_told_in_the_same_go(salesperson, listener, heard):
    @subscribe("thing.begun")
    def finish(event: Event) -> None:
        emit("thing.done", subject=salesperson, by=event.by, at=event.at, data={"n": 9})

    emit("thing.begun", subject=salesperson, by=SYSTEM, at=timezone.now())
    deliver_pending()

    assert [line[5:] for line in heard] == ["9"]


def test_a_listener_that_left_the_product_is_given_up_with_the_reason(salesperson, listener):
    tell(salesperson, 1)
    relay(at=timezone.now())
    registry._by_name.clear()

    deliver_pending()

    assert "not part of the product" in Delivery.objects.get(status="dead").last_error


def test_one_relay_task_is_sent_for_a_transaction_and_none_for_a_refused_one(
    salesperson, listener, heard, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True) as hooks:
        tell(salesperson, 1)
        tell(salesperson, 2)

    assert len(hooks) == 1
    assert len(heard) == 2


def test_the_sweep_wakes_only_tenants_that_have_something_due(tenant, other_tenant, salesperson, listener, monkeypatch):
    woken = []
    monkeypatch.setattr("tracker.tenants.tasks.send_to", lambda schema, task: woken.append((schema, task)))
    with tenant_context(other_tenant):
        Event.objects.update(relayed_at=timezone.now())
    tell(salesperson, 1)

    with schema_context("public"):
        sweep_outboxes.apply(headers={"_schema_name": "public"})

    assert woken == [("acme", relay_events)]
