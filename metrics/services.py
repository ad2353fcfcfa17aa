"""Every write to shows, episodes and their figures."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

import numpy as np
from django.db import IntegrityError, connection, transaction
from django.utils.text import slugify

from metrics import recording
from metrics.facts import (
    ALL_BLANK,
    BLANK_BIT,
    FACT,
    MAX_BREAKDOWN,
    MAX_EPISODE,
    MAX_SOURCE,
    MEASURES,
    FactSpool,
    day_number,
    pack_key,
)
from metrics.models import (
    Breakdown,
    DailyRefresh,
    Episode,
    ListenerMetric,
    MetricBatch,
    MetricSource,
    Podcast,
)
from metrics.undoing import Undone, take_back
from tracker.events.services import emit
from tracker.lib.actors import Actor, HasActor
from tracker.lib.errors import Conflict, DomainError

MILLION = Decimal(1_000_000)
# PostgreSQL: a row that an exclusion constraint keeps out.
EXCLUSION_VIOLATION = "23P01"


# --- shows and episodes -----------------------------------------------------------------------------------------------
@transaction.atomic
def add_podcast(*, title: str, by: HasActor | Actor, at: datetime, slug: str = "", **fields: Any) -> Podcast:
    """Add a show. Without a slug one is made from the title, with a number behind it when it is taken.

    Emits podcast.added. Raises DomainError("title_required"), Conflict("slug_taken").
    """
    title = title.strip()
    if not title:
        raise DomainError("title_required", "A show needs a title.")
    if slug and Podcast.objects.filter(slug=slug).exists():
        raise Conflict("slug_taken", f"Another show has the short name {slug}.")
    podcast = Podcast.objects.create(title=title[:200], slug=slug or _free_slug(title), **fields)
    emit("podcast.added", subject=podcast, by=by, at=at, data={"podcast_id": str(podcast.pk), "title": podcast.title})
    return podcast


@transaction.atomic
def add_episode(*, podcast: Podcast, title: str, by: HasActor | Actor, at: datetime, **fields: Any) -> Episode:
    """Add an episode, out or planned. Without a word on it, one that drops in the future is planned.

    Emits episode.added. Raises DomainError("title_required"), Conflict("guid_taken") for a guid that the show has
    already.
    """
    title = title.strip()
    if not title:
        raise DomainError("title_required", "An episode needs a title.")
    guid = fields.get("guid", "")
    if guid and Episode.objects.filter(podcast=podcast, guid=guid).exists():
        raise Conflict("guid_taken", f"{podcast} has an episode with the guid {guid} already.")
    drops_at = fields.get("drops_at")
    fields.setdefault("is_published", drops_at is None or drops_at <= at)
    episode = Episode.objects.create(podcast=podcast, title=title[:300], **fields)
    told = {"podcast_id": str(podcast.pk), "drops_at": _told(episode.drops_at)}
    emit("episode.added", subject=episode, by=by, at=at, data={"episode_id": str(episode.pk), **told})
    return episode


@transaction.atomic
def change_podcast(*, podcast: Podcast, by: HasActor | Actor, at: datetime, **changes: Any) -> Podcast:
    """Change what is known of a show. Emits podcast.changed, naming the fields. Raises Conflict("slug_taken")."""
    podcast = Podcast.objects.select_for_update().get(pk=podcast.pk)
    slug = changes.get("slug", podcast.slug)
    if slug != podcast.slug and Podcast.objects.filter(slug=slug).exists():
        raise Conflict("slug_taken", f"Another show has the short name {slug}.")
    fields = sorted(name for name, value in changes.items() if getattr(podcast, name) != value)
    _changed(podcast, changes)
    if fields:
        data = {"podcast_id": str(podcast.pk), "fields": fields}
        emit("podcast.changed", subject=podcast, by=by, at=at, data=data)
    return podcast


@transaction.atomic
def change_episode(*, episode: Episode, by: HasActor | Actor, at: datetime, **changes: Any) -> Episode:
    """Change what is known of an episode. Its show stays: figures and bookings belong to both.

    Emits episode.moved with {from, to} when its drop moves. Raises Conflict("guid_taken"), Conflict("slot_taken") when
    what was sold in it would meet at its new drop what was sold over the whole show.
    """
    if "podcast" in changes:
        raise TypeError("an episode stays with its show")
    episode = Episode.objects.select_for_update().get(pk=episode.pk)
    guid = changes.get("guid", "")
    if guid and Episode.objects.filter(podcast=episode.podcast_id, guid=guid).exclude(pk=episode.pk).exists():
        raise Conflict("guid_taken", f"Another episode of this show has the guid {guid}.")
    before = episode.drops_at
    try:
        with transaction.atomic():
            _changed(episode, changes)
    except IntegrityError as problem:
        # Floors above keep what was sold in step with the drop, by a trigger; the database refuses two in one place.
        if getattr(problem.__cause__, "sqlstate", "") != EXCLUSION_VIOLATION:
            raise
        message = "At that moment an ad unit of this episode is sold over the whole show already. Choose another drop."
        raise Conflict("slot_taken", message, field="drops_at") from None
    if episode.drops_at != before:
        told = {"from": _told(before), "to": _told(episode.drops_at), "podcast_id": str(episode.podcast_id)}
        emit("episode.moved", subject=episode, by=by, at=at, data={"episode_id": str(episode.pk), **told})
    return episode


def is_episode_needed(episode: Episode) -> bool:
    """Return whether figures speak of this episode, so that it cannot be deleted."""
    return ListenerMetric.objects.filter(episode=episode).exists()


def _changed(thing: Any, changes: dict[str, Any]) -> Any:
    for name, value in changes.items():
        setattr(thing, name, value)
    if changes:
        thing.save(update_fields=[*changes, "updated_at"])
    return thing


def _told(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _free_slug(title: str) -> str:
    base = slugify(title)[:100] or "show"
    taken = set(Podcast.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    return next(slug for n in range(len(taken) + 1) if (slug := f"{base}-{n + 1}" if n else base) not in taken)


# --- figures ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Recorded:
    """What an act of recording did. `repeated` rows of it were overridden by later rows of the same key."""

    batch: MetricBatch | None
    new: int
    changed: int
    unchanged: int
    repeated: int


@dataclass(frozen=True)
class DayOfEpisode:
    """What one source says of one episode's day. None is unknown. Rates are 0-1, money is cents, days are UTC."""

    day: date
    episode_id: UUID
    source: str
    downloads: int | None = None
    listeners: int | None = None
    completion_rate: Decimal | None = None
    ctr: Decimal | None = None
    conversions: int | None = None
    revenue_cents: int | None = None


