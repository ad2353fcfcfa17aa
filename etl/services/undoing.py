"""Taking an import back."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from etl.models import Import
from etl.services.lines import take_back_lines
from etl.services.sales_file import take_back_sales
from metrics import reports
from metrics import services as metrics
from metrics.models import AudienceShare, Episode, MetricSource, Podcast
from tracker.events.services import emit
from tracker.lib.actors import Actor, HasActor, actor_of
from tracker.lib.errors import Conflict

KEPT_SHOWN = 100


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
    undone = metrics.undo_facts(import_id=run.pk, at=at, label=f"undo {run.file_name}")
    shows = AudienceShare.objects.filter(import_id=run.pk).values_list("podcast_id", flat=True).distinct()
    podcast_ids = sorted(map(str, shows))
    forgotten = reports.forget_reports(import_id=run.pk, at=at, label=f"undo {run.file_name}")
    lines = take_back_lines(run, by=by, at=at)
    sales_removed, sales_restored, sales_kept = take_back_sales(run, by=by, at=at)
    told: dict[str, Any] = {
        "removed": undone.removed + forgotten.removed + lines.removed + sales_removed,
        "restored": undone.restored + forgotten.restored + lines.restored + sales_restored,
        "kept": undone.kept + len(forgotten.kept) + len(lines.kept) + len(sales_kept),
    }
    kept_rows = [
        *_kept(undone.kept_first),
        *_kept_reports(forgotten.kept[:KEPT_SHOWN]),
        *lines.kept[:KEPT_SHOWN],
        *sales_kept[:KEPT_SHOWN],
    ]
    run.metadata = {**run.metadata, "undo": {**told, "by": actor_of(by).label, "kept_rows": kept_rows}}
    run.undone_at = at
    run.save(update_fields=["metadata", "undone_at"])
    data = {"import_id": str(run.pk), "source": run.source, "file_name": run.file_name, **told}
    # Shows whose audience profile went: what is left of them is an older picture, or none.
    data["podcast_ids"] = podcast_ids
    emit("etl.import_undone", subject=run, by=by, at=at, data=data)
    return run


def can_undo(run: Import) -> bool:
    """Return whether there is something of this import to take back."""
    is_done = run.status == Import.Status.COMPLETED and not run.is_dry_run and run.undone_at is None
    return is_done and run.records_imported > 0


def _kept_reports(places: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Places of reports that a later import wrote to, in words."""
    episodes = Episode.objects.in_bulk([place["episode"] for place in places if "episode" in place])
    shows = Podcast.objects.in_bulk([place["podcast"] for place in places if "podcast" in place])
    told = []
    for place in places:
        about = episodes.get(UUID(place["episode"])) if "episode" in place else shows.get(UUID(place["podcast"]))
        what = f"{about or place['kind']}" + (f", {place['dimension']}" if "dimension" in place else "")
        told.append({"day": place.get("as_of") or place["last_day"], "episode": what, "source": place["source"]})
    return told


def _kept(rows: list[tuple]) -> list[dict[str, str]]:
    episodes = Episode.objects.in_bulk({row[1] for row in rows}, field_name="code")
    sources = dict(MetricSource.objects.values_list("code", "name"))
    return [
        {"day": day.isoformat(), "episode": str(episodes[episode]), "source": sources[source]}
        for day, episode, source in rows
    ]
