"""What hosts report besides days of episodes: downloads so far, figures of whole shows, and who listens.

Each place that an import writes remembers what stood there (ReportStep), so that undoing goes back to it exactly.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from metrics.models import AudienceShare, EpisodeSnapshot, ReportStep, ShowFigure
from metrics.recording import lock_facts
from metrics.settling import settle_days

MILLIONTH = Decimal("0.000001")
Kind = ReportStep.Kind


@dataclass(frozen=True)
class SnapshotOf:
    """Downloads of an episode in its first `window_days` days, or in all (None), as of the end of a day."""

    episode_id: UUID
    source: str
    window_days: int | None
    as_of: date
    downloads: int


@dataclass(frozen=True)
class FigureOfShow:
    """What a source says of a whole show from one day to another, both included. None is unknown."""

    podcast_id: UUID
    source: str
    first_day: date
    last_day: date
    downloads: int | None = None
    listeners: int | None = None


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
    given = {(row.episode_id, row.source, row.window_days, row.as_of): row.downloads for row in rows}
    if not given:
        return Reported(0, 0, 0)
    lock_facts()
    known = {
        (one.episode_id, one.source, one.window_days, one.as_of): one
        for one in EpisodeSnapshot.objects.filter(
            episode_id__in={key[0] for key in given}, source__in={key[1] for key in given}
        )
    }
    new = [key for key in given if key not in known]
    changed = [key for key in given if key in known and known[key].downloads != given[key]]
    _remember(
        Kind.SNAPSHOT,
        {_snapshot_key(*key): _snapshot_value(known.get(key)) for key in (*new, *changed)},
        import_id,
        at,
    )
    EpisodeSnapshot.objects.bulk_create(
        (
            EpisodeSnapshot(
                episode_id=key[0],
                source=key[1],
                window_days=key[2],
                as_of=key[3],
                downloads=given[key],
                import_id=import_id,
            )
            for key in (*new, *changed)
        ),
        batch_size=2_000,
        update_conflicts=True,
        unique_fields=["episode", "source", "window_days", "as_of"],
        update_fields=["downloads", "import_id"],
    )
    settle_days(_days_of(key for key in (*new, *changed)), at=at, label=label, import_id=import_id)
    return Reported(len(new), len(changed), len(given) - len(new) - len(changed))


@transaction.atomic
def record_show_figures(*, rows: Iterable[FigureOfShow], import_id: UUID | None, at: datetime) -> Reported:
    """Keep figures of whole shows. A blank never takes away a number."""
    given: dict[tuple, dict[str, int | None]] = {}
    for row in rows:
        figures = given.setdefault((row.podcast_id, row.source, row.first_day, row.last_day), {})
        for name in ("downloads", "listeners"):
            if getattr(row, name) is not None:
                figures[name] = getattr(row, name)
    given = {key: figures for key, figures in given.items() if figures}
    lock_facts()
    known = {
        (one.podcast_id, one.source, one.first_day, one.last_day): one
        for one in ShowFigure.objects.filter(
            podcast_id__in={key[0] for key in given}, source__in={key[1] for key in given}
        )
    }
    new = [key for key in given if key not in known]
    changed = [
        key
        for key, figures in given.items()
        if key in known and any(getattr(known[key], name) != value for name, value in figures.items())
    ]
    before = {_show_key(*key): _show_value(known.get(key)) for key in (*new, *changed)}
    _remember(Kind.SHOW, before, import_id, at)
    ShowFigure.objects.bulk_create(
        ShowFigure(
            podcast_id=key[0], source=key[1], first_day=key[2], last_day=key[3], import_id=import_id, **given[key]
        )
        for key in new
    )
    for key in changed:
        ShowFigure.objects.filter(pk=known[key].pk).update(import_id=import_id, **given[key])
    return Reported(len(new), len(changed), len(given) - len(new) - len(changed))


@transaction.atomic
def record_audience(
    *,
    podcast_id: UUID,
    source: str,
    shares: Sequence[tuple[str, str, Decimal, date, bool]],
    import_id: UUID | None,
    at: datetime,
) -> Reported:
    """Keep who listens: (dimension, value, share or count, as-of day, is it a count). Value "" is the unknown part.

    A report replaces the same source's report of the same dimension and day as a whole. Shares are kept of the known
    part, the unknown part's share of the whole apart.
    """
    lock_facts()
    new = changed = unchanged = 0
    for dimension, as_of in sorted({(row[0], row[3]) for row in shares}):
        wanted = _shares_of([row for row in shares if (row[0], row[3]) == (dimension, as_of)])
        rows = AudienceShare.objects.filter(podcast_id=podcast_id, source=source, dimension=dimension, as_of=as_of)
        known = {one.value: one for one in rows}
        unchanged += sum(value in known and known[value].share == share for value, share in wanted.items())
        new += sum(value not in known for value in wanted)
        changed += sum(value in known and known[value].share != share for value, share in wanted.items())
        if {value: one.share for value, one in known.items()} == wanted:
            continue
        before = {_audience_key(podcast_id, source, dimension, as_of): _audience_value(known.values())}
        _remember(Kind.AUDIENCE, before, import_id, at)
        _replace_report(podcast_id, source, dimension, as_of, wanted, import_id)
    return Reported(new, changed, unchanged)


# --- undoing ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Forgotten:
    """Places emptied, places set back to what stood there, and places kept because a later import wrote there."""

    removed: int
    restored: int
    kept: list[dict[str, Any]]


@transaction.atomic
def forget_reports(*, import_id: UUID, at: datetime, label: str = "") -> Forgotten:
    """Take back what an import wrote besides days of episodes. What a later import changed stays and is listed.

    Figures of days that were differences of its snapshots are settled anew. Undoing a later import afterwards goes back
    past this one.
    """
    lock_facts()
    removed, restored, kept, settle = 0, 0, [], []
    for step in ReportStep.objects.filter(by_import=import_id, is_closed=False).order_by("-step_id"):
        place = _PLACES[step.kind]
        if place.holder(step.key) == import_id:
            step.held, step.held_until = place.stands(step.key), at
            place.put(step.key, step.before, step.before_import)
            removed += step.before is None
            restored += step.before is not None
            if step.kind == Kind.SNAPSHOT:
                settle.append(step.key)
        else:
            later = ReportStep.objects.filter(
                kind=step.kind, key=step.key, before_import=import_id, is_closed=False, step_id__gt=step.pk
            )
            step.held, step.held_until = later.order_by("step_id").values_list("before", "recorded_at").first() or (
                None,
                None,
            )
            later.update(before=step.before, before_import=step.before_import)
            kept.append({"kind": step.kind, **step.key})
        step.is_closed = True
        step.save(update_fields=["is_closed", "held", "held_until"])
    keys = ((UUID(key["episode"]), key["source"], key["window"], date.fromisoformat(key["as_of"])) for key in settle)
    settle_days(_days_of(keys), at=at, label=label, import_id=None)
    return Forgotten(removed, restored, kept)


@dataclass(frozen=True)
class _Kept:
    """Rows of one kind of report: who holds a key, and putting back what stood there before."""

    rows: Callable[[Mapping[str, Any]], QuerySet]
    figures: Callable[[Any], dict[str, Any]]
    value: Callable[[Any], tuple | None]

    def stands(self, key: Mapping[str, Any]) -> Any:
        stands = self.value(self.rows(key).first())
        return stands and stands[0]

    def holder(self, key: Mapping[str, Any]) -> UUID | None:
        return self.rows(key).values_list("import_id", flat=True).first()

    def put(self, key: Mapping[str, Any], before: Any, import_id: UUID | None) -> None:
        if before is None:
            self.rows(key).delete()
        else:
            self.rows(key).update(import_id=import_id, **self.figures(before))


def _snapshots(key: Mapping[str, Any]) -> QuerySet:
    return EpisodeSnapshot.objects.filter(
        episode_id=key["episode"], source=key["source"], window_days=key["window"], as_of=key["as_of"]
    )


def _shows(key: Mapping[str, Any]) -> QuerySet:
    return ShowFigure.objects.filter(
        podcast_id=key["podcast"], source=key["source"], first_day=key["first_day"], last_day=key["last_day"]
    )


class _Audience:
    @staticmethod
    def rows(key: Mapping[str, Any]):
        return AudienceShare.objects.filter(
            podcast_id=key["podcast"], source=key["source"], dimension=key["dimension"], as_of=key["as_of"]
        )

    def stands(self, key: Mapping[str, Any]) -> Any:
        stands = _audience_value(self.rows(key))
        return stands and stands[0]

    def holder(self, key: Mapping[str, Any]) -> UUID | None:
        return self.rows(key).values_list("import_id", flat=True).first()

    def put(self, key: Mapping[str, Any], before: Any, import_id: UUID | None) -> None:
        if before is None:
            self.rows(key).delete()
            return
        shares = {value: Decimal(share) for value, share in before.items()}
        day = date.fromisoformat(key["as_of"])
        _replace_report(UUID(key["podcast"]), key["source"], key["dimension"], day, shares, import_id)


# --- inside -----------------------------------------------------------------------------------------------------------
def _remember(kind: str, before: Mapping[tuple, Any], import_id: UUID | None, at: datetime) -> None:
    """before: what stands at each place, with the import that wrote it, or None where nothing stands."""
    if import_id is None:
        return
    ReportStep.objects.bulk_create(
        (
            ReportStep(
                kind=kind,
                key=dict(key),
                before=None if stands is None else stands[0],
                before_import=None if stands is None else stands[1],
                by_import=import_id,
                recorded_at=at,
            )
            for key, stands in before.items()
        ),
        batch_size=2_000,
    )


def _snapshot_key(episode_id: UUID, source: str, window: int | None, as_of: date) -> tuple:
    return (("episode", str(episode_id)), ("source", source), ("window", window), ("as_of", as_of.isoformat()))


def _snapshot_value(one: EpisodeSnapshot | None) -> tuple | None:
    return None if one is None else (one.downloads, one.import_id)


def _show_key(podcast_id: UUID, source: str, first_day: date, last_day: date) -> tuple:
    days = (("first_day", first_day.isoformat()), ("last_day", last_day.isoformat()))
    return (("podcast", str(podcast_id)), ("source", source), *days)


def _show_value(one: ShowFigure | None) -> tuple | None:
    return None if one is None else ({"downloads": one.downloads, "listeners": one.listeners}, one.import_id)


def _audience_key(podcast_id: UUID, source: str, dimension: str, as_of: date) -> tuple:
    return (
        *(("podcast", str(podcast_id)), ("source", source), ("dimension", dimension)),
        ("as_of", as_of.isoformat()),
    )


def _audience_value(rows: Iterable[AudienceShare]) -> tuple | None:
    shares = list(rows)
    return ({one.value: str(one.share) for one in shares}, shares[0].import_id) if shares else None


def _days_of(keys: Iterable[tuple]) -> set[tuple[date, UUID, str]]:
    """The days whose figures depend on snapshots of all downloads: each one's own day and the one after."""
    return {
        (day, episode_id, source)
        for episode_id, source, window, as_of in keys
        if window is None
        for day in (as_of, as_of + timedelta(days=1))
    }


def _replace_report(
    podcast_id: UUID, source: str, dimension: str, as_of: date, shares: Mapping[str, Decimal], import_id: UUID | None
) -> None:
    AudienceShare.objects.filter(podcast_id=podcast_id, source=source, dimension=dimension, as_of=as_of).delete()
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
        for value, share in shares.items()
    )


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


_PLACES: dict[str, Any] = {
    Kind.SNAPSHOT: _Kept(_snapshots, lambda before: {"downloads": before}, _snapshot_value),
    Kind.SHOW: _Kept(_shows, dict, _show_value),
    Kind.AUDIENCE: _Audience(),
}