def source_code(name: str) -> int:
    """Return the number by which facts know a source, making it on first use. Raises Conflict("too_many_sources")."""
    found = MetricSource.objects.filter(name=name).values_list("code", flat=True).first()
    if found is not None:
        return found
    recording.lock_facts()
    codes = source_codes()
    if name not in codes:
        codes[name] = free_source_code(codes.values())
        add_sources({name: codes[name]})
    return codes[name]


def source_codes() -> dict[str, int]:
    """Return the number of each source that is known."""
    return dict(MetricSource.objects.values_list("name", "code"))


def free_source_code(taken: Iterable[int]) -> int:
    """Return the number that the next new source would get. Raises Conflict("too_many_sources")."""
    code = max(taken, default=0) + 1
    if code > MAX_SOURCE:
        raise Conflict("too_many_sources", f"Figures can come from {MAX_SOURCE} sources at most.")
    return code


@transaction.atomic
def add_sources(codes: dict[str, int]) -> None:
    """Make sources under numbers planned beforehand. Raises Conflict("source_taken") when one is not free."""
    try:
        with transaction.atomic():
            MetricSource.objects.bulk_create(MetricSource(code=code, name=name) for name, code in codes.items())
    except IntegrityError:
        raise Conflict("source_taken", "Another source was added meanwhile; read the file again.") from None


