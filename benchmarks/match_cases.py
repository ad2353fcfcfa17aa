"""What benchmarks/matches.py measures: each function runs in a process of its own, in the schema of a tenant."""

import heapq
import time
from datetime import UTC, datetime

import numpy as np

SCHEMA = "bench"
AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
EVIDENCE = 30.0
# Of each kind of feature, how many cells a show and a sponsor fill: as catalogues do.
SHOW_TOPICS, SHOW_COUNTRIES, WISHED_COUNTRIES = 3, 20, 4


def prepare(shows: int, sponsors: int) -> dict:
    """Migrate a database, make a tenant of so many shows and sponsors, and pack them from random profiles."""
    from django.core.management import call_command
    from django.db import connection

    from tracker.tenants.models import Tenant

    call_command("migrate_schemas", shared=True, verbosity=0)
    tenant = Tenant.objects.create(schema_name=SCHEMA, name="Bench", status="active")
    connection.cursor().execute(f"CREATE SCHEMA {SCHEMA}")
    call_command("migrate_schemas", schema_name=SCHEMA, verbosity=0)
    connection.set_tenant(tenant)
    fill(shows, sponsors)
    return {}


def fill(shows: int, sponsors: int) -> dict:
    from deals.models import Sponsor
    from matchmaking import features, store
    from matchmaking.history import BUCKETS, SHOW_DIMS, TAG_DIMS, TEXT_DIMS, PeerTable, TextModel
    from matchmaking.models import Match, Model, Run
    from matchmaking.packing import pack_podcast, pack_sponsor
    from metrics.models import Podcast

    _enter()
    features.forget_all()
    for table in (Run, Match, Podcast, Sponsor):
        table.objects.all().delete()
    rng = np.random.default_rng(3)
    podcasts = Podcast.objects.bulk_create(
        (Podcast(title=f"Show {n}", slug=f"show-{n}") for n in range(shows)), batch_size=2000
    )
    buyers = Sponsor.objects.bulk_create(
        (Sponsor(name=f"Sponsor {n}", name_key=f"sponsor{n}") for n in range(sponsors)), batch_size=2000
    )
    store.write_packs("podcasts", {one.pk: pack_podcast(_show(rng)) for one in podcasts}, wanted=None)
    store.write_packs("sponsors", {one.pk: pack_sponsor(_sponsor(rng)) for one in buyers}, wanted=None)
    text = TextModel(np.zeros(BUCKETS, np.float32), np.zeros((BUCKETS, TEXT_DIMS), np.float32))
    nothing = np.zeros((TAG_DIMS, SHOW_DIMS), np.float32)
    peers = PeerTable(nothing, nothing[:, 0], nothing[0])
    Model.objects.create(
        fitted_at=AT,
        shows=shows,
        placements=0,
        full_evidence=EVIDENCE,
        text=text.to_bytes(),
        peers=peers.to_bytes(),
    )
    from django.db import connection

    connection.cursor().execute("VACUUM ANALYZE")
    return {}


def _show(rng: np.random.Generator):
    from matchmaking import profiles
    from matchmaking.history import HISTORY_DIMS
    from matchmaking.taxonomy import countries, topics

    own = rng.choice(topics()[1:], SHOW_TOPICS, replace=False)
    return profiles.Podcast(
        topics=dict(zip(own.tolist(), (1.0, 0.8, 0.5), strict=True)),
        countries=_audience(rng, rng.choice(countries(), SHOW_COUNTRIES, replace=False), 0.1),
        ages=_audience(rng, profiles.AGE_BANDS, 0.1) if rng.random() < 0.9 else None,
        sexes=_audience(rng, profiles.SEXES, 0.1) if rng.random() < 0.9 else None,
        free_by_week=tuple(rng.integers(0, 5, profiles.WEEKS) / 4) if rng.random() < 0.9 else None,
        cpm_cents=int(rng.integers(1500, 5000)),
        risks={"explicit": 1.0} if rng.random() < 0.2 else {},
        history=tuple((rng.random(HISTORY_DIMS) ** 3 * 0.3).tolist()),
    )


def _sponsor(rng: np.random.Generator):
    from matchmaking import profiles
    from matchmaking.history import HISTORY_DIMS
    from matchmaking.taxonomy import countries, topics

    own = rng.choice(topics(), 5, replace=False)
    return profiles.Sponsor(
        interests=dict.fromkeys(own.tolist(), 0.2),
        countries=dict(_audience(rng, rng.choice(countries(), WISHED_COUNTRIES, replace=False), 0).shares),
        ages=dict(_audience(rng, profiles.AGE_BANDS, 0).shares) if rng.random() < 0.8 else None,
        sexes=dict(_audience(rng, profiles.SEXES, 0).shares) if rng.random() < 0.8 else None,
        budget_cpm_cents=int(rng.integers(1500, 4000)),
        avoids=frozenset({"explicit"}) if rng.random() < 0.1 else frozenset(),
        blocked=frozenset(rng.choice(topics()[1:], 1).tolist()) if rng.random() < 0.3 else frozenset(),
        history=tuple(rng.random(HISTORY_DIMS).tolist()) if rng.random() < 0.9 else None,
    )


