"""10,000 active bookings paced in one set-based run: `python -m benchmarks.pacing [--bookings N]`.

In a database of its own: 200 shows with 60 weekly episodes each, measured for their first 60 days by two sources, and
bookings of both kinds over them; every show's curve is learned anew in the run. Prints the time of one snapshot run,
its statements and its peak memory beside their limits, and ends with 1 when one is missed.
"""

import argparse
import random
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.measuring import Verdicts, in_child, own_database

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
SHOWS, EPISODES, DAYS = 200, 60, 60
LIMIT_SECONDS, LIMIT_STATEMENTS, LIMIT_MEMORY = 10, 20, 1_024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bookings", type=int, default=10_000)
    options = parser.parse_args()
    verdicts = Verdicts()
    with own_database("bench_pacing"):
        in_child(_prepare, options.bookings)
        run = in_child(_run)
    print(f"{options.bookings:,} active bookings over {SHOWS * EPISODES * DAYS * 2:,} facts. {run['summary']}")
    verdicts.limit("pacing every booking in one run", run["seconds"], "s", at_most=LIMIT_SECONDS)
    verdicts.limit("the same again", run["again"], "s", at_most=LIMIT_SECONDS)
    verdicts.limit("statements", run["statements"], "", at_most=LIMIT_STATEMENTS)
    verdicts.limit("peak memory of the process", run["memory"], "MB", at_most=LIMIT_MEMORY)
    print(f"         processor time of the first run {run['processor']:.2f} s, learning the curves included")
    return verdicts.code


def _run() -> dict[str, Any]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from bookings.delivery.upkeep import take_snapshots
    from tracker.tenants.models import Tenant

    connection.set_tenant(Tenant.objects.get(schema_name="bench"))
    with CaptureQueriesContext(connection) as statements:
        started, ticks = time.perf_counter(), time.process_time()
        result = take_snapshots(at=NOW)
        seconds, processor = time.perf_counter() - started, time.process_time() - ticks
    started = time.perf_counter()
    take_snapshots(at=NOW)
    again = time.perf_counter() - started
    return {
        **{"seconds": seconds, "again": again, "processor": processor, "statements": len(statements)},
        "summary": result.summary,
    }


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


if __name__ == "__main__":
    sys.exit(main())
