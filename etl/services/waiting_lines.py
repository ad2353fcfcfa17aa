"""Lines of orders that wait: a person names the deal, the place or the episode, or takes a change of a sent order."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from bookings.models import AdUnit
from deals.models import Campaign
from etl.models import ExternalOrder, Import, RowIssue, WaitingRow
from etl.profiles.base import ColumnError
from etl.records import BOOKINGS, BookingRecord
from etl.services.bookings_file import Known, book_record
from etl.services.lines import LineBook, Waits
from etl.services.orders_file import Finder, order_profile_of, put_line
from etl.services.questions import answers_of
from metrics import services as metrics
from metrics.models import Episode
from tracker.events.services import emit
from tracker.lib.actors import Actor, HasActor, actor_of
from tracker.lib.errors import Conflict, DomainError

State = WaitingRow.State
# What a person's answer is kept as beside the cells of the row, and in the contract's file instead of which cell.
_CELL_OF = {"campaign": "deal_id", "ad_unit": "ad_unit_id", "episode": "episode_id"}
_ASKED_BY = {"unknown_deal": "campaign", "unknown_ad_unit": "ad_unit", "unknown_episode": "episode"}


@transaction.atomic
def answer_lines(
    *,
    row: WaitingRow,
    by: HasActor | Actor,
    at: datetime,
    campaign: Campaign | None = None,
    ad_unit: AdUnit | None = None,
    episode: Episode | None = None,
) -> int:
    """Say what a waiting line means, and book it with all lines of the same file that wait for the same answer.

    A change of a sent order needs no more than this call; it then stands on the order's page until a new version is
    sent. An unknown episode without an answer is made. A line that waits for something else now stays with that.
    Returns how many lines were booked or changed. Raises DomainError("answer_missing"), Conflict("undone"), and what
    booking raises: then nothing is changed.
    """
    run = Import.objects.select_for_update().get(pk=row.import_run_id)
    if run.undone_at is not None:
        raise Conflict("undone", "This import was taken back; nothing more of it is brought in.")
    same = run.waiting.filter(kind=WaitingRow.Kind.BOOKING, state=State.WAITING, code=row.code, name=row.name)
    rows = list(same.filter(pk=row.pk) if row.code == "order_sent" else same.order_by("line").select_for_update())
    answer = _answer(row, rows, campaign, ad_unit, episode, by, at)
    book = LineBook(run, Actor(**run.created_by) if run.created_by else actor_of(by), at)
    book.may_change_sent = row.code == "order_sent"
    booked = 0
    for one in rows:
        one.cells = {**one.cells, **answer}
        booked += _book(run, one, book, by, at)
    if booked:
        run.records_imported += book.outcomes["created"] + book.outcomes["changed"]
        run.records_failed = max(0, run.records_failed - booked)
        run.metadata = {**run.metadata, "lines_waiting": run.waiting.filter(state=State.WAITING).count()}
        run.save(update_fields=["records_imported", "records_failed", "metadata"])
        data = {"import_id": str(run.pk), "rows": booked, "name": row.name}
        emit("etl.rows_taken", subject=run, by=by, at=at, data=data)
    return booked


def _answer(
    row: WaitingRow,
    rows: list[WaitingRow],
    campaign: Campaign | None,
    ad_unit: AdUnit | None,
    episode: Episode | None,
    by: HasActor | Actor,
    at: datetime,
) -> dict[str, str]:
    wanted = _ASKED_BY.get(row.code)
    if wanted is None:
        return {}
    given: Any = {"campaign": campaign, "ad_unit": ad_unit, "episode": episode}[wanted]
    if given is None and wanted == "episode":
        given = _made_episode(row, by, at)
    if given is None:
        raise DomainError("answer_missing", "Choose what is meant first.")
    if row.import_run.kind == BOOKINGS:
        return {_CELL_OF[wanted]: str(given.pk)}
    if wanted == "campaign":
        # Remembered: the next file of this order knows its deal.
        ExternalOrder.objects.get_or_create(order_ref=row.name, defaults={"campaign": given})
    return {f"@{wanted}": str(given.pk)}


def _made_episode(row: WaitingRow, by: HasActor | Actor, at: datetime) -> Episode:
    unit_id = row.cells.get("@ad_unit") or row.cells.get("ad_unit_id", "")
    unit = AdUnit.objects.select_related("podcast").filter(pk=UUID(unit_id)).first() if _is_id(unit_id) else None
    unit = unit or AdUnit.objects.select_related("podcast").filter(podcast__title=row.show).first()
    if unit is None:
        raise DomainError("podcast_unknown", "Say first which ad unit the line takes.")
    return metrics.add_episode(podcast=unit.podcast, title=row.name, by=by, at=at, is_published=False)


def _book(run: Import, row: WaitingRow, book: LineBook, by: HasActor | Actor, at: datetime) -> int:
    try:
        if run.kind == BOOKINGS:
            record = BookingRecord.parse({k: v for k, v in row.cells.items() if not k.startswith("@")}, line=row.line)
            if isinstance(record, list):
                raise DomainError(record[0].code, record[0].reason)
            book_record(record, Known.of([record]), book)
        else:
            _put_order_line(run, row, book, at)
    except Waits as wait:
        row.code, row.name, row.show = wait.code, wait.name[:300], wait.show[:300]
        row.save(update_fields=["cells", "code", "name", "show"])
        return 0
    row.state, row.decided_at, row.decided_by = State.TAKEN, at, actor_of(by).as_json()
    row.save(update_fields=["cells", "state", "decided_at", "decided_by"])
    RowIssue.objects.filter(import_run=run, line=row.line).delete()
    return 1


def _put_order_line(run: Import, row: WaitingRow, book: LineBook, at: datetime) -> None:
    profile = order_profile_of(run.metadata.get("profile_key", ""))
    if profile is None:
        raise Conflict("profile_gone", "The profile by which this file was read is gone; import the file again.")
    latest = (at.astimezone(UTC) + timedelta(hours=14)).date()
    answers = answers_of(profile, run.metadata.get("answers", {}), latest=latest, file_name=run.file_name)
    try:
        line = profile.order_line(row.cells, line=row.line, answers=answers)
    except ColumnError as refused:
        raise DomainError(refused.code, refused.reason) from None
    put_line(line, row.cells, Finder(), book)


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
