"""Running imports: one after the other in a tenant, each wholly in or wholly out."""

import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from time import monotonic
from typing import Any, BinaryIO, cast

from django.db import connection, transaction
from django.utils import timezone

from etl.models import Import
from etl.profiles import Profile, detected, normal_names
from etl.profiles.orders import OrderProfile
from etl.profiles.redemptions import SalesProfile
from etl.readers import TableFile, UnreadableFile
from etl.records import BOOKINGS, METRICS, Header, HeaderError, is_near_contract, read_header
from etl.services.bookings_file import MOST_ROWS, BookingsReading, TooManyRows, write_bookings
from etl.services.issues import IssueKeeper
from etl.services.leases import TRIES, Cancelled, LeaseLost, Pulse, claim_next, fail, finish
from etl.services.metrics_file import MetricsReading, preview_metrics, write_metrics
from etl.services.orders_file import OrdersReading, detected_orders, order_profile_of, write_orders
from etl.services.profile_file import ProfileReading, own_profiles, profile_of
from etl.services.profile_writing import keep_waiting, write_profile
from etl.services.questions import Question
from etl.services.sales_file import SalesReading, detected_sales, write_sales
from etl.services.sheets import SOURCE as GOOGLE_SHEETS
from etl.services.sheets import fetch_sheet, remember_answers
from etl.tables import TITLE_ROWS, find_header, named_rows, numbered_rows
from etl.unpack import unpacked
from tracker.accounts.audit import acting
from tracker.events.services import emit
from tracker.lib.actors import SYSTEM, Actor
from tracker.lib.errors import DomainError
from tracker.tenants.context import lock_key

logger = logging.getLogger(__name__)

# A worker gives itself back to others after this long; the rest of the queue is the next task's.
TURN_SECONDS = 60
CONTRACT_KINDS = (METRICS, BOOKINGS)
HOST_FILE = "host_report"
ORDERS = "io_orders"
SALES = "redemptions"

# Readings by a profile, and the profiles themselves.
ByProfile = ProfileReading | OrdersReading | SalesReading
AnyProfile = Profile | OrderProfile | SalesProfile
Reading = MetricsReading | BookingsReading | ByProfile
SAMPLE = 5
UNKNOWN = "Nobody knows this header yet. Say which column means what, and it is remembered."


class Refused(Exception):
    """The file is refused as a whole; what was written of it is rolled back."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass
class Written:
    imported: int
    told: dict[str, Any]


def run_waiting_imports(*, seconds: float = TURN_SECONDS) -> bool:
    """Run the imports that wait in this tenant, oldest first; return whether some are left for another turn.

    One worker at a time does this in a tenant; a second one returns at once, since the first takes its import too.
    """
    started = monotonic()
    while Import.objects.filter(status=Import.Status.PENDING).exists():
        with _only_worker() as alone:
            if not alone:
                return False
            while monotonic() - started < seconds:
                run = claim_next(at=timezone.now())
                if run is None:
                    break
                run_import(run)
        if monotonic() - started >= seconds:
            return Import.objects.filter(status=Import.Status.PENDING).exists()
    return False


@contextmanager
def _only_worker() -> Iterator[bool]:
    """Hold the tenant's import lock, if it is free. It ends with the connection, so a dead worker holds nothing."""
    key = lock_key("imports")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
        alone = cursor.fetchone()[0]
    try:
        yield alone
    finally:
        if alone and connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [key])


def run_import(run: Import) -> None:
    """Read a claimed import and end it as completed or failed. Only a lost worker leaves it unfinished."""
    at = timezone.now()
    issues = IssueKeeper(run)
    who = Actor(**run.created_by) if run.created_by else SYSTEM
    try:
        with acting(actor=who, door="import"), Pulse(run) as pulse:
            _read_and_write(run, issues, pulse, at)
    except LeaseLost:
        logger.warning("Import %s was given to another worker; this one drops it.", run.pk)
    except (UnreadableFile, HeaderError) as unreadable:
        _fail(run, unreadable.reason, issues, code=unreadable.code)
    except Question as question:
        _fail(run, question.message, issues, code=question.code, asked=question.details)
    except (Refused, DomainError) as refusal:
        _fail(run, getattr(refusal, "reason", None) or str(refusal), issues)
    except Cancelled:
        _fail(run, "Cancelled before it was finished; nothing of it was kept.", issues)
    except Exception:
        logger.exception("Import %s stopped on try %s.", run.pk, run.attempt)
        _again_or_fail(run, issues)


