"""metrics_daily, the view for readers outside: brought up to date once for what was recorded, never in their way."""

from datetime import date, timedelta
from decimal import Decimal

import psycopg
import pytest
from django.contrib.postgres.functions import TransactionNow
from django.db import connection
from django_tenants.utils import schema_context, tenant_context

from metrics import refreshing
from metrics.models import DailyMetric, DailyRefresh, DailyRollup
from metrics.refreshing import refresh_in_turn
from metrics.services import refresh_metrics_daily
from metrics.tasks import sweep_daily_views
from tests.factories import NOON, make_episode, make_rollup
from tracker.events.models import Event
from tracker.events.relay import deliver_pending
from tracker.events.services import emit
from tracker.lib.actors import SYSTEM

DAY = date(2026, 11, 1)


def refresh() -> str:
    return refresh_metrics_daily(by=SYSTEM, at=NOON)


def seen(episode) -> list[tuple]:
    return list(DailyMetric.objects.filter(episode=episode).values_list("day", "source", "downloads", "listeners"))


def test_what_was_recorded_shows_after_one_refresh_and_the_next_has_nothing_to_do(tenant):
    episode = make_episode()
    make_rollup(episode=episode, day=DAY, downloads=70)
    before = seen(episode)

    outcomes = [refresh(), refresh(), refresh()]

    assert before == []
    assert outcomes == ["refreshed", "clean", "clean"]
    assert seen(episode) == [(DAY, "host", 70, None)]
    assert Event.objects.filter(type="metrics_daily.refreshed").count() == 1


def test_who_hears_of_an_import_brings_it_up_to_date(salesperson):
    episode = make_episode()
    make_rollup(episode=episode, day=DAY, downloads=70)
    told = {"import_id": str(episode.pk), "source": "host", "file_name": "october.csv", "kind": "metrics_daily"}
    told |= {"records_imported": 1, "records_failed": 0}
    emit("etl.import_completed", subject=episode, by=salesperson, at=NOON, data=told)

    deliver_pending()

    assert seen(episode) == [(DAY, "host", 70, None)]


def test_a_restated_figure_makes_it_dirty_again(tenant):
    episode = make_episode()
    make_rollup(episode=episode, day=DAY, downloads=70)
    refresh()
    make_rollup(episode=episode, day=DAY, downloads=75, listeners=0)

    assert refresh() == "refreshed"
    assert seen(episode) == [(DAY, "host", 75, 0)]


def test_the_view_says_what_the_rollup_says(tenant):
    for number, source in enumerate(["host", "op3", "host"]):
        make_rollup(day=DAY, source=source, downloads=number, completion_rate=Decimal("0.5"))
    refresh()

    columns = ("day", "episode_id", "source", "downloads", "completion_rate", "last_updated")
    assert list(DailyMetric.objects.order_by(*columns).values_list(*columns)) == list(
        DailyRollup.objects.order_by(*columns).values_list(*columns)
    )


def test_one_houses_refresh_leaves_another_dirty(tenant, other_tenant):
    make_rollup(day=DAY)
    with tenant_context(other_tenant):
        make_rollup(day=DAY)
        theirs = DailyRefresh.objects.get().batch_code

    assert refresh() == "refreshed"
    with tenant_context(other_tenant):
        assert DailyRefresh.objects.get().batch_code == theirs
        assert DailyMetric.objects.count() == 0
        assert refresh() == "refreshed"


@pytest.mark.own_database
def test_a_refresh_beside_another_says_busy_and_readers_read_on(tenant):
    episode = make_episode()
    make_rollup(episode=episode, day=DAY, downloads=70)
    refresh()
    make_rollup(episode=episode, day=DAY, downloads=71)
    with psycopg.connect(**_address()) as other:
        other.execute("SET search_path = acme, public")
        assert other.execute("SELECT refresh_metrics_daily()").fetchone() == ("refreshed",)
        # The other has refreshed and not committed: its lock is held, what stood before is what is read.
        assert refresh() == "busy"
        assert seen(episode) == [(DAY, "host", 70, None)]

    assert seen(episode) == [(DAY, "host", 71, None)]
    assert refresh() == "clean"


def _address() -> dict:
    parts = connection.get_connection_params()
    return {name: parts[name] for name in ("host", "port", "user", "password", "dbname") if parts.get(name)}


def test_of_a_burst_the_first_shows_at_once_and_the_rest_in_its_turn(tenant, other_tenant, monkeypatch):
    # Each page of the view, 8 KB, stands for a second.
    monkeypatch.setattr(refreshing, "BYTES_A_SECOND", 8192)
    episode = make_episode()
    make_rollup(episode=episode, day=DAY, downloads=70)
    first = refresh_in_turn(by=SYSTEM, at=NOON)
    make_rollup(episode=episode, day=DAY, downloads=71)
    pages = pages_of_the_view()

    _refreshed(seconds_ago=pages - 1)
    second, early = refresh_in_turn(by=SYSTEM, at=NOON), sent_by_the_sweep()
    _refreshed(seconds_ago=pages)
    late = sent_by_the_sweep()
    third, after = refresh_in_turn(by=SYSTEM, at=NOON), sent_by_the_sweep()

    assert [first, second, third] == ["refreshed", "waiting", "refreshed"]
    assert (early, late, after) == ([], ["acme"], [])
    assert seen(episode) == [(DAY, "host", 71, None)]


def test_a_large_view_waits_five_minutes_and_a_small_one_hardly_at_all(tenant, monkeypatch):
    make_rollup(day=DAY)
    refresh()
    make_rollup(day=DAY)
    _refreshed(seconds_ago=1)
    small = sent_by_the_sweep()
    # As if the view were thousands of times its size.
    monkeypatch.setattr(refreshing, "BYTES_A_SECOND", 1)
    _refreshed(seconds_ago=299)
    large = sent_by_the_sweep()
    _refreshed(seconds_ago=300)
    after_five_minutes = sent_by_the_sweep()

    assert (small, large, after_five_minutes) == (["acme"], [], ["acme"])


def test_a_house_that_lacks_a_table_keeps_no_other_from_its_work(tenant, other_tenant, caplog):
    make_rollup(day=DAY)
    with tenant_context(other_tenant):
        make_rollup(day=DAY)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE beta.metrics_daily_refreshes CASCADE")

    assert sent_by_the_sweep() == ["acme"]
    assert "Tenant beta lacks a table" in caplog.text


def _refreshed(*, seconds_ago: int) -> None:
    DailyRefresh.objects.update(refreshed_at=TransactionNow() - timedelta(seconds=seconds_ago))


def pages_of_the_view() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_relation_size('metrics_daily') / 8192")
        (pages,) = cursor.fetchone()
    assert pages > 0
    return pages


def sent_by_the_sweep() -> list[str]:
    """Return the houses for which the sweep wakes a worker."""
    sent: list[str] = []
    with schema_context("public"), pytest.MonkeyPatch.context() as patch:
        patch.setattr("tracker.tenants.tasks.send_to", lambda schema, task: sent.append(schema))
        sweep_daily_views()
    return sent