def _audience(rng: np.random.Generator, keys, unknown: float):
    from matchmaking.profiles import Audience

    shares = rng.random(len(keys)) ** 3
    return Audience(dict(zip([str(key) for key in keys], (shares / shares.sum()).tolist(), strict=True)), unknown)


# --- the product ------------------------------------------------------------------------------------------------------
def full_run(threads: int | None, empty_first: bool) -> dict:
    """From packed rows in the database to committed matches. threads: as many as the product takes, if None."""
    from django.db import connection, transaction

    from matchmaking import lists
    from matchmaking.engine import THREADS, score_all
    from matchmaking.house import load_house
    from matchmaking.models import Match
    from matchmaking.profiles import Weights

    _enter()
    if empty_first:
        connection.cursor().execute("TRUNCATE matches")
    Match.objects.exists()
    started = time.perf_counter()
    with transaction.atomic():
        house = load_house(weights=Weights(), full_evidence=EVIDENCE)
        problem = house.problem
        loaded = time.perf_counter()
        best = score_all(problem, threads=threads or THREADS)
        scored = time.perf_counter()
        done = lists.settle_all(house, *best, at=AT)
    ended = time.perf_counter()
    return {
        "seconds": ended - started,
        "told": f"read {loaded - started:.2f}, score {scored - loaded:.2f}, explain and write {ended - scored:.2f} s;"
        f" {done.kept:,} kept, {done.written:,} written, {done.deleted:,} deleted",
        "written": done.written,
        "deleted": done.deleted,
        "table": _fingerprint(),
    }


def _fingerprint() -> str:
    """Return a digest of everything that a run leaves in `matches`, save keys and times."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT md5(string_agg(md5(concat_ws('|', advertiser_id, podcast_id, score, confidence, rationale, signals,"
            " in_advertiser_top, in_podcast_top, digest)), '' ORDER BY advertiser_id, podcast_id)) FROM matches"
        )
        return cursor.fetchone()[0]


def changed_podcasts(count: int, seed: int) -> dict:
    """Some shows get new features; then only what hangs on them is scored."""
    from django.db import connection, transaction

    from matchmaking import lists, store
    from matchmaking.house import load_house
    from matchmaking.packing import pack_podcast
    from matchmaking.profiles import Weights

    _enter()
    rng = np.random.default_rng(seed)
    ids = store.read_packs("podcasts").ids
    chosen = [ids[index] for index in rng.choice(len(ids), count, replace=False)]
    store.write_packs("podcasts", {pk: pack_podcast(_show(rng)) for pk in chosen}, wanted=chosen)
    connection.cursor().execute("ANALYZE matches")
    started = time.perf_counter()
    with transaction.atomic():
        house = load_house(weights=Weights(), full_evidence=EVIDENCE)
        done = lists.recalculate_some(house, sponsors=[], podcasts=chosen, at=AT)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "told": f"{done.pairs:,} pairs, {done.written:,} written, {done.deleted:,} deleted"}


def by_workers(workers: int) -> dict:
    """A run over everything as blocks, each the Celery task's own function, taken by so many worker processes."""
    import multiprocessing
    import os

    from django.db import connection

    from matchmaking import services
    from matchmaking.models import Run, RunBlock
    from tracker.lib.actors import SYSTEM

    _enter()
    connection.cursor().execute("TRUNCATE matches")
    run = services.request_recalculation(by=SYSTEM, at=AT)
    Run.objects.filter(pk=run.pk).update(status=Run.Status.RUNNING)
    from matchmaking import lists

    spans = lists.spans_of_house()
    RunBlock.objects.bulk_create([RunBlock(run=run, first=first, last=last) for first, last in spans])
    context = multiprocessing.get_context("spawn")
    queue, ready = context.Queue(), context.Queue()
    children = [
        context.Process(target=_worker, args=(queue, ready, os.environ["DATABASE_URL"], str(run.pk)))
        for _ in range(workers)
    ]
    for child in children:
        child.start()
    for _ in children:
        ready.get(timeout=120)
    started = time.perf_counter()
    for first, _last in spans:
        queue.put(first)
    for _ in children:
        queue.put(None)
    for child in children:
        child.join()
    scored = time.perf_counter() - started
    run.refresh_from_db()
    run = services.join_blocks(run=run, at=AT)
    return {
        "seconds": scored,
        "blocks": len(spans),
        "told": f"{len(spans)} blocks; then joined and written: {run.counts['written']:,} rows",
    }


