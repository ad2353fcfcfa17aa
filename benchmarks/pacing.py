"""10,000 active bookings paced in one set-based run: `python -m benchmarks.pacing [--bookings N]`.

Makes a database of its own in the running embedded server (`python -m tracker.stack servers`): 200 shows with 60
weekly episodes each, measured for their first 60 days by two sources, and bookings of both kinds over them. Prints the
time of one snapshot run, its statements and its peak memory, then drops the database.
"""

import argparse
import os
import random
import resource
import sys
import time
from datetime import UTC, datetime, timedelta

import environ
import psycopg

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
SHOWS, EPISODES, DAYS = 200, 60, 60
DATABASE = "bench_pacing"
LIMIT_SECONDS = 10


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bookings", type=int, default=10_000)
    options = parser.parse_args()
    _use_own_database()
    try:
        seconds = _measure(options.bookings)
    finally:
        from django.db import connection

        connection.close()
        _drop_database()
    return 0 if options.bookings > 10_000 or seconds <= LIMIT_SECONDS else 1


def _measure(bookings: int) -> float:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from bookings.delivery.upkeep import take_snapshots

    _prepare(bookings)
    with CaptureQueriesContext(connection) as statements:
        started, ticks = time.perf_counter(), time.process_time()
        result = take_snapshots(at=NOW)
        seconds, busy = time.perf_counter() - started, time.process_time() - ticks
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    facts = SHOWS * EPISODES * DAYS * 2
    print(f"{result.summary}")
    again = time.perf_counter()
    take_snapshots(at=NOW)
    again = time.perf_counter() - again
    word = "ok" if seconds <= LIMIT_SECONDS else "MISSED"
    print(f"{bookings:,} active bookings over {facts:,} facts, {SHOWS} shows with curves of their own")
    print(f"  one run {seconds:6.1f} s, limit {LIMIT_SECONDS} s for 10,000: {word} (the same again {again:.1f} s)")
    print(f"  processor {busy:5.1f} s, {len(statements)} statements, peak memory of the process {memory:,.0f} MiB")
    return seconds


def _prepare(bookings: int) -> None:
    from django.core.management import call_command
    from django.db import connection

    from tracker.tenants.models import Tenant

    call_command("migrate_schemas", shared=True, verbosity=0)
    tenant = Tenant.objects.create(schema_name="bench", name="Bench", status="active")
    connection.cursor().execute("CREATE SCHEMA bench")
    call_command("migrate_schemas", schema_name="bench", verbosity=0)
    connection.set_tenant(tenant)
    _fill(bookings)
    connection.cursor().execute("ANALYZE")


def _fill(count: int) -> None:
    from bookings.models import AdUnit, InsertionOrder, IOBooking
    from deals.models import Campaign, Sponsor
    from metrics.models import Episode, Podcast
    from metrics.services import DayOfEpisode, record_metrics

    chance = random.Random(11)
    shows = Podcast.objects.bulk_create(Podcast(title=f"Show {n}", slug=f"show-{n}") for n in range(SHOWS))
    episodes = []
    for show in shows:
        for back in range(EPISODES):
            drop = NOW - timedelta(days=3 + 7 * back + chance.random())
            episodes.append(Episode.objects.create(podcast=show, title=f"Episode {back}", drops_at=drop))
    for source, bias in (("podtrail", 1.0), ("earprint", 0.95)):
        for start in range(0, len(episodes), 2_000):
            rows = []
            for episode in episodes[start : start + 2_000]:
                level = chance.lognormvariate(8, 0.4) * bias
                first = episode.drops_at.date()
                for age in range(DAYS):
                    day = first + timedelta(days=age)
                    if day < NOW.date():
                        downloads = round(level / (age + 1) ** 1.3)
                        rows.append(DayOfEpisode(day=day, episode_id=episode.pk, source=source, downloads=downloads))
            record_metrics(rows=rows, at=NOW)
    sponsor = Sponsor.objects.create(name="Sponsor")
    campaign = Campaign.objects.create(name="Deal", sponsor=sponsor, stage="won", stage_changed_at=NOW, closed_at=NOW)
    order = InsertionOrder.objects.create(
        campaign=campaign, currency="EUR", time_zone="Europe/Berlin", measurement_of_record="podtrail"
    )
    units = AdUnit.objects.bulk_create(
        AdUnit(podcast=show, name=f"{delivery} {n}", position="mid", duration_seconds=60, delivery=delivery)
        for show in shows
        for delivery in ("baked_in", "dynamic")
        for n in range(2)
    )
    lines = []
    for number in range(count):
        start = NOW - timedelta(days=chance.randint(1, 40), microseconds=number)
        lines.append(
            IOBooking(
                order=order,
                campaign=campaign,
                ad_unit=units[number % len(units)],
                flight_start=start,
                flight_end=start + timedelta(days=chance.randint(20, 60)),
                booked_impressions=chance.randint(5_000, 200_000),
                booked_cpm_cents=2_500,
                gross_cents=100_000,
                status="active",
                status_changed_at=start,
            )
        )
    IOBooking.objects.bulk_create(lines, batch_size=2_000)


def _use_own_database() -> None:
    """Point the settings at a database of our own, made anew in the running server."""
    from tracker.stack.servers import Servers
    from tracker.stack.state import PROJECT, local_environment, state_of

    if "DATABASE_URL" not in os.environ:
        Servers(state_of(PROJECT)).start()
        local_environment(PROJECT)
    _drop_database()
    with _server() as server:
        server.execute(f"CREATE DATABASE {DATABASE}")
    base = os.environ["DATABASE_URL"].rsplit("/", 1)[0]
    os.environ.update(DATABASE_URL=f"{base}/{DATABASE}", DJANGO_SETTINGS_MODULE="tracker.settings")
    import django

    django.setup()


def _drop_database() -> None:
    with _server() as server:
        server.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")


def _server() -> psycopg.Connection:
    parts = environ.Env.db_url_config(os.environ["DATABASE_URL"])
    return psycopg.connect(
        host=parts["HOST"],
        port=parts["PORT"] or None,
        user=parts["USER"],
        password=parts["PASSWORD"] or None,
        dbname="postgres",
        autocommit=True,
    )


if __name__ == "__main__":
    sys.exit(main())