def breakdown_code(*, dimension: str, value: str) -> int:
    """Return the number by which facts know one country, app … Raises Conflict("too_many_breakdowns")."""
    breakdown, _ = Breakdown.objects.get_or_create(dimension=dimension, value=value)
    if breakdown.code > MAX_BREAKDOWN:
        raise Conflict("too_many_breakdowns", f"Figures can be broken down by {MAX_BREAKDOWN} values at most.")
    return breakdown.code


@transaction.atomic
def record_facts(
    *,
    spool: FactSpool,
    at: datetime,
    label: str = "",
    import_id: UUID | None = None,
    is_derived: bool = False,
    progress: recording.Progress = lambda rows: None,
) -> Recorded:
    """Bring the facts of a spool in, all or none. What they replace is kept; a blank never takes away a number.

    The daily rollup is true when the transaction commits. Facts that change nothing leave no trace.
    Raises IntegrityError when an episode vanished meanwhile.
    """
    recording.lock_facts()
    days = spool.day_range()
    if days is None:
        return Recorded(batch=None, new=0, changed=0, unchanged=0, repeated=0)
    batch = MetricBatch.objects.create(
        import_id=import_id,
        label=label[:200],
        first_day=days[0],
        last_day=days[1],
        recorded_at=at,
        is_derived=is_derived,
    )
    if recording.days_are_free(spool):
        new = recording.copy_straight(spool, batch_code=batch.code, progress=progress)
        done = recording.Difference(new=new, changed=0, unchanged=0)
    else:
        recording.stage(spool, batch_code=batch.code, progress=progress)
        done = recording.merge_staged()
    if not done.new and not done.changed:
        batch.delete()
        return Recorded(None, new=0, changed=0, unchanged=done.unchanged, repeated=spool.repeated)
    return Recorded(batch, new=done.new, changed=done.changed, unchanged=done.unchanged, repeated=spool.repeated)


@transaction.atomic
def preview_facts(*, spool: FactSpool, progress: recording.Progress = lambda rows: None) -> recording.Preview:
    """Return what record_facts would do with this spool, and do nothing."""
    if not spool.rows:
        return recording.Preview(recording.Difference(new=0, changed=0, unchanged=0), None, None, [])
    recording.stage(spool, batch_code=0, progress=progress)
    return recording.preview_staged()


@transaction.atomic
def undo_facts(*, import_id: UUID, at: datetime, label: str = "") -> Undone:
    """Take back what an import brought: rows go or become what they were; what a later import changed stays."""
    recording.lock_facts()
    done = Undone(removed=0, restored=0, kept=0, kept_first=[])
    for batch in MetricBatch.objects.filter(import_id=import_id, undone_by=None).order_by("-code"):
        undo = MetricBatch.objects.create(
            label=label[:200], first_day=batch.first_day, last_day=batch.last_day, recorded_at=at
        )
        found = take_back(batch_code=batch.code, by_batch=undo.code, first_day=batch.first_day, last_day=batch.last_day)
        batch.undone_by = undo.code
        batch.save(update_fields=["undone_by"])
        done = Undone(
            removed=done.removed + found.removed,
            restored=done.restored + found.restored,
            kept=done.kept + found.kept,
            kept_first=[*done.kept_first, *found.kept_first],
        )
    return done


def record_metrics(
    *,
    rows: Iterable[DayOfEpisode],
    at: datetime,
    label: str = "",
    import_id: UUID | None = None,
    is_derived: bool = False,
) -> Recorded:
    """Record daily figures given one by one (a simulation, a correction by hand). Like record_facts.

    is_derived: they are differences of snapshots.

    Raises DomainError("unknown_episode"), DomainError("nothing_measured") for a row without any figure,
    ValueError for a day or number outside what facts can hold.
    """
    with transaction.atomic(), FactSpool() as spool:
        _spool(list(rows), spool)
        return record_facts(spool=spool, at=at, label=label, import_id=import_id, is_derived=is_derived)