def _worker(queue, ready, url: str, run_id: str) -> None:
    import os
    from uuid import UUID

    os.environ["DATABASE_URL"] = url
    import django

    django.setup()
    from matchmaking import services

    _enter()
    ready.put(True)
    while (first := queue.get()) is not None:
        services.score_block(run_id=UUID(run_id), first=first, at=AT)


# --- limit and peers --------------------------------------------------------------------------------------------------
def product_alone() -> dict:
    """The bare float32 products of the same matrices: what scoring cannot undercut."""
    from matchmaking import store
    from matchmaking.packing import LAYOUT

    _enter()
    shows, buyers = store.read_packs("podcasts").rows, store.read_packs("sponsors").rows
    parts = [
        (np.ascontiguousarray(buyers[:, LAYOUT[name]]), np.ascontiguousarray(shows[:, LAYOUT[name]].T))
        for name in ("topics", "blocked", "risks", "weeks", "history")
    ]
    started = time.perf_counter()
    for start in range(0, len(buyers), 256):
        for mine, theirs in parts:
            mine[start : start + 256] @ theirs
    return {"seconds": time.perf_counter() - started}


def python_loops(advertisers: int) -> dict:
    """The same score in plain loops over lists and dictionaries, the best twenty by heapq."""
    from matchmaking import store
    from matchmaking.best import KEPT
    from matchmaking.packing import FLAGS, LAYOUT
    from matchmaking.profiles import RISK_COST, Weights

    _enter()
    packs, buyers = store.read_packs("podcasts"), store.read_packs("sponsors")
    weights = Weights()

    def plain(row, names):
        cut = {name: row[LAYOUT[name]].tolist() for name in names}
        cut["shares"] = {index: value for index, value in enumerate(row[LAYOUT["countries"]].tolist()) if value}
        return cut

    names = ("flags", "price", "topics", "blocked", "risks", "weeks", "ages", "sexes", "history")
    shows = [plain(row, names) for row in packs.rows]
    sponsors = [plain(row, names) for row in buyers.rows[:advertisers]]
    for one in sponsors:
        for name in ("topics", "blocked", "risks"):
            one[name] = [(index, value) for index, value in enumerate(one[name]) if value]
    flag = {name: index for index, name in enumerate(FLAGS)}
    started = time.perf_counter()
    for buyer in sponsors:
        found = []
        for index, show in enumerate(shows):
            if any(show["blocked"][topic] for topic, _value in buyer["blocked"]):
                continue
            has = [mine * theirs for mine, theirs in zip(buyer["flags"], show["flags"], strict=True)]
            top = present = 0.0
            if has[flag["geo"]]:
                shares = show["shares"]
                top += weights.geo_overlap * sum(
                    min(value, shares[key]) for key, value in buyer["shares"].items() if key in shares
                )
                present += weights.geo_overlap
            parts = []
            if has[flag["age"]]:
                parts.append(sum(map(min, buyer["ages"], show["ages"])))
            if has[flag["sex"]]:
                parts.append(sum(map(min, buyer["sexes"], show["sexes"])))
            if parts:
                top += weights.demographic_overlap * sum(parts) / len(parts)
                present += weights.demographic_overlap
            if has[flag["topic"]]:
                top += weights.topic_overlap * sum(value * show["topics"][topic] for topic, value in buyer["topics"])
                present += weights.topic_overlap
            if has[flag["history"]]:
                evidence = sum(one * other for one, other in zip(buyer["history"], show["history"], strict=True))
                top += weights.historical_lift * min(1.0, max(0.0, evidence / EVIDENCE))
                present += weights.historical_lift
            if has[flag["inventory"]]:
                free = sum(one * other for one, other in zip(buyer["weeks"], show["weeks"], strict=True))
                price = min(1.0, max(0.0, 2 - buyer["price"][0] * show["price"][0]))
                top += weights.inventory_fit * free * price
                present += weights.inventory_fit
            safety = 1.0
            if has[flag["safety"]]:
                safety = max(0.0, 1 - RISK_COST * sum(value * show["risks"][risk] for risk, value in buyer["risks"]))
                top += weights.brand_safety * safety
                present += weights.brand_safety
            if present:
                found.append((100 * top / present * safety, -index))
        heapq.nlargest(KEPT, found)
    return {"seconds": time.perf_counter() - started, "pairs": len(shows) * len(sponsors)}


