"""Rows that wait for a person: the answer brings in just those rows, not the whole file."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from etl.matching import name_key
from etl.models import Import, RowIssue, WaitingRow
from etl.records import METRICS, MetricRecord
from etl.services.issues import IssueKeeper
from etl.services.leases import Pulse
from etl.services.profile_file import ProfileReading, podcast_called, profile_of
from etl.services.profile_writing import write_records
from metrics import services as metrics
from metrics.models import Episode, EpisodeAlias, Podcast
from tracker.events.services import emit
from tracker.lib.actors import Actor, HasActor, actor_of
from tracker.lib.errors import Conflict, DomainError, NotFound

Kind, State = WaitingRow.Kind, WaitingRow.State


@transaction.atomic
def link_episode(
    *,
    import_run: Import,
    name: str,
    episode_id: UUID | None,
    by: HasActor | Actor,
    at: datetime,
    podcast: Podcast | None = None,
) -> int:
    """Say which episode a name in a file means, or make one of that name, and bring in the rows that waited for it.

    It is remembered for the show. Of a checked file the figures of the check change and nothing is written. Returns how
    many rows it was. Raises NotFound("episode_not_found"), DomainError("podcast_unknown") when nobody says the show.
    """
    run = Import.objects.select_for_update().get(pk=import_run.pk)
    if run.undone_at is not None:
        raise Conflict("undone", "This import was taken back; nothing more of it is brought in.")
    waiting = run.waiting.filter(kind=Kind.EPISODE, state=State.WAITING, name=name[:300])
    rows = list(waiting.order_by("line").select_for_update())
    show = next((row.show for row in rows if row.show), "")
    podcast = podcast or _podcast_of(run, show)
    episode = _episode(name, episode_id, podcast, by, at)
    EpisodeAlias.objects.update_or_create(
        podcast=episode.podcast, name_key=name_key(name), defaults={"episode": episode}
    )
    if rows and run.status == Import.Status.COMPLETED:
        _bring_in(run, rows, episode, by, at)
    return len(rows)


@transaction.atomic
def dismiss_rows(*, rows: Sequence[WaitingRow], by: HasActor | Actor, at: datetime) -> int:
    """Leave rows out for good; their file keeps them. Returns how many waited still."""
    return WaitingRow.objects.filter(pk__in=[row.pk for row in rows], state=State.WAITING).update(
        state=State.DISMISSED, decided_at=at, decided_by=actor_of(by).as_json()
    )


def _podcast_of(run: Import, show: str) -> Podcast | None:
    chosen = run.metadata.get("answers", {}).get("podcast")
    return Podcast.objects.filter(pk=chosen).first() if chosen else podcast_called(show) if show else None


def _episode(
    name: str, episode_id: UUID | None, podcast: Podcast | None, by: HasActor | Actor, at: datetime
) -> Episode:
    if episode_id is not None:
        found = Episode.objects.filter(pk=episode_id, **({"podcast": podcast} if podcast else {})).first()
        if found is None:
            raise NotFound("episode_not_found", "There is no such episode in this show.")
        return found
    if podcast is None:
        raise DomainError("podcast_unknown", "Say first which show the episode belongs to.")
    return metrics.add_episode(podcast=podcast, title=name, by=by, at=at)


def _bring_in(run: Import, rows: list[WaitingRow], episode: Episode, by: HasActor | Actor, at: datetime) -> None:
    """Bring in rows whose episode is known now; those of a checked file only as far as its figures tell."""
    with transaction.atomic():
        counts = _take_days(run, rows, episode, at) if run.kind == METRICS else _take_profile(run, rows, at)
        if run.is_dry_run:
            transaction.set_rollback(True)
    _note(run, rows, counts)
    WaitingRow.objects.filter(pk__in=[row.pk for row in rows]).update(
        state=State.TAKEN, decided_at=at, decided_by=actor_of(by).as_json()
    )
    lines = [row.line for row in rows]
    codes = ("episode_unmatched", "unknown_episode")
    RowIssue.objects.filter(import_run=run, line__in=lines, code__in=codes).delete()
    if not run.is_dry_run and counts["new"] + counts["changed"]:
        data = {"import_id": str(run.pk), "rows": len(rows), "episode_id": str(episode.pk), "name": rows[0].name}
        emit("etl.rows_taken", subject=run, by=by, at=at, data=data)


def _take_days(run: Import, rows: list[WaitingRow], episode: Episode, at: datetime) -> dict[str, Any]:
    """Rows of the contract's metrics file."""
    latest = (at.astimezone(UTC) + timedelta(hours=14)).date()
    records = [MetricRecord.parse(row.cells, line=row.line, latest=latest) for row in rows]
    days = []
    for record in records:
        if isinstance(record, list):
            raise DomainError(record[0].code, record[0].reason, line=record[0].line)
        downloads, listeners, conversions, revenue_cents, completion, ctr = record.figures
        days.append(
            metrics.DayOfEpisode(
                day=record.day,
                episode_id=episode.pk,
                source=record.source,
                downloads=downloads,
                listeners=listeners,
                conversions=conversions,
                revenue_cents=revenue_cents,
                completion_rate=metrics.rate_of(completion),
                ctr=metrics.rate_of(ctr),
            )
        )
    done = metrics.record_metrics(rows=days, at=at, label=run.file_name, import_id=run.pk)
    return {"new": done.new, "changed": done.changed, "unchanged": done.unchanged}


def _take_profile(run: Import, rows: list[WaitingRow], at: datetime) -> dict[str, Any]:
    profile = profile_of(run.metadata.get("profile_key", ""))
    if profile is None:
        raise Conflict("profile_gone", "The profile by which this file was read is gone; import the file again.")
    latest = (at.astimezone(UTC) + timedelta(hours=14)).date()
    issues = IssueKeeper(run, is_fresh=False)
    reading = ProfileReading(run, profile, latest=latest, issues=issues, pulse=Pulse(run))
    reading.take((row.line, row.cells) for row in rows)
    if reading.issues.rows:
        raise Conflict("rows_refused", "These rows still cannot be taken; check the file again.")
    return write_records(run, reading, at=at)


def _note(run: Import, rows: list[WaitingRow], counts: dict[str, Any]) -> None:
    told = dict(run.metadata)
    for name in ("new", "changed", "unchanged", "days", "snapshots"):
        told[name] = (told.get(name) or 0) + (counts.get(name) or 0)
    left = [one for one in told.get("unmatched", []) if one["name"] != rows[0].name[:200]]
    told.pop("unmatched", None)
    if left:
        told["unmatched"] = left
    brought = counts["new"] + counts["changed"]
    if run.is_dry_run:
        told["would_import"] = (told.get("would_import") or 0) + brought
    else:
        run.records_imported += brought
    run.records_failed = max(0, run.records_failed - len(rows))
    run.metadata = told
    run.save(update_fields=["metadata", "records_imported", "records_failed"])
