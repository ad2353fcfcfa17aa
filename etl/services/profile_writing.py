"""Bringing in what a host's file told: days, snapshots, figures of shows, shares, and the rows that wait."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from etl.models import Import, WaitingRow
from etl.records import shown
from etl.services.profile_file import ProfileReading
from metrics import reports
from metrics import services as metrics
from metrics.recording import Jump

UNMATCHED_SHOWN = 100


def write_profile(run: Import, reading: ProfileReading, *, at: datetime) -> tuple[int, dict[str, Any]]:
    """Bring the records in, inside the caller's transaction. Returns how many count as imported, and what to tell."""
    counts = write_records(run, reading, at=at)
    told: dict[str, Any] = {"profile": reading.profile.title, "profile_key": reading.profile.key, **counts}
    told["least_confidence"] = min(reading.confidences, default=None)
    if reading.unmatched:
        told["unmatched"] = [
            {"name": shown(name), "show": shown(show), "rows": rows}
            for (name, show), rows in reading.unmatched.most_common(UNMATCHED_SHOWN)
        ]
    if reading.passed_over:
        told["passed_over"] = reading.passed_over
    days = [one.day for one in reading.days] + [one.as_of for one in reading.snapshots]
    days += [day for one in reading.of_show for day in (one.first_day, one.last_day)]
    if days:
        told |= {"first_day": min(days).isoformat(), "last_day": max(days).isoformat()}
    return counts["new"] + counts["changed"], told


def keep_waiting(run: Import, rows: Sequence[WaitingRow]) -> None:
    """Keep the rows that wait for a person, so that one click brings in just them. Those of an earlier try go first."""
    run.waiting.all().delete()
    WaitingRow.objects.bulk_create(rows, batch_size=2_000)


def write_records(run: Import, reading: ProfileReading, *, at: datetime) -> dict[str, Any]:
    """Record what a reading holds under its import; returns what it did, in counts and sums of downloads."""
    source = reading.profile.source
    preview = metrics.preview_metrics(rows=reading.days) if reading.days else None
    done = metrics.record_metrics(rows=reading.days, at=at, label=run.file_name, import_id=run.pk)
    snapshots = reports.record_snapshots(rows=reading.snapshots, import_id=run.pk, at=at, label=run.file_name)
    of_show = reports.record_show_figures(rows=reading.of_show, import_id=run.pk, at=at)
    shares = reports.Reported(new=0, changed=0, unchanged=0)
    if reading.shares:
        shares = reports.record_audience(
            podcast_id=UUID(reading.answers.podcast),
            source=source,
            shares=[(one.dimension, one.value, one.amount, one.as_of, one.is_count) for one in reading.shares],
            import_id=run.pk,
            at=at,
        )
    parts = (done, snapshots, of_show, shares)
    told: dict[str, Any] = {
        "new": sum(part.new for part in parts),
        "changed": sum(part.changed for part in parts),
        "unchanged": sum(part.unchanged for part in parts),
        "repeated": done.repeated,
        "days": done.new + done.changed,
        "snapshots": snapshots.new + snapshots.changed,
        "show_figures": of_show.new + of_show.changed,
        "shares": shares.new + shares.changed,
    }
    if preview is not None:
        told |= {
            "downloads_before": preview.downloads_before,
            "downloads_after": preview.downloads_after,
            "jumps": told_jumps(preview.jumps),
        }
    return told


def told_jumps(jumps: list[Jump]) -> list[dict[str, Any]]:
    """The largest jumps in words: which episode, which day, from what to what."""
    episodes = metrics.episodes_by_code({jump.episode_code for jump in jumps})
    return [
        {
            "day": jump.day.isoformat(),
            "episode_id": str(episodes[jump.episode_code].pk),
            "episode": str(episodes[jump.episode_code]),
            "podcast": str(episodes[jump.episode_code].podcast),
            "before": jump.before,
            "after": jump.after,
        }
        for jump in jumps
    ]
