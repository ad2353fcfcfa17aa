"""What hosts report besides days: downloads so far, and who listens."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from uuid import UUID

from django.db import transaction

from metrics.models import AudienceShare, EpisodeSnapshot
from metrics.services import DayOfEpisode, record_metrics

MILLIONTH = Decimal("0.000001")


@dataclass(frozen=True)
class SnapshotOf:
    """Downloads of an episode in its first `window_days` days, or in all (None), as of the end of a day."""

    episode_id: UUID
    source: str
    window_days: int | None
    as_of: date
    downloads: int


@dataclass(frozen=True)
class Reported:
    """What a report changed."""

    new: int
    changed: int
    unchanged: int


@transaction.atomic
def record_snapshots(*, rows: Iterable[SnapshotOf], import_id: UUID | None, at: datetime, label: str = "") -> Reported:
    """Keep snapshots; two of all downloads that lie one day apart also give the figure of the later day.

    A count that fell gives no figure: a source that takes back says nothing about the day.
    """
    given = {(row.episode_id, row.source, row.window_days, row.as_of): row for row in rows}
    if not given:
        return Reported(0, 0, 0)
    known = {
        (one.episode_id, one.source, one.window_days, one.as_of): one
        for one in EpisodeSnapshot.objects.filter(episode_id__in={row.episode_id for row in given.values()})
    }
    new = [key for key in given if key not in known]
    changed = [key for key in given if key in known and known[key].downloads != given[key].downloads]
    EpisodeSnapshot.objects.bulk_create(
        (
            EpisodeSnapshot(
                episode_id=row.episode_id,
                source=row.source,
                window_days=row.window_days,
                as_of=row.as_of,
                downloads=row.downloads,
                import_id=import_id,
            )
            for row in (given[key] for key in (*new, *changed))
        ),
        batch_size=2_000,
        update_conflicts=True,
        unique_fields=["episode", "source", "window_days", "as_of"],
        update_fields=["downloads", "import_id"],
    )
    totals = {key: one.downloads for key, one in known.items()} | {key: row.downloads for key, row in given.items()}
    record_metrics(rows=_days_between(given, totals), at=at, label=label, import_id=import_id)
    return Reported(len(new), len(changed), len(given) - len(new) - len(changed))


def _days_between(given: Iterable[tuple], totals: dict[tuple, int]) -> list[DayOfEpisode]:
    days = {}
    for episode_id, source, window, as_of in given:
        if window is not None:
            continue
        for later in (as_of, as_of + timedelta(days=1)):
            now = totals.get((episode_id, source, None, later))
            before = totals.get((episode_id, source, None, later - timedelta(days=1)))
            if now is not None and before is not None and now >= before:
                days[later, episode_id, source] = now - before
    return [
        DayOfEpisode(day=day, episode_id=episode_id, source=source, downloads=downloads)
        for (day, episode_id, source), downloads in days.items()
    ]


@transaction.atomic
def record_audience(
    *,
    podcast_id: UUID,
    source: str,
    shares: Sequence[tuple[str, str, Decimal, date, bool]],
    import_id: UUID | None,
) -> Reported:
    """Keep who listens: (dimension, value, share or count, as-of day, is it a count). Value "" is the unknown part.

    A report replaces the same source's report of the same dimension and day as a whole. Shares are kept of the known
    part, the unknown part's share of the whole apart.
    """
    new = changed = unchanged = 0
    for dimension, as_of in sorted({(row[0], row[3]) for row in shares}):
        wanted = _shares_of([row for row in shares if (row[0], row[3]) == (dimension, as_of)])
        rows = AudienceShare.objects.filter(podcast_id=podcast_id, source=source, dimension=dimension, as_of=as_of)
        known = dict(rows.values_list("value", "share"))
        unchanged += sum(known.get(value) == share for value, share in wanted.items())
        new += sum(value not in known for value in wanted)
        changed += sum(value in known and known[value] != share for value, share in wanted.items())
        if known == wanted:
            continue
        rows.delete()
        AudienceShare.objects.bulk_create(
            AudienceShare(
                podcast_id=podcast_id,
                source=source,
                dimension=dimension,
                as_of=as_of,
                value=value,
                share=share,
                import_id=import_id,
            )
            for value, share in wanted.items()
        )
    return Reported(new, changed, unchanged)


def _shares_of(rows: Sequence[tuple]) -> dict[str, Decimal]:
    amounts: dict[str, Decimal] = {}
    for _dimension, value, amount, _as_of, _is_count in rows:
        name = value.strip()[:120]
        amounts[name] = amounts.get(name, Decimal(0)) + amount
    unknown = amounts.pop("", Decimal(0))
    known = sum(amounts.values(), Decimal(0))
    shares = {name: _share(amount, known) for name, amount in amounts.items() if amount}
    if unknown:
        shares[""] = _share(unknown, known + unknown)
    return shares


def _share(part: Decimal, whole: Decimal) -> Decimal:
    return (part / whole).quantize(MILLIONTH, rounding=ROUND_HALF_UP)


@transaction.atomic
def forget_reports(*, import_id: UUID) -> int:
    """Take back snapshots and shares that an import brought; returns how many rows went."""
    snapshots, _ = EpisodeSnapshot.objects.filter(import_id=import_id).delete()
    shares, _ = AudienceShare.objects.filter(import_id=import_id).delete()
    return snapshots + shares
