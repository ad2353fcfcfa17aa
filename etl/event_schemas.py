"""The data of this app's events."""

from tracker.events.schemas import COUNT, ID, INSTANT, TEXT, describe, list_of, maybe, one_of, optional

IMPORT = {"import_id": ID, "source": TEXT, "file_name": TEXT}

describe(
    "etl.import_completed",
    "an import ended, also when nothing changed",
    **IMPORT,
    kind=TEXT,
    records_imported=COUNT,
    records_failed=COUNT,
)
describe("etl.error", "an import failed", **IMPORT, error=TEXT)
describe(
    "etl.import_undone",
    "an import was taken back",
    **IMPORT,
    removed=COUNT,
    restored=COUNT,
    kept=COUNT,
    podcast_ids=list_of(ID),
)
describe(
    "etl.health_alert",
    "no import has succeeded for 24 hours",
    status=one_of("healthy", "degraded", "unhealthy"),
    last_success_at=maybe(INSTANT),
    completed_24h=COUNT,
    failed_24h=COUNT,
    waiting=COUNT,
    sources=list_of({"type": "object", "description": "a way in, as in etl.source_late"}),
)
describe(
    "etl.rows_taken",
    "rows that waited for a person were brought in under their import",
    import_id=ID,
    rows=COUNT,
    name=TEXT,
    **optional(episode_id=ID),
)
describe(
    "etl.source_late",
    "a source is late against its own rhythm",
    source=TEXT,
    kind=TEXT,
    status=one_of("healthy", "degraded", "unhealthy"),
    last_success_at=INSTANT,
    rows_7_days=COUNT,
    due_at=INSTANT,
    is_late={"type": "boolean"},
    last_error=TEXT,
)
