"""The dashboards of a house with a million listener rows: `python benchmarks/dashboards.py [--rows N] [--runs N]`.

Makes a database of its own in the running embedded server, with facts of 40 shows by day, episode and source: one total
and nine rows by app and by country each. Then asks for pages through the whole of Django and judges three things:

- the page against the same page over the facts: the rollup's name leads to a view that adds up the rows by app, as one
  must who keeps no totals, and that is read as the ORM reads it, by show and day. Both show the same figures, which is
  checked. What the facts would take if they too were read by episode codes, as the rollup is, is told beside it;
- the page against the time of its own SQL;
- an unchanged page, which is a 304, and the first page after an import, which must show the new figures.

Nothing is kept between pages: each is the first one anew, save those that are unchanged. Half of the pages over the
rollup are asked for before those over the facts, half after. Prints medians with their limits, which are meant for a
million rows, and "ok" or "MISSED"; ends with 1 when missed.
"""

import argparse
import logging
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.measuring import Verdicts, own_database  # noqa: E402

DATABASE = "bench_dashboards"
HOST = "bench.localhost"
SHOWS, SOURCES, BREAKDOWNS = 40, 2, 9
OVER_FACTS, OVER_SQL = 10.0, 3.0
# The page that is made of listener rows: pacing, revenue, downloads and curves of a show. The others hardly read any.
JUDGED = "creator"

# The same columns, added up from the rows by app (the breakdowns 1 to 5), whose numbers add up to the totals.
OVER_THE_FACTS = """
CREATE OR REPLACE VIEW metrics_daily_rollup AS
  SELECT f.day, e.episode_id, e.podcast_id, s.name AS source,
    sum(f.downloads)::bigint AS downloads, sum(f.listeners)::bigint AS listeners,
    (avg(f.completion_ppm) / 1000000.0)::numeric(7, 6) AS completion_rate,
    (avg(f.ctr_ppm) / 1000000.0)::numeric(7, 6) AS ctr,
    sum(f.conversions)::bigint AS conversions, sum(f.revenue_cents)::bigint AS revenue_cents,
    max(b.recorded_at) AS last_updated, e.code::int AS episode_code
  FROM listener_metrics f
  JOIN episodes e ON e.code = f.episode_code
  JOIN metric_sources s ON s.code = f.source_code
  JOIN metric_batches b ON b.code = f.batch_code
  WHERE f.breakdown_code BETWEEN 1 AND 5
  GROUP BY f.day, e.episode_id, e.podcast_id, e.code, s.name
"""

# By the code in the facts, as the rollup tells it, in place of the one of the episode that was found by its show.
BY_CODES = OVER_THE_FACTS.replace("e.code::int AS", "f.episode_code AS").replace(
    "e.code, s.name", "f.episode_code, s.name"
)

# Episodes are measured from their drop on; the newest ones of each show are the most heard.
FACTS = """
INSERT INTO listener_metrics (day, episode_code, source_code, breakdown_code, batch_code, downloads, revenue_cents)
SELECT heard.day, heard.code, source, breakdown, %(batch)s,
       CASE WHEN breakdown = 0 THEN heard.n WHEN breakdown <= 5 THEN heard.n / 5 ELSE heard.n / 4 END,
       CASE WHEN breakdown = 0 THEN heard.n / 10 WHEN breakdown <= 5 THEN heard.n / 50 ELSE heard.n / 40 END
FROM (
    SELECT day::date AS day, e.code, 100 * (1 + 20 / (1 + day::date - e.drops_at::date)) AS n
    FROM episodes e, generate_series(e.drops_at::date, %(last)s, interval '1 day') AS day
) AS heard, unnest(%(sources)s::int[]) AS source, generate_series(0, %(breakdowns)s) AS breakdown
"""


def main() -> int:
    options = _options()
    with own_database(DATABASE):
        import django

        django.setup()
        logging.disable(logging.INFO)
        try:
            return _run(options)
        finally:
            from django.db import connection

            connection.close()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="listener rows, about")
    parser.add_argument("--runs", type=int, default=9)
    return parser.parse_args()