def sql_join(advertisers: int) -> dict:
    """The same score as one SQL statement: features as rows, joined by dimension, ranked by a window function."""
    from django.db import connection

    from matchmaking import store
    from matchmaking.packing import LAYOUT

    _enter()
    cursor = connection.cursor()
    cursor.execute(
        "CREATE TEMP TABLE f_shows (id int, kind text, dim int, w real);"
        "CREATE TEMP TABLE f_buyers (id int, kind text, dim int, w real)"
    )
    kinds = ("topics", "blocked", "risks", "weeks", "history", "ages", "sexes", "countries", "flags", "price")
    for table, rows in (
        ("f_shows", store.read_packs("podcasts").rows),
        ("f_buyers", store.read_packs("sponsors").rows[:advertisers]),
    ):
        with cursor.cursor.copy(f"COPY {table} FROM STDIN") as copy:
            for kind in kinds:
                part = rows[:, LAYOUT[kind]]
                for row, column in zip(*np.nonzero(part), strict=True):
                    copy.write(f"{row}\t{kind}\t{column}\t{part[row, column]:.7g}\n")
    cursor.execute("CREATE INDEX ON f_shows (kind, dim) INCLUDE (id, w); ANALYZE f_shows; ANALYZE f_buyers")
    cursor.execute("SET work_mem = '1GB'")
    started = time.perf_counter()
    cursor.execute(_SQL, [EVIDENCE])
    count = cursor.fetchone()[0]
    seconds = time.perf_counter() - started
    shows = len(store.read_packs("podcasts").ids)
    return {"seconds": seconds, "pairs": shows * advertisers, "told": f"{count:,} rows kept"}


_SQL = """
WITH parts AS (
    SELECT b.id AS b, s.id AS s,
           sum(b.w * s.w) FILTER (WHERE b.kind = 'topics') AS topics,
           sum(b.w * s.w) FILTER (WHERE b.kind = 'history') AS history,
           sum(b.w * s.w) FILTER (WHERE b.kind = 'weeks') AS weeks,
           sum(b.w * s.w) FILTER (WHERE b.kind = 'risks') AS risks,
           sum(b.w * s.w) FILTER (WHERE b.kind = 'price') AS price,
           bool_or(b.kind = 'blocked') AS blocked,
           sum(least(b.w, s.w)) FILTER (WHERE b.kind = 'countries') AS geo,
           sum(least(b.w, s.w)) FILTER (WHERE b.kind = 'ages') AS ages,
           sum(least(b.w, s.w)) FILTER (WHERE b.kind = 'sexes') AS sexes,
           bool_or(b.kind = 'flags' AND b.dim = 0) AS has_geo, bool_or(b.kind = 'flags' AND b.dim = 1) AS has_age,
           bool_or(b.kind = 'flags' AND b.dim = 2) AS has_sex, bool_or(b.kind = 'flags' AND b.dim = 3) AS has_topic,
           bool_or(b.kind = 'flags' AND b.dim = 4) AS has_history,
           bool_or(b.kind = 'flags' AND b.dim = 5) AS has_slots, bool_or(b.kind = 'flags' AND b.dim = 6) AS has_safety
    FROM f_buyers b JOIN f_shows s USING (kind, dim) GROUP BY 1, 2
), scored AS (
    SELECT b, s, greatest(0, 1 - 0.5 * coalesce(risks, 0)) AS safety,
           0.15 * has_geo::int * coalesce(geo, 0)
           + 0.20 * CASE WHEN has_age OR has_sex THEN
                 (has_age::int * coalesce(ages, 0) + has_sex::int * coalesce(sexes, 0))
                 / (has_age::int + has_sex::int) ELSE 0 END
           + 0.25 * has_topic::int * coalesce(topics, 0)
           + 0.20 * has_history::int * least(1, coalesce(history, 0) / %s)
           + 0.15 * has_slots::int * coalesce(weeks, 0) * least(1, greatest(0, 2 - coalesce(price, 0))) AS top,
           0.15 * has_geo::int + 0.20 * (has_age OR has_sex)::int + 0.25 * has_topic::int + 0.20 * has_history::int
           + 0.15 * has_slots::int AS present
    FROM parts WHERE NOT blocked
), ranked AS (
    SELECT b, s, row_number() OVER (PARTITION BY b ORDER BY (top + 0.05 * safety) / (present + 0.05) * safety DESC) AS n
    FROM scored
)
SELECT count(*) FROM ranked WHERE n <= 20
"""


def _enter() -> None:
    from django.db import connection

    from tracker.tenants.models import Tenant

    connection.set_schema_to_public()
    connection.set_tenant(Tenant.objects.get(schema_name=SCHEMA))
