"""What a card said is kept until something it is made of changes, for its own house and view alone."""

import re
import threading
from datetime import date, timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.db import connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django_tenants.utils import tenant_context
from redis.exceptions import ConnectionError as CacheGone

from deals.models import Campaign, Sponsor
from deals.queries import pipeline_forecast
from etl.models import Import
from etl.services import undo_import
from metrics.models import Podcast
from tests.dashboards.test_card_queries import DASHBOARDS, furnish
from tests.etl.files import bring_in, metrics_csv
from tests.factories import (
    NOON,
    make_booking,
    make_campaign,
    make_episode,
    make_podcast,
    make_rollup,
    make_sponsor,
)
from tracker.dashboards import kept
from tracker.flags.services import switch
from tracker.lib.actors import SYSTEM

# What is kept is told apart by the transactions that wrote it, so these tests commit for real.
pytestmark = pytest.mark.own_database

CREATOR, ADVERTISER, OPS = (f"/api/v1/dashboard/{name}" for name in ("creator", "advertiser", "ops"))
# By whose stamps a change is known of what is not looked at itself.
CHANGES_WITH = {
    "metrics_daily_rollup": {"metric_batches", "episodes", "metric_sources"},
    "metric_snapshots": {"etl_imports"},
    "metric_show_figures": {"etl_imports"},
    "events_outbox": {"event_deliveries"},
}


@pytest.fixture(autouse=True)
def _at_noon(monkeypatch):
    for flag in ("ENABLE_NEW_DASHBOARD_CARDS", "ENABLE_MATCHMAKING", "ENABLE_IO_BOOKINGS"):
        monkeypatch.setenv(flag, "1")
    monkeypatch.setattr(kept, "_resting_until", 0.0)
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def episode(tenant):
    """An episode a month old with one day of figures."""
    episode = make_episode(make_podcast(title="Night"), drops_at=NOON - timedelta(days=30))
    make_rollup(episode=episode, day=date(2026, 10, 22), downloads=100)
    return episode


def shown(client, path=CREATOR, **params):
    answer = client.get(path, params)
    assert answer.status_code == 200, answer.content
    return answer.json()


def downloads(client) -> int:
    """The downloads of the newest episode, as the creator's dashboard says."""
    (latest,) = shown(client)["latest_episodes"]
    return latest["downloads"]


def reads_facts(client, path=CREATOR) -> bool:
    with CaptureQueriesContext(connection) as asked:
        shown(client, path)
    return any("metrics_daily_rollup" in one["sql"] for one in asked)


@pytest.mark.parametrize("path", [CREATOR, ADVERTISER, OPS])
def test_the_second_answer_says_the_same_and_reads_no_figures(api, path):
    sponsor = make_sponsor()
    furnish(sponsor)
    params = {"advertiser_id": str(sponsor.pk)} if path == ADVERTISER else {}

    first = shown(api, path, **params)
    with CaptureQueriesContext(connection) as asked:
        second = shown(api, path, **params)

    assert second == first
    assert not any("metrics_daily_rollup" in one["sql"] for one in asked)


def test_a_deal_that_moves_leaves_the_figures_of_lines_and_one_that_is_renamed_does_not(api):
    booking = make_booking(at=NOON - timedelta(days=40), flight_start=NOON - timedelta(days=20))
    make_rollup(episode=make_episode(booking.ad_unit.podcast, drops_at=NOON - timedelta(days=10)))
    shown(api)

    Campaign.objects.update(stage="proposal", version=F("version") + 1)
    moved = reads_facts(api)
    Sponsor.objects.update(name="Renamed")
    renamed = shown(api)["pacing_vs_flight"]
    Campaign.objects.update(sponsor=make_sponsor(name="Taken over"))
    taken_over = shown(api)["pacing_vs_flight"]

    assert moved is False
    assert [line["advertiser"] for line in renamed + taken_over] == ["Renamed", "Taken over"]


def test_an_import_an_edit_and_taking_back_show_at_once(api, episode):
    assert downloads(api) == 100

    run = bring_in(metrics_csv(f"2026-10-22,{episode.pk},host,250,,,,,"))
    assert run.status == Import.Status.COMPLETED, run.error_message
    assert downloads(api) == 250

    Podcast.objects.filter(pk=episode.podcast_id).update(title="Day")
    assert shown(api)["latest_episodes"][0]["podcast"] == "Day"

    undo_import(import_run=run, by=SYSTEM, at=NOON)
    assert downloads(api) == 100


def test_what_was_written_past_the_services_shows_at_once(api):
    booking = make_booking()
    assert len(shown(api, ADVERTISER, advertiser_id=str(booking.campaign.sponsor_id))["campaigns"]) == 1

    with connection.cursor() as cursor:
        cursor.execute("UPDATE io_bookings SET booked_impressions = 77")

    (line,) = shown(api, ADVERTISER, advertiser_id=str(booking.campaign.sponsor_id))["campaigns"]
    assert line["booked_impressions"] == 77