def preview_metrics(*, rows: Iterable[DayOfEpisode]) -> recording.Preview:
    """Return what record_metrics would do with these rows, and do nothing. Raises what it raises."""
    with transaction.atomic(), FactSpool() as spool:
        _spool(list(rows), spool)
        found = preview_facts(spool=spool)
        transaction.set_rollback(True)
    return found


def episodes_by_code(codes: Iterable[int]) -> dict[int, Episode]:
    """Return the episodes that facts know by these numbers, each with its show."""
    return Episode.objects.select_related("podcast").in_bulk(set(codes), field_name="code")


def rate_of(millionths: int | None) -> Decimal | None:
    """Return a rate of 0-1 given in millionths."""
    return None if millionths is None else Decimal(millionths) / MILLION


def _spool(rows: list[DayOfEpisode], spool: FactSpool) -> None:
    codes = dict(
        Episode.objects.filter(episode_id__in={row.episode_id for row in rows}).values_list("episode_id", "code")
    )
    sources = {name: source_code(name) for name in sorted({row.source for row in rows})}
    for start in range(0, len(rows), 50_000):
        spool.add(_facts_of(rows[start : start + 50_000], codes, sources))


def _facts_of(rows: list[DayOfEpisode], codes: dict[UUID, int], sources: dict[str, int]) -> np.ndarray:
    facts = np.zeros(len(rows), dtype=FACT)
    for n, row in enumerate(rows):
        code = codes.get(row.episode_id)
        if code is None or code > MAX_EPISODE:
            raise DomainError(
                "unknown_episode", f"There is no episode {row.episode_id}.", episode_id=str(row.episode_id)
            )
        figures = (
            row.downloads,
            row.listeners,
            row.conversions,
            row.revenue_cents,
            _millionths(row.completion_rate),
            _millionths(row.ctr),
        )
        blank = 0
        for name, figure in zip(MEASURES, figures, strict=True):
            if figure is None:
                blank |= int(BLANK_BIT[name])
            else:
                facts[n][name] = figure
        if blank == ALL_BLANK:
            raise DomainError("nothing_measured", f"The row of {row.day} has no figure at all.")
        facts[n]["blank"] = blank
        facts[n]["key"] = pack_key(day_number(row.day), code, sources[row.source])
    return facts


def _millionths(rate: Decimal | None) -> int | None:
    return None if rate is None else int((rate * MILLION).quantize(Decimal(1), rounding=ROUND_HALF_UP))


# --- the view for readers outside -------------------------------------------------------------------------------------
@transaction.atomic
def refresh_metrics_daily(*, by: HasActor | Actor, at: datetime) -> str:
    """Bring the materialized view metrics_daily up to date: "refreshed", "clean" or "busy".

    Returns at once when nothing was recorded since the last refresh, or while another refresh is at it. Readers are
    never blocked. Emits metrics_daily.refreshed when it refreshed.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT refresh_metrics_daily()")
        outcome = cursor.fetchone()[0]
    if outcome == "refreshed":
        refresh = DailyRefresh.objects.get()
        emit(
            "metrics_daily.refreshed",
            subject=refresh,
            by=by,
            at=at,
            data={"refreshed_at": _told(refresh.refreshed_at), "batch": refresh.batch_code},
        )
    return outcome


def is_refresh_late(*, at: datetime) -> bool:
    """Return whether metrics_daily lacks figures and was last refreshed more than a day ago."""
    refresh = DailyRefresh.objects.get()
    newest = MetricBatch.objects.order_by("-code").values_list("code", flat=True).first() or 0
    if refresh.batch_code >= newest:
        return False
    return (refresh.refreshed_at or datetime.min.replace(tzinfo=UTC)) < at - timedelta(days=1)