def _read_and_write(run: Import, issues: IssueKeeper, pulse: Pulse, at: datetime) -> None:
    if run.source == GOOGLE_SHEETS and not run.file:
        fetch_sheet(run)
        pulse.tick()
    chosen = run.metadata.get("encoding", "")
    with (
        run.file.open("rb") as stored,
        unpacked(cast(BinaryIO, stored), encoding=chosen) as (stream, shape),
        closing(_read(run, stream, issues, pulse, at)) as reading,
    ):
        _note_read(run, reading)
        _check_rows(run, reading, issues)
        told = {"rows": reading.rows, "shape": shape.as_json()}
        ignored = getattr(getattr(reading, "header", None), "ignored", ())
        told |= {"ignored_columns": list(ignored)} if ignored else {}
        end = _end_dry_run if run.is_dry_run else _end
        end(run, reading, issues, told, at)


def _read(run: Import, stream: BinaryIO, issues: IssueKeeper, pulse: Pulse, at: datetime) -> Reading:
    """Read the contract's files by their header, any other by a profile; what is missing is asked."""
    # A day has begun everywhere on Earth fourteen hours before it begins in UTC.
    latest = (at.astimezone(UTC) + timedelta(hours=14)).date()
    if run.metadata.get("profile"):
        return _read_by_profile(run, stream, latest, issues, pulse, "")
    try:
        table, header = _contract_header(stream, run.kind if run.kind in CONTRACT_KINDS else "")
    except HeaderError as unknown:
        if unknown.code != "columns_missing" or run.kind in CONTRACT_KINDS or unknown.is_near:
            raise
        return _read_by_profile(run, stream, latest, issues, pulse, unknown.reason)
    reading: MetricsReading | BookingsReading
    if header.kind == BOOKINGS:
        reading = BookingsReading(header, issues, pulse)
    else:
        reading = MetricsReading(run, header, latest=latest, issues=issues, pulse=pulse)
    try:
        reading.read(table)
    except BaseException as error:
        reading.close()
        if isinstance(error, TooManyRows):
            raise Refused(f"A bookings file can have {MOST_ROWS:,} rows at most. Split it.") from None
        raise
    return reading


def _contract_header(stream: BinaryIO, kind: str) -> tuple[TableFile, Header]:
    """Find the header of a contract's file, below title rows too. Raises the HeaderError of the first line, which knows
    whether it was nearly one."""
    table = TableFile(stream)
    try:
        return table, read_header(table.header, kind=kind)
    except HeaderError as unknown:
        unknown.is_near = is_near_contract(table.header)
        if unknown.code != "columns_missing" or unknown.is_near:
            raise
        for skip in range(1, TITLE_ROWS + 1):
            try:
                below = TableFile(stream, skip=skip)
                return below, read_header(below.header, kind=kind)
            except UnreadableFile as unreadable:
                if unreadable.code != "no_header":
                    break
            except HeaderError:
                continue
        raise


def _read_by_profile(
    run: Import, stream: BinaryIO, latest: date, issues: IssueKeeper, pulse: Pulse, refused: str
) -> ByProfile:
    """Read a file by the profile that a person chose, or that its header fits. Raises Question."""
    with closing(numbered_rows(stream)) as rows:
        known: Callable[[list[str]], AnyProfile | None] = partial(_profile_for, run)
        found, sample = find_header(rows, known)
        if found is None:
            asked = {"header": sample[0] if sample else [], "sample": sample[1 : 1 + SAMPLE]}
            raise Question("header_unknown", f"{refused}. {UNKNOWN}" if refused else UNKNOWN, **asked)
        header = found[0]
        profile = cast(AnyProfile, found[1])
        reading: ByProfile
        if isinstance(profile, OrderProfile):
            reading = OrdersReading(run, profile, latest=latest, issues=issues, pulse=pulse)
        elif isinstance(profile, SalesProfile):
            reading = SalesReading(run, profile, latest=latest, issues=issues, pulse=pulse)
        else:
            reading = ProfileReading(run, profile, latest=latest, issues=issues, pulse=pulse)
        reading.take(named_rows(rows, header, passed_over=reading.passed_over))
    return reading


def _profile_for(run: Import, cells: list[str]) -> AnyProfile | None:
    key = run.metadata.get("profile", "")
    chosen = (profile_of(key) or order_profile_of(key)) if key else None
    if chosen is not None:
        return chosen if chosen.fits(normal_names(cells), run.file_name) else None
    of_sales = detected_sales(cells, key=key) if key else None
    if of_sales is not None:
        return of_sales
    of_figures = detected(cells, own_profiles(), run.file_name)
    return of_figures or detected_orders(cells, run.file_name) or detected_sales(cells)


