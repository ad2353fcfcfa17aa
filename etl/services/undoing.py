"""Taking an import back."""

from datetime import datetime
from typing import Any

from django.db import transaction

from etl.models import Import
from etl.records import BOOKINGS
from metrics import reports
from metrics import services as metrics
from metrics.models import Episode, MetricSource
from tracker.events.services import emit
from tracker.lib.actors import Actor, HasActor, actor_of
from tracker.lib.errors import Conflict


@transaction.atomic
def undo_import(*, import_run: Import, by: HasActor | Actor, at: datetime) -> Import:
    """Take back what an import brought, exactly; rows that a later import changed keep the later value and are listed.

    The same undoing again changes nothing. Emits etl.import_undone. Raises Conflict("not_undoable").
    """
    run = Import.objects.select_for_update().get(pk=import_run.pk)
    if run.undone_at is not None:
        return run
    if run.status != Import.Status.COMPLETED or run.is_dry_run:
        raise Conflict("not_undoable", "Only an import that was completed can be taken back.")
    if run.kind == BOOKINGS:
        raise Conflict("not_undoable", "Bookings are not taken back by file: cancel the lines, with a reason.")
    undone = metrics.undo_facts(import_id=run.pk, at=at, label=f"undo {run.file_name}")
    reports_gone = reports.forget_reports(import_id=run.pk)
    told: dict[str, Any] = {"removed": undone.removed + reports_gone, "restored": undone.restored, "kept": undone.kept}
    run.metadata = {**run.metadata, "undo": {**told, "by": actor_of(by).label, "kept_rows": _kept(undone.kept_first)}}
    run.undone_at = at
    run.save(update_fields=["metadata", "undone_at"])
    data = {"import_id": str(run.pk), "source": run.source, "file_name": run.file_name, **told}
    emit("etl.import_undone", subject=run, by=by, at=at, data=data)
    return run


def can_undo(run: Import) -> bool:
    """Return whether there is something of this import to take back."""
    is_done = run.status == Import.Status.COMPLETED and not run.is_dry_run and run.undone_at is None
    return is_done and run.kind != BOOKINGS and run.records_imported > 0


def _kept(rows: list[tuple]) -> list[dict[str, str]]:
    episodes = Episode.objects.in_bulk({row[1] for row in rows}, field_name="code")
    sources = dict(MetricSource.objects.values_list("code", "name"))
    return [
        {"day": day.isoformat(), "episode": str(episodes[episode]), "source": sources[source]}
        for day, episode, source in rows
    ]