def _run(options: argparse.Namespace) -> int:
    from django.conf import settings
    from django.test.utils import override_settings

    settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
    facts = _prepare(options.rows)
    print(f"{facts:,} listener rows of {SHOWS} shows; medians of {options.runs} pages\n")
    with override_settings(ALLOWED_HOSTS=["*"]):
        pages = {name: _pages_of(name) for name in ("creator", "advertiser", "ops")}
        few = max(3, options.runs // 3)
        taken = {name: _measure(page, options.runs) for name, page in pages.items()}
        shown = _main_of(pages[JUDGED]())
        with _over_the_facts(OVER_THE_FACTS, by_codes=False):
            over_facts = _median(_measure(pages[JUDGED], few))
            is_same = _main_of(pages[JUDGED]()) == shown
        with _over_the_facts(BY_CODES, by_codes=True):
            by_codes = _median(_measure(pages[JUDGED], few))
        taken[JUDGED] += _measure(pages[JUDGED], options.runs)
        unchanged = {name: _unchanged(page, options.runs) for name, page in pages.items()}
        is_fresh, first = _first_after_an_import(pages[JUDGED])
    by_rollup = {name: _median(pages) for name, pages in taken.items()}
    return _report(by_rollup, over_facts, by_codes, unchanged, first, is_same=is_same, is_fresh=is_fresh)


@contextmanager
def _over_the_facts(view: str, *, by_codes: bool) -> Iterator[None]:
    """Let the rollup's name lead to the facts; without `by_codes` they are read as figures of many shows are."""
    from metrics.models import RollupOfSome

    few = RollupOfSome.FEW_SHOWS, RollupOfSome.FEW_EPISODES
    as_it_is = f"CREATE OR REPLACE VIEW metrics_daily_rollup AS {_ask('metrics_daily_rollup')}"
    _run_sql(view)
    if not by_codes:
        RollupOfSome.FEW_SHOWS = RollupOfSome.FEW_EPISODES = 0
    try:
        yield
    finally:
        RollupOfSome.FEW_SHOWS, RollupOfSome.FEW_EPISODES = few
        _run_sql(as_it_is)


def _ask(view: str) -> str:
    from django.db import connection

    _enter()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_viewdef(%s::regclass)", [view])
        return str(cursor.fetchone()[0])


def _run_sql(statement: str) -> None:
    from django.db import connection

    _enter()
    with connection.cursor() as cursor:
        cursor.execute(statement)


def _enter() -> None:
    from django.db import connection

    from tracker.tenants.models import Tenant

    connection.set_schema_to_public()
    connection.set_tenant(Tenant.objects.get(schema_name="bench"))


def _main_of(answer: Any) -> str:
    """What a page shows: its main part, without what is drawn by chance in each answer."""
    main = re.search(r"<main.*</main>", answer.content.decode(), re.DOTALL)
    assert main is not None
    return re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", main[0])


def _report(
    by_rollup: Any, over_facts: Any, by_codes: Any, unchanged: Any, first: float, *, is_same: bool, is_fresh: bool
) -> int:
    verdicts = Verdicts()
    for name, (page, sql, count) in by_rollup.items():
        print(f"/dashboard/{name}: {page:.1f} ms, of which {sql:.1f} ms of SQL in {count} statements; ", end="")
        print(f"unchanged, a 304: {unchanged[name]:.1f} ms")
        if name != JUDGED:
            print(f"  {page / sql:.1f} × its own SQL, which reads few listener rows or none: no limit")
    page, sql, _count = by_rollup[JUDGED]
    print(f"/dashboard/{JUDGED}, the first one after an import: {first:.1f} ms")
    print(f"/dashboard/{JUDGED} over the facts: {over_facts[0]:.1f} ms, of which {over_facts[1]:.1f} ms of SQL")
    print(f"  by codes: {by_codes[0]:.1f} ms, of which {by_codes[1]:.1f} ms of SQL; no limit\n")
    verdicts.limit("pages that show something else over the facts", int(not is_same), "", at_most=0)
    verdicts.limit(f"{JUDGED}: page ÷ its own SQL", page / sql, "×", at_most=OVER_SQL)
    verdicts.limit(f"{JUDGED}: over the facts ÷ over the rollup", over_facts[0] / page, "×", at_least=OVER_FACTS)
    verdicts.limit("pages that were old after an import", int(not is_fresh), "", at_most=0)
    return verdicts.code


def _prepare(rows: int) -> int:
    from django.core.management import call_command
    from django.db import connection

    from tracker.accounts.roles import ensure_roles
    from tracker.tenants.models import Tenant

    call_command("migrate_schemas", shared=True, verbosity=0)
    tenant = Tenant.objects.create(schema_name="bench", name="Bench", status="active")
    connection.cursor().execute("CREATE SCHEMA bench")
    call_command("migrate_schemas", schema_name="bench", verbosity=0)
    connection.set_tenant(tenant)
    ensure_roles()
    facts = _fill(rows)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return facts


def _fill(rows: int) -> int:
    """Shows, their facts and lines in flight, deals in all stages, matches, imports: what the pages are made of."""
    from django.db import connection

    from metrics.models import MetricBatch, MetricSource

    now = datetime.now(UTC)
    shows = _shows(now, rows)
    sources = [MetricSource.objects.get_or_create(name=name)[0] for name in ("podtrail", "earprint")]
    batch = MetricBatch.objects.create(recorded_at=now)
    last = now.date() - timedelta(days=1)
    with connection.cursor() as cursor:
        codes = [source.code for source in sources]
        for number in range(1, BREAKDOWNS + 1):
            cursor.execute(
                "INSERT INTO metric_breakdowns (code, dimension, value) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                [number, "app" if number <= 5 else "country", str(number)],
            )
        cursor.execute(FACTS, {"batch": batch.pk, "last": last, "sources": codes, "breakdowns": BREAKDOWNS})
        cursor.execute("SELECT count(*) FROM listener_metrics")
        (facts,) = cursor.fetchone()
    _sell(shows, now)
    return facts


def _shows(now: datetime, rows: int) -> list[Any]:
    """Shows with weekly episodes: as many as make about so many rows, each measured from its drop on."""
    from metrics.models import Episode, Podcast

    per_show = rows / SHOWS / SOURCES / (BREAKDOWNS + 1)
    count = 1
    while sum(7 * back + 3 for back in range(count + 1)) < per_show:
        count += 1
    shows = Podcast.objects.bulk_create(
        Podcast(title=f"Show {n}", slug=f"show-{n}", release_weekdays=[1]) for n in range(SHOWS)
    )
    for show in shows:
        for back in range(-2, count):
            drop = now - timedelta(days=3 + 7 * back)
            Episode.objects.create(podcast=show, title=f"Episode {back}", drops_at=drop, is_published=drop < now)
    return shows


def _sell(shows: list[Any], now: datetime) -> None:
    from bookings.models import AdUnit, InsertionOrder, IOBooking
    from deals.models import Campaign, Sponsor
    from etl.models import Import
    from matchmaking.models import Match

    sponsors = [Sponsor.objects.create(name=f"Sponsor {n}") for n in range(20)]
    start = (now - timedelta(days=15)).replace(hour=0, minute=0, second=0, microsecond=0)
    for number, show in enumerate(shows):
        sponsor = sponsors[number % len(sponsors)]
        for line, delivery in enumerate(("dynamic", "dynamic", "baked_in", "baked_in")):
            unit = AdUnit.objects.create(
                podcast=show, name=f"Mid-roll {line}", position="mid", duration_seconds=60, delivery=delivery
            )
            deal = Campaign.objects.create(
                name=f"Deal {number}-{line}", sponsor=sponsor, stage="won", stage_changed_at=now, closed_at=now
            )
            order = InsertionOrder.objects.create(
                campaign=deal, currency="USD", time_zone="UTC", measurement_of_record="podtrail"
            )
            IOBooking.objects.create(
                order=order, campaign=deal, ad_unit=unit, flight_start=start, flight_end=start + timedelta(days=30),
                booked_impressions=30_000, booked_cpm_cents=2_500, gross_cents=75_000, status="active",
                status_changed_at=start,
            )  # fmt: skip
        for stage in ("lead", "proposal"):
            Campaign.objects.create(
                name=f"Deal {number} {stage}", sponsor=sponsor, stage=stage, currency="USD", campaign_value=500_000,
                stage_changed_at=now - timedelta(days=9), expected_close_on=now.date() + timedelta(days=number),
            )  # fmt: skip
        Match.objects.create(
            advertiser=sponsors[0], podcast=show, score=70 - number, confidence=1, updated_at=now,
            rationale="Its listeners live where you ship.", signals={"topic_overlap": 0.9}, in_advertiser_top=True,
        )  # fmt: skip
    for hours in range(0, 200, 5):
        Import.objects.create(
            source="api", kind="metrics", file_name="m.csv", status="completed", records_imported=100,
            completed_at=now - timedelta(hours=hours),
        )  # fmt: skip


def _pages_of(name: str) -> Callable[..., Any]:
    """Return what asks for a page as one of its people: a creator of one show, an advertiser, somebody of ops."""
    from django.conf import settings
    from django.db import connection
    from django.test import Client

    from deals.models import Sponsor
    from metrics.models import Podcast
    from tests.sessions import session_of
    from tracker.accounts.services import create_user
    from tracker.flags.services import switch
    from tracker.tenants.models import Domain, Tenant

    tenant = Tenant.objects.get(schema_name="bench")
    connection.set_tenant(tenant)
    for flag in ("ENABLE_NEW_DASHBOARD_CARDS", "ENABLE_MATCHMAKING", "ENABLE_IO_BOOKINGS", "ENABLE_DEAL_PIPELINE"):
        switch(flag=flag, on=True)
    bindings = {
        "creator": {"podcast": [Podcast.objects.earliest("title").pk]},
        "advertiser": {"sponsor": [Sponsor.objects.earliest("name").pk]},
    }
    person = create_user(email=f"{name}@bench.example", role=name, name=name, bindings=bindings.get(name))
    client = Client(headers={"host": HOST})
    client.cookies[settings.SESSION_COOKIE_NAME] = session_of(person, tenant).session_key
    connection.set_schema_to_public()
    Domain.objects.get_or_create(domain=HOST, defaults={"tenant": tenant, "is_primary": True})

    def ask(**headers: str) -> Any:
        answer = client.get(f"/dashboard/{name}", headers=headers)
        assert answer.status_code in (200, 304), answer.status_code
        return answer

    return ask


# A page: its seconds, those of its SQL, its statements.
Taken = tuple[float, float, int]


def _median(pages: list[Taken]) -> Taken:
    """Return the median page and the median of its SQL in milliseconds, and its statements."""
    seconds, sqls, counts = zip(*pages, strict=True)
    return 1_000 * statistics.median(seconds), 1_000 * statistics.median(sqls), max(counts)


def _measure(ask: Callable[..., Any], runs: int) -> list[Taken]:
    from django.db import connection

    spent: list[float] = []

    def clock(execute: Any, *arguments: Any) -> Any:
        started = time.perf_counter()
        try:
            return execute(*arguments)
        finally:
            spent.append(time.perf_counter() - started)

    pages: list[Taken] = []
    ask()
    for _ in range(runs):
        spent.clear()
        with connection.execute_wrapper(clock):
            started = time.perf_counter()
            ask()
            taken = time.perf_counter() - started
        pages.append((taken, sum(spent), len(spent)))
    return pages


def _unchanged(ask: Callable[..., Any], runs: int) -> float:
    took = []
    for _ in range(runs):
        tag = ask()["ETag"]
        started = time.perf_counter()
        answer = ask(**{"If-None-Match": tag})
        took.append(time.perf_counter() - started)
        assert answer.status_code == 304
    return 1_000 * statistics.median(took)


def _first_after_an_import(ask: Callable[..., Any]) -> tuple[bool, float]:
    """Import one new figure as an import does; the tag from before must be refused, and the page must differ.

    Returns whether it was so, and the milliseconds of that page.
    """
    from metrics.models import Episode
    from metrics.services import DayOfEpisode, record_metrics

    before = ask()
    _enter()
    episode = Episode.objects.filter(podcast__title="Show 0", is_published=True).latest("drops_at")
    now = datetime.now(UTC)
    day = now.date() - timedelta(days=1)
    record_metrics(rows=[DayOfEpisode(day=day, episode_id=episode.pk, source="podtrail", downloads=999_999)], at=now)
    started = time.perf_counter()
    after = ask(**{"If-None-Match": before["ETag"]})
    taken = time.perf_counter() - started
    return after.status_code == 200 and _main_of(after) != _main_of(before), 1_000 * taken


if __name__ == "__main__":
    sys.exit(main())
