"""Sales by a code that the sponsor has not here: a person says which show speaks it, and they are taken."""

from datetime import UTC, datetime, timedelta

from django.db import transaction

from bookings.delivery.redemptions import Figures, folded
from bookings.services.codes import claim_code
from deals.models import Sponsor
from etl.models import Import, RowIssue, WaitingRow
from etl.profiles.base import ColumnError
from etl.services.questions import answers_of
from etl.services.sales_file import Told, detected_sales, record
from metrics.models import Podcast
from tracker.events.services import emit
from tracker.lib.actors import Actor, HasActor, actor_of
from tracker.lib.errors import Conflict, DomainError

State = WaitingRow.State


@transaction.atomic
def answer_code(*, row: WaitingRow, podcast: Podcast | None, by: HasActor | Actor, at: datetime) -> int:
    """Claim a code for its sponsor's show and take the rows of the file that wait for it.

    The code is known from then on. Returns how many rows were taken. Raises DomainError("answer_missing"),
    Conflict("undone"), Conflict("profile_gone"), Conflict("promo_code_taken") and what claiming raises.
    """
    run = Import.objects.select_for_update().get(pk=row.import_run_id)
    if run.undone_at is not None:
        raise Conflict("undone", "This import was taken back; nothing more of it is brought in.")
    if podcast is None:
        raise DomainError("answer_missing", "Choose what is meant first.")
    same = run.waiting.filter(kind=WaitingRow.Kind.REDEMPTION, state=State.WAITING)
    rows = [one for one in same.order_by("line").select_for_update() if folded(one.name) == folded(row.name)]
    sponsor = Sponsor.objects.get(pk=run.metadata["answers"]["sponsor"])
    claim_code(sponsor, podcast, row.name)
    recorded = record(run, _told(run, rows, at), sponsor, at=at)
    WaitingRow.objects.filter(pk__in=[one.pk for one in rows]).update(
        state=State.TAKEN, decided_at=at, decided_by=actor_of(by).as_json()
    )
    RowIssue.objects.filter(import_run=run, line__in=[one.line for one in rows]).delete()
    new = sum(step.before is None for step in recorded.steps)
    told = dict(run.metadata)
    counts = {"new": new, "changed": len(recorded.steps) - new, "unchanged": recorded.unchanged}
    told |= {name: (told.get(name) or 0) + count for name, count in counts.items()}
    told["lines_waiting"] = run.waiting.filter(state=State.WAITING).count()
    run.metadata = told
    run.records_imported += len(recorded.steps)
    run.records_failed = max(0, run.records_failed - len(rows))
    run.save(update_fields=["metadata", "records_imported", "records_failed"])
    if recorded.steps:
        data = {"import_id": str(run.pk), "rows": len(rows), "name": row.name}
        emit("etl.rows_taken", subject=run, by=by, at=at, data=data)
    return len(rows)


def _told(run: Import, rows: list[WaitingRow], at: datetime) -> Told:
    told: Told = {}
    latest = (at.astimezone(UTC) + timedelta(hours=14)).date()
    for row in rows:
        profile = detected_sales(list(row.cells), key=run.metadata.get("profile_key", ""))
        if profile is None:
            raise Conflict("profile_gone", "The profile by which this file was read is gone; import the file again.")
        answers = answers_of(profile, run.metadata.get("answers", {}), latest=latest, file_name=run.file_name)
        try:
            sale = profile.sale(row.cells, line=row.line, answers=answers)
        except ColumnError as refused:
            raise DomainError(refused.code, refused.reason) from None
        if sale is None:
            continue
        figures = Figures(sale.orders, sale.revenue_cents, sale.new_customers)
        if told.setdefault((folded(sale.code), sale.day), (sale, figures))[1] != figures:
            message = "This code and day stand in the file twice, with other figures. Add them up first."
            raise Conflict("stands_twice", message, line=row.line)
    return told