def test_what_was_there_for_a_moment_is_not_kept_as_what_stood_before_and_after(api, monkeypatch):
    """A deal comes while figures are read and goes again: the stamp is what it was, and so must the figures be."""
    sponsor = make_sponsor()
    made = []

    def meanwhile(**asked):
        if not made:
            made.append(elsewhere(lambda: make_campaign(sponsor=sponsor, currency="USD")))
        return pipeline_forecast(**asked)

    monkeypatch.setattr("tracker.dashboards.ops.pipeline.pipeline_forecast", meanwhile)
    during = shown(api, OPS)["pipeline_forecast"]["deals"]
    there = shown(api, OPS)["pipeline_forecast"]["deals"]
    made[0].delete()
    gone = shown(api, OPS)["pipeline_forecast"]["deals"]

    assert (during, there, gone) == (0, 1, 0)


def test_another_house_never_sees_what_was_kept(api, api_of, tenant, other_tenant):
    """Two houses alike: the same view of the same cards at the same moment, of other figures."""
    theirs = api_of(other_tenant)
    make_campaign(campaign_value=70_000, currency="USD")
    with tenant_context(other_tenant):
        make_campaign(campaign_value=30_000, currency="USD")
    values = [shown(one, OPS)["pipeline_forecast"]["value_cents"] for one in (api, theirs, api, theirs)]

    assert values == [70_000, 30_000, 70_000, 30_000]


def test_what_another_house_wrote_into_our_place_is_not_taken(api, api_of, tenant, other_tenant):
    """Were prefixes ever lost, the digest would still tell houses apart."""
    with tenant_context(other_tenant):
        make_campaign(campaign_value=30_000, currency="USD")
    shown(api_of(other_tenant), OPS)
    with tenant_context(other_tenant):
        places = [f"card:pipeline_forecast:{number}" for number in range(kept.PLACES)]
        found = cache.get_many(places)
    assert len(found) == 1

    cache.set_many(found)

    assert shown(api, OPS)["pipeline_forecast"]["value_cents"] == 0


def test_who_is_bound_sees_their_own_alone_whoever_asked_before(api, api_of, tenant, episode):
    other = make_episode(make_podcast(title="Other"), drops_at=NOON - timedelta(days=30))
    make_rollup(episode=other, day=date(2026, 10, 22), downloads=7)
    mine = api_of(tenant, role="creator", bindings={"podcast": [episode.podcast_id]})
    others = api_of(tenant, role="creator", bindings={"podcast": [other.podcast_id]})
    shown(api)

    assert [downloads(mine), downloads(others), downloads(mine), downloads(others)] == [100, 7, 100, 7]


def test_an_emptied_cache_and_one_that_is_away_change_no_figure(api, episode, monkeypatch):
    first = shown(api)
    cache.clear()
    emptied = shown(api)

    def away(*_given, **_named):
        raise CacheGone

    monkeypatch.setattr(cache, "get_many", away)
    monkeypatch.setattr(cache, "set_many", away)
    without = shown(api)
    make_rollup(episode=episode, day=date(2026, 10, 23), downloads=11)

    assert first == emptied == without
    assert downloads(api) == 111


def test_a_switched_feature_and_the_clock_make_another_answer(api, tenant):
    make_campaign()
    assert {job["is_off"] for job in shown(api, OPS)["jobs"]["jobs"] if job["job"] == "recalculate-matches"} == {False}

    switch(flag="ENABLE_MATCHMAKING", on=False)
    assert {job["is_off"] for job in shown(api, OPS)["jobs"]["jobs"] if job["job"] == "recalculate-matches"} == {True}

    before = shown(api, OPS)["jobs"]["jobs"]
    with time_machine.travel(NOON + timedelta(hours=2), tick=False):
        assert shown(api, OPS)["jobs"]["jobs"] != before


def test_inside_a_transaction_of_its_own_nothing_is_kept(api, episode):
    with transaction.atomic():
        assert downloads(api) == 100
        make_rollup(episode=episode, day=date(2026, 10, 22), downloads=5)
        assert downloads(api) == 5
        transaction.set_rollback(True)

    assert downloads(api) == 100


def test_a_long_answer_is_read_each_time(api, episode, monkeypatch):
    monkeypatch.setattr(kept, "LONGEST", 10)
    shown(api)

    assert reads_facts(api)


def test_each_card_names_every_table_that_it_is_made_of(administrator):
    sponsor = make_sponsor()
    furnish(sponsor)
    unnamed = {}
    for dashboard in DASHBOARDS.values():
        params = {"advertiser_id": str(sponsor.pk)} if dashboard.name == "advertiser" else {}
        scope = dashboard.scope_of(administrator, params, at=NOON)
        for card in dashboard.cards:
            with CaptureQueriesContext(connection) as asked:
                card.as_json(card.load(scope))
            named = {getattr(source, "table", source)._meta.db_table for source in card.made_of}
            tables = set().union(*(tables_of(one["sql"]) for one in asked))
            missing = {table for table in tables - named if not CHANGES_WITH.get(table, {None}) <= named}
            if missing:
                unnamed[card.name] = missing

    assert unnamed == {}


def tables_of(sql: str) -> set[str]:
    known = set(connection.introspection.table_names(include_views=True))
    return {name for name in re.findall(r"\b(?:FROM|JOIN)\s+\"?(\w+)\"?", sql) if name in known}


def elsewhere(act):
    """Do something as another process does it: in a connection of its own, committed at once."""
    done = []

    def work(house):
        with tenant_context(house):
            done.append(act())
        connection.close()

    thread = threading.Thread(target=work, args=(connection.tenant,))
    thread.start()
    thread.join()
    return done[0]
