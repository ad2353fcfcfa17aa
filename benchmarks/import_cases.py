"""What benchmarks/imports.py measures: each function runs in a process of its own, in the schema of a tenant."""

import random
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

SCHEMA = "bench"
SHOWS, EPISODES = 200, 50
SOURCES = ("host", "op3", "spotify")
FIRST_DAY = date(2025, 1, 1)
DAYS = 365
HEADER = "day,episode_id,source,downloads,listeners,completion_rate,ctr,conversions,revenue_cents"


def prepare() -> dict:
    """Migrate a database, make one tenant with 200 shows of 50 episodes."""
    from django.core.management import call_command
    from django.db import connection

    from tracker.tenants.models import Tenant

    call_command("migrate_schemas", shared=True, verbosity=0)
    tenant = Tenant.objects.create(schema_name=SCHEMA, name="Bench", status="active")
    connection.cursor().execute(f"CREATE SCHEMA {SCHEMA}")
    call_command("migrate_schemas", schema_name=SCHEMA, verbosity=0)
    connection.set_tenant(tenant)
    from metrics.models import Episode, Podcast

    chance = random.Random(7)
    shows = Podcast.objects.bulk_create(Podcast(title=f"Show {n}", slug=f"show-{n}") for n in range(SHOWS))
    Episode.objects.bulk_create(
        Episode(episode_id=UUID(int=chance.getrandbits(128), version=4), podcast=show, title=f"Episode {n}")
        for show in shows
        for n in range(EPISODES)
    )
    connection.cursor().execute("ANALYZE")
    return {}


# --- files ------------------------------------------------------------------------------------------------------------
def make_file(path: str, rows: int) -> dict:
    """The contract's file: keys of a year in scattered order, every fifth of 1 % bad in another way, 1 % repeated."""
    _enter()
    return _write(path, rows, first=FIRST_DAY, days=DAYS)