def _note_read(run: Import, reading: Reading) -> None:
    """Say that the whole file was read: from here on progress is writing."""
    run.kind = _kind_of(reading)
    Import.objects.filter(pk=run.pk, attempt=run.attempt).update(
        kind=run.kind, rows_read=reading.rows, bytes_read=run.file_size
    )


def _kind_of(reading: Reading) -> str:
    if isinstance(reading, ProfileReading):
        return HOST_FILE
    if isinstance(reading, SalesReading):
        return SALES
    return ORDERS if isinstance(reading, OrdersReading) else reading.header.kind


def _check_rows(run: Import, reading: Reading, issues: IssueKeeper) -> None:
    if not reading.rows:
        raise Refused("The file names its columns and has no rows.")
    if reading.waiting and not (run.is_strict and not run.is_dry_run):
        return  # Rows that wait for a person are not refused: the page and the queue ask what they are.
    if issues.rows >= reading.rows:
        raise Refused("None of the rows can be taken; the list says why for each.")
    if run.is_strict and issues.rows:
        raise Refused(f"{_rows(issues.rows)} cannot be taken, and a strict import takes all or none.")


def _write(run: Import, reading: Reading, issues: IssueKeeper, at: datetime) -> Written:
    """Write the rows inside the caller's transaction. Raises Refused when rows fail that must not."""
    if isinstance(reading, MetricsReading):
        return Written(*write_metrics(run, reading, at=at))
    if isinstance(reading, ProfileReading):
        return Written(*write_profile(run, reading, at=at))
    if isinstance(reading, SalesReading):
        written = Written(*write_sales(run, reading, at=at))
    elif isinstance(reading, OrdersReading):
        written = Written(*write_orders(run, reading, at=at))
    else:
        written = Written(*write_bookings(run, reading, at=at))
    _check_rows(run, reading, issues)
    return written


def _end(run: Import, reading: Any, issues: IssueKeeper, facts: dict[str, Any], at: datetime) -> None:
    with transaction.atomic():
        written = _write(run, reading, issues, at)
        keep_waiting(run, reading.waiting)
        remember_answers(run)
        issues.flush()
        ended = timezone.now()
        finish(
            run,
            Import.Status.COMPLETED,
            at=ended,
            metadata=facts | written.told,
            records_imported=written.imported,
            records_failed=issues.rows,
            rows_written=written.imported,
        )
        emit(
            "etl.import_completed",
            subject=run,
            by=Actor(**run.created_by) if run.created_by else Actor("system", "", ""),
            at=ended,
            data={
                "import_id": str(run.pk),
                "source": run.source,
                "file_name": run.file_name,
                "kind": run.kind,
                "records_imported": written.imported,
                "records_failed": issues.rows,
            },
        )


def _end_dry_run(run: Import, reading: Any, issues: IssueKeeper, facts: dict[str, Any], at: datetime) -> None:
    if isinstance(reading, MetricsReading):
        would = Written(*preview_metrics(reading))
    else:
        with transaction.atomic():
            would = _write(run, reading, issues, at)
            transaction.set_rollback(True)
    issues.flush()
    with transaction.atomic():
        keep_waiting(run, reading.waiting)
        finish(
            run,
            Import.Status.COMPLETED,
            at=timezone.now(),
            metadata=facts | would.told | {"would_import": would.imported},
            records_failed=issues.rows,
        )


def _fail(
    run: Import, reason: str, issues: IssueKeeper, *, code: str = "", asked: dict[str, Any] | None = None
) -> None:
    metadata = ({"code": code} if code else {}) | ({"asked": asked} if asked else {})
    try:
        issues.flush()
        with transaction.atomic():
            fail(run, reason, at=timezone.now(), failed_rows=issues.rows, metadata=metadata)
    except LeaseLost:
        logger.warning("Import %s was given to another worker; this one drops it.", run.pk)


def _again_or_fail(run: Import, issues: IssueKeeper) -> None:
    """After an error of ours: wait for another try, or give up with words that tell no inner detail."""
    if run.attempt >= TRIES:
        _fail(run, f"The import stopped {TRIES} times on an error of ours, which was written down.", issues)
        return
    Import.objects.filter(pk=run.pk, status=Import.Status.PROCESSING, attempt=run.attempt).update(
        status=Import.Status.PENDING
    )


def _rows(count: int) -> str:
    return "One row" if count == 1 else f"{count:,} rows"
