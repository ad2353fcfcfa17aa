"""Who has an import, and is he alive? A lease in the row, renewed by a heartbeat, ended by a reaper."""

import logging
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import TracebackType

import psycopg
from django.db import connection, transaction
from psycopg import sql

from etl.models import Import
from tracker.events.services import emit
from tracker.lib.actors import SYSTEM
from tracker.tenants.context import current_tenant

logger = logging.getLogger(__name__)

# With a sweep every 15 seconds an import goes on within a minute of its worker's death (docs/promises.md).
LEASE = timedelta(seconds=30)
BEAT_SECONDS = 2.0
TRIES = 3


class LeaseLost(Exception):
    """Another worker has this import now, so whatever is in hand must be dropped."""


class Cancelled(Exception):
    """Somebody asked for this import to stop."""


def claim_next(*, at: datetime) -> Import | None:
    """Take the oldest import that waits, for this worker, or return None."""
    with transaction.atomic():
        run = (
            Import.objects.select_for_update(skip_locked=True)
            .filter(status=Import.Status.PENDING)
            .order_by("created_at", "import_id")
            .first()
        )
        if run is None:
            return None
        run.move_to(Import.Status.PROCESSING)
        run.attempt += 1
        run.started_at = run.started_at or at
        run.heartbeat_at = at
        run.rows_read = run.bytes_read = run.rows_written = 0
        run.save()
    return run


def reap_lost_imports(*, at: datetime) -> int:
    """Put imports whose worker fell silent back into the queue; one that lost three workers ends as failed.

    Returns how many were put back. Emits etl.error for those that end.
    """
    put_back = 0
    with transaction.atomic():
        lost = Import.objects.select_for_update(skip_locked=True).filter(
            status=Import.Status.PROCESSING, heartbeat_at__lt=at - LEASE
        )
        for run in lost.order_by("created_at"):
            if run.attempt < TRIES:
                run.move_to(Import.Status.PENDING)
                run.save(update_fields=["status"])
                put_back += 1
            else:
                fail(run, f"The worker died {TRIES} times while reading this file, so it was given up.", at=at)
    return put_back


def fail(run: Import, reason: str, *, at: datetime, failed_rows: int = 0, metadata: dict | None = None) -> None:
    """End an import as failed, with its reason, and tell. Inside a transaction. Raises LeaseLost."""
    finish(run, Import.Status.FAILED, at=at, error_message=reason, records_failed=failed_rows, metadata=metadata)
    if not run.is_dry_run:
        emit(
            "etl.error",
            subject=run,
            by=SYSTEM,
            at=at,
            data={"import_id": str(run.pk), "source": run.source, "file_name": run.file_name, "error": reason},
        )


def finish(run: Import, status: str, *, at: datetime, metadata: dict | None = None, **columns) -> None:
    """End an import, if this worker still has it. Raises LeaseLost otherwise, which undoes the transaction."""
    run.metadata = {**run.metadata, **(metadata or {})}
    ended = Import.objects.filter(pk=run.pk, status=Import.Status.PROCESSING, attempt=run.attempt).update(
        status=status, completed_at=at, heartbeat_at=at, metadata=run.metadata, **columns
    )
    if not ended:
        raise LeaseLost(str(run.pk))
    run.refresh_from_db()


@dataclass
class Pulse:
    """Signs of life of one run: progress goes into the row every two seconds, by a connection of its own.

    A run that takes less never opens it. `tick` is called by the work itself; it stops the work when the import was
    cancelled or given to another worker.
    """

    run: Import
    rows_read: int = 0
    bytes_read: int = 0
    rows_written: int = 0
    _lost: bool = False
    _cancelled: bool = False
    _done: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> "Pulse":
        # Inside somebody's transaction another connection could not even see the row.
        if not connection.in_atomic_block:
            schema, parameters = current_tenant().schema_name, connection.get_connection_params()
            self._thread = threading.Thread(target=self._beat, args=(schema, parameters), daemon=True)
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._done.set()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def tick(self) -> None:
        if self._lost:
            raise LeaseLost(str(self.run.pk))
        if self._cancelled:
            raise Cancelled

    def wrote(self, rows: int) -> None:
        self.rows_written = rows
        self.tick()

    def _beat(self, schema: str, parameters: dict) -> None:
        known = {"dbname", "host", "port", "user", "password", "sslmode", "options"}
        wanted = {name: value for name, value in parameters.items() if name in known and value}
        beats = None
        try:
            while not self._done.wait(BEAT_SECONDS):
                if beats is None:
                    beats = psycopg.connect(**wanted, autocommit=True, application_name="etl-heartbeat")
                self._write(beats, schema)
        except psycopg.Error:
            # Without a sign of life the lease runs out, and the reaper gives the import to another worker.
            logger.exception("The heartbeat of import %s stopped.", self.run.pk)
        finally:
            if beats is not None:
                beats.close()

    def _write(self, beats: psycopg.Connection, schema: str) -> None:
        statement = sql.SQL(
            "UPDATE {} SET heartbeat_at = clock_timestamp(), rows_read = %s, bytes_read = %s, rows_written = %s "
            "WHERE import_id = %s AND attempt = %s AND status = 'processing' RETURNING cancel_requested_at"
        ).format(sql.Identifier(schema, Import._meta.db_table))
        values = (self.rows_read, self.bytes_read, self.rows_written, self.run.pk, self.run.attempt)
        row = beats.execute(statement, values).fetchone()
        if row is None and not self._done.is_set():
            self._lost = True
        elif row is not None and row[0] is not None:
            self._cancelled = True