def make_newest_file(path: str, rows: int) -> dict:
    """The same over the days after those of the history, so that everything is new."""
    _enter()
    days = -(-rows // (SHOWS * EPISODES * len(SOURCES))) + 1
    return _write(path, rows, first=FIRST_DAY + timedelta(days=DAYS), days=days)


def _write(path: str, rows: int, *, first: date, days: int) -> dict:
    from metrics.models import Episode

    chance = random.Random(1)
    episodes = [str(pk) for pk in Episode.objects.order_by("code").values_list("pk", flat=True)]
    names = [(first + timedelta(days=n)).isoformat() for n in range(days)]
    space = len(episodes) * days * len(SOURCES)
    step = _coprime(space)
    place, last = chance.randrange(space), 0
    with open(path, "w") as file:
        file.write(HEADER + "\n")
        for n in range(rows):
            draw = chance.random()
            if draw >= 0.01 or not n:
                place = (place + step) % space
                last = place
            rest, source = divmod(last, len(SOURCES))
            rest, day = divmod(rest, days)
            cells = [names[day], episodes[rest], SOURCES[source], *_figures(chance)]
            if 0.01 <= draw < 0.02:
                _spoil(cells, n)
            file.write(",".join(cells) + "\n")
    return {"path": path}


def _figures(chance: random.Random) -> list[str]:
    downloads = chance.randrange(1, 200_000)
    return [
        str(downloads),
        str(downloads * 7 // 8),
        f"{chance.random():.4f}",
        f"{chance.random() / 50:.5f}",
        str(downloads // 3_000),
        str(downloads * 2),
    ]


def _spoil(cells: list[str], n: int) -> None:
    place, value = [(0, "2025-02-30"), (3, "12x4"), (1, "no-such-episode"), (3, "-5"), (5, "84")][n % 5]
    cells[place] = value


def _coprime(space: int) -> int:
    from math import gcd

    step = 7_368_787 % space or 1
    while gcd(step, space) != 1:
        step += 1
    return step


def make_clean(file: str, base: str) -> dict:
    """The good, distinct, resolved rows of a file, sorted by key, as COPY takes them: by way of the product itself."""
    connection = _enter()
    connection.cursor().execute("TRUNCATE listener_metrics, metric_batches")
    rows = _import(file)["rows"]
    columns = _columns()
    for kind, options in (("text", "FORMAT csv"), ("binary", "FORMAT binary")):
        with (
            Path(f"{base}.{kind}").open("wb") as out,
            connection.connection.cursor() as cursor,
            cursor.copy(
                f"COPY (SELECT {columns} FROM listener_metrics ORDER BY day, episode_code, source_code, breakdown_code)"
                f" TO STDOUT ({options})"
            ) as copy,
        ):
            for part in copy:
                out.write(part)
    return {"text": f"{base}.text", "binary": f"{base}.binary", "rows": rows}


# --- limits -----------------------------------------------------------------------------------------------------------
def copy_text(path: str) -> dict:
    return _copy(path, "FORMAT csv")


def copy_binary(path: str) -> dict:
    return _copy(path, "FORMAT binary")


def _copy(path: str, options: str) -> dict:
    """A bare COPY into a copy of the table: the same columns, partitions, checks, key and statement trigger."""
    connection = _enter()
    execute = connection.cursor().execute
    execute("DROP TABLE IF EXISTS facts_copy")
    execute("CREATE TABLE facts_copy (LIKE listener_metrics INCLUDING ALL) PARTITION BY LIST (breakdown_code)")
    execute("CREATE TABLE facts_copy_totals PARTITION OF facts_copy FOR VALUES IN (0)")
    execute("CREATE TABLE facts_copy_breakdowns PARTITION OF facts_copy DEFAULT")
    execute(
        "CREATE TRIGGER facts_inserted AFTER INSERT ON facts_copy REFERENCING NEW TABLE AS written "
        "FOR EACH STATEMENT EXECUTE FUNCTION check_fact_references()"
    )
    execute("CHECKPOINT")
    started = time.perf_counter()
    statement = f"COPY facts_copy ({_columns()}) FROM STDIN ({options})"
    with open(path, "rb") as file, connection.connection.cursor() as cursor, cursor.copy(statement) as copy:
        while part := file.read(1 << 20):
            copy.write(part)
    seconds = time.perf_counter() - started
    execute("DROP TABLE facts_copy")
    return {"seconds": seconds}


# --- the product ------------------------------------------------------------------------------------------------------
def import_file(path: str, empty_first: bool) -> dict:
    connection = _enter()
    if empty_first:
        connection.cursor().execute("TRUNCATE listener_metrics, metric_batches")
    connection.cursor().execute("CHECKPOINT")
    return _import(path)


def import_newest(path: str) -> dict:
    """Import days after the history, then take them out again for the next round."""
    connection = _enter()
    connection.cursor().execute("CHECKPOINT")
    found = _import(path)
    last = FIRST_DAY + timedelta(days=DAYS)
    connection.cursor().execute("DELETE FROM listener_metrics WHERE day >= %s", [last])
    connection.cursor().execute("VACUUM ANALYZE listener_metrics")
    return found


def preview_file(path: str) -> dict:
    """Check the file as the page does before it is imported."""
    _enter()
    return _import(path, is_dry_run=True)


def undo_newest() -> dict:
    """Take the import of this size back, as the page's button does."""
    from django.utils import timezone

    from etl.models import Import
    from etl.services import undo_import
    from tracker.lib.actors import SYSTEM

    connection = _enter()
    connection.cursor().execute("CHECKPOINT")
    run = Import.objects.filter(is_dry_run=False, records_imported__gt=0, undone_at=None).latest("created_at")
    started = time.perf_counter()
    undo_import(import_run=run, by=SYSTEM, at=timezone.now())
    return {"seconds": time.perf_counter() - started}


def _import(path: str, *, is_dry_run: bool = False) -> dict:
    """What a worker does with a file that was uploaded: from claiming it to the commit."""
    from django.core.files import File
    from django.core.files.storage import default_storage

    from etl.models import Import
    from etl.services import run_waiting_imports

    with Path(path).open("rb") as file:
        kept = default_storage.save("imports/bench.csv", File(file))
    size = Path(path).stat().st_size
    run = Import.objects.create(
        source="upload", file_name="bench.csv", file=kept, file_size=size, is_dry_run=is_dry_run
    )
    beats = _count_beats()
    started = time.perf_counter()
    run_waiting_imports(seconds=3_600)
    seconds = time.perf_counter() - started
    default_storage.delete(kept)
    run.refresh_from_db()
    if run.status != "completed":
        raise RuntimeError(run.error_message)
    told = {name: run.metadata[name] for name in ("new", "changed", "unchanged", "repeated")}
    told["rejected"] = run.records_failed
    return {"seconds": seconds, "rows": run.records_imported, "told": told, "beats": len(beats)}


def _count_beats() -> list[int]:
    """Count how often progress is written into the import's row while it runs."""
    from etl.services.leases import Pulse

    beats: list[int] = []
    write = Pulse._write

    def counted(self, connection, schema):
        beats.append(self.rows_read)
        write(self, connection, schema)

    Pulse._write = counted
    return beats


# --- the peer ---------------------------------------------------------------------------------------------------------
def bulk_create(path: str) -> dict:
    """The way of Django's ORM: a row a figure set with foreign keys, look-ups kept in dictionaries, 2,000 a batch."""
    import csv

    connection = _enter()
    model = _orm_model()
    with connection.schema_editor() as editor:
        editor.create_model(model)
    from metrics.models import Episode, MetricSource

    started = time.perf_counter()
    episodes = {str(pk): pk for pk in Episode.objects.values_list("pk", flat=True)}
    sources = dict(MetricSource.objects.values_list("name", "code"))
    batch: dict[tuple, object] = {}
    bad = 0
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            try:
                fact = _orm_row(model, row, episodes, sources)
            except (KeyError, ValueError):
                bad += 1
                continue
            batch[(fact.day, fact.episode_id, fact.source_id)] = fact
            if len(batch) == 2_000:
                _orm_write(model, batch)
        _orm_write(model, batch)
    seconds = time.perf_counter() - started
    with connection.schema_editor() as editor:
        editor.delete_model(model)
    return {"seconds": seconds, "told": {"rejected": bad}}


FIGURES = ("downloads", "listeners", "completion_rate", "ctr", "conversions", "revenue_cents")


def _orm_model():
    from django.db import models

    number = {"null": True}
    return type(
        "OrmFact",
        (models.Model,),
        {
            "__module__": __name__,
            "day": models.DateField(),
            "episode": models.ForeignKey("metrics.Episode", models.CASCADE, related_name="+"),
            "source": models.ForeignKey("metrics.MetricSource", models.CASCADE, related_name="+"),
            **{
                name: models.BigIntegerField(**number)
                for name in ("downloads", "listeners", "conversions", "revenue_cents")
            },
            **{
                name: models.DecimalField(max_digits=7, decimal_places=6, **number)
                for name in ("completion_rate", "ctr")
            },
            "Meta": type(
                "Meta",
                (),
                {
                    "app_label": "metrics",
                    "db_table": "orm_facts",
                    "constraints": [models.UniqueConstraint(fields=["day", "episode", "source"], name="orm_fact_once")],
                },
            ),
        },
    )


def _orm_row(model, row: dict[str, str], episodes: dict, sources: dict):
    figures = {}
    for name in ("downloads", "listeners", "conversions", "revenue_cents"):
        figures[name] = int(row[name]) if row[name] else None
        if figures[name] is not None and figures[name] < 0:
            raise ValueError(name)
    for name in ("completion_rate", "ctr"):
        figures[name] = float(row[name]) if row[name] else None
        if figures[name] is not None and not 0 <= figures[name] <= 1:
            raise ValueError(name)
    return model(
        day=date.fromisoformat(row["day"]),
        episode_id=episodes[row["episode_id"]],
        source_id=sources[row["source"]],
        **figures,
    )


def _orm_write(model, batch: dict) -> None:
    model.objects.bulk_create(
        batch.values(),
        update_conflicts=True,
        unique_fields=["day", "episode", "source"],
        update_fields=list(FIGURES),
    )
    batch.clear()


# --- history ----------------------------------------------------------------------------------------------------------
def make_history(rows: int) -> dict:
    """Fill the table with `rows` facts: as many days as it takes, of every episode by every source."""
    from metrics.models import MetricBatch
    from metrics.services import source_code

    connection = _enter()
    execute = connection.cursor().execute
    execute("TRUNCATE listener_metrics, metric_batches")
    codes = [source_code(name) for name in SOURCES]
    batch = MetricBatch.objects.create(recorded_at=datetime.now(UTC), label="history")
    days = -(-rows // (SHOWS * EPISODES * len(SOURCES)))
    execute(
        "INSERT INTO listener_metrics "
        "(downloads, listeners, batch_code, day, episode_code, breakdown_code, source_code) "
        "SELECT (e.code * 7919 + d) %% 100000, (e.code * 7919 + d) %% 90000, %s, %s::date - d, e.code, 0, s "
        "FROM generate_series(1, %s) d CROSS JOIN episodes e CROSS JOIN unnest(%s::int[]) s ORDER BY 4, 5, 7",
        [batch.code, FIRST_DAY + timedelta(days=DAYS), days, codes],
    )
    execute("VACUUM ANALYZE listener_metrics")
    return {}


def _columns() -> str:
    from metrics.facts import COPY_COLUMNS

    return ", ".join(COPY_COLUMNS)


def _enter():
    """Enter the tenant's schema and return the connection."""
    from django.db import connection

    from tracker.tenants.models import Tenant

    connection.set_tenant(Tenant.objects.get(schema_name=SCHEMA))
    connection.ensure_connection()
    return connection
