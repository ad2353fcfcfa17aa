"""Free slots that could make good what is owed: of equal or better value first, each with the reason in words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from bookings.delivery.queries import usual_episode_downloads
from bookings.models import AdUnit, IOBooking, Makegood, MakegoodOption
from bookings.queries.slots import FreeSlot, free_slots, usual_source
from metrics.models import Episode
from metrics.queries import mean_downloads_per_day
from tracker.lib.errors import Conflict

OTHER_SHOWS = 4
MOST_SLOTS = 6
# What the trade pays for a position, best last.
_POSITIONS = ("post", "pre", "mid")

Fit = MakegoodOption.Fit


@dataclass(frozen=True)
class RankedSlot:
    """A free slot to offer. `forecast_impressions` is what it will likely deliver, None when nobody can say."""

    ad_unit: AdUnit
    episode: Episode | None
    flight_start: datetime
    flight_end: datetime
    forecast_impressions: int | None
    fit: str
    reason: str

    @property
    def key(self) -> str:
        """What names this slot while it is free: the unit with its episode, or with the instant of its first day."""
        start = self.flight_start.astimezone(UTC)
        return f"{self.ad_unit.pk}_{self.episode.pk if self.episode else format(start, '%Y%m%dT%H%M%SZ')}"


def ranked_slots(case: Makegood, *, at: datetime) -> list[RankedSlot]:
    """Return up to six free slots for a case, best first: those that cover all that is unsettled before those that
    cover a part, weaker positions and other shows last (ask first), and of alike ones the soonest."""
    booking = case.booking
    units = list(_candidates(booking))
    source = booking.order.measurement_of_record or usual_source(booking.ad_unit.podcast, at=at)
    window = max(1, booking.order.guarantee_days)
    shows = {unit.podcast_id for unit in units}
    episodes = usual_episode_downloads(shows, source=source, window=window, at=at)
    today = at.astimezone(UTC).date()
    daily = mean_downloads_per_day(podcast_ids=shows, source=source, until=today - timedelta(days=1))
    slots = []
    for unit in units:
        for slot in _free(unit, booking, window, at, case.unsettled_impressions):
            forecast = _forecast(unit, slot, episodes, daily)
            slots.append(_judged(case, unit, slot, forecast))
    order = {Fit.COVERS_ALL: 0, Fit.COVERS_PART: 1, Fit.ASK_FIRST: 2}
    slots.sort(key=lambda slot: (order[Fit(slot.fit)], slot.flight_start, str(slot.ad_unit.pk)))
    return _named(slots[:MOST_SLOTS])


def chosen_slots(case: Makegood, keys: Sequence[str], *, at: datetime) -> list[RankedSlot]:
    """Return the free slots of these keys, in that order. Raises Conflict("slot_not_free") naming the others."""
    free = {slot.key: slot for slot in ranked_slots(case, at=at)}
    gone = [key for key in dict.fromkeys(keys) if key not in free]
    if gone:
        message = _("A slot that you named is not among the free ones any more. Ask for the free slots again.")
        raise Conflict("slot_not_free", message, slots=gone, free=list(free))
    return [free[key] for key in dict.fromkeys(keys)]


def _candidates(booking: IOBooking) -> Iterable[AdUnit]:
    """Units for sale on the line's own show, and on the shows of the house that are most like it."""
    show = booking.ad_unit.podcast
    units = AdUnit.objects.filter(is_active=True, podcast__is_archived=False).select_related("podcast")
    yield from units.filter(podcast=show).order_by("name")
    alike = units.filter(
        podcast__categories__overlap=show.categories or ["-"],
        position=booking.ad_unit.position,
        duration_seconds__gte=booking.ad_unit.duration_seconds,
    )
    yield from alike.exclude(podcast=show).order_by("podcast__title", "name")[:OTHER_SHOWS]


def _free(unit: AdUnit, booking: IOBooking, window: int, at: datetime, impressions: int) -> list[FreeSlot]:
    if unit.delivery == AdUnit.Delivery.BAKED_IN:
        return free_slots(
            ad_unit=unit,
            episode=Episode(podcast=unit.podcast),
            flight_start=at,
            flight_end=at + timedelta(days=window),
            at=at,
        )
    length = booking.flight_end - booking.flight_start
    return free_slots(
        ad_unit=unit,
        episode=None,
        flight_start=at,
        flight_end=at + length,
        at=at,
        impressions=impressions if unit.is_shared else None,
    )


def _forecast(unit: AdUnit, slot: FreeSlot, episodes: dict[UUID, int], daily: dict[UUID, int]) -> int | None:
    if unit.delivery == AdUnit.Delivery.BAKED_IN:
        return episodes.get(unit.podcast_id)
    mean = daily.get(unit.podcast_id)
    return None if mean is None else mean * max(1, (slot.flight_end - slot.flight_start).days)


def _judged(case: Makegood, unit: AdUnit, slot: FreeSlot, forecast: int | None) -> RankedSlot:
    sold = case.booking.ad_unit
    same_show = unit.podcast_id == sold.podcast_id
    weaker = _POSITIONS.index(unit.position) < _POSITIONS.index(sold.position)
    shorter = unit.duration_seconds < sold.duration_seconds
    if weaker or shorter or not same_show or forecast is None:
        fit = Fit.ASK_FIRST
    else:
        fit = Fit.COVERS_ALL if forecast >= case.unsettled_impressions else Fit.COVERS_PART
    words = [str(unit.podcast)]
    if forecast is None:
        words.append(_("downloads unknown"))
    else:
        words.append(
            _("about %(count)s downloads") % {"count": number_format(round(forecast, -2), force_grouping=True)}
        )
    if weaker:
        words.append(_("weaker position"))
    elif unit.position == sold.position:
        words.append(_("same position"))
    else:
        words.append(_("better position"))
    if shorter:
        words.append(_("shorter, %(seconds)s s") % {"seconds": unit.duration_seconds})
    if not same_show:
        words.append(_("another show"))
    episode = Episode(pk=UUID(slot.episode_id)) if slot.episode_id else None
    return RankedSlot(unit, episode, slot.flight_start, slot.flight_end, forecast, fit, " · ".join(words))


def _named(slots: list[RankedSlot]) -> list[RankedSlot]:
    """Give the slots their episodes whole, in one statement."""
    known = Episode.objects.in_bulk([slot.episode.pk for slot in slots if slot.episode is not None])
    return [
        RankedSlot(
            slot.ad_unit,
            known[slot.episode.pk] if slot.episode is not None else None,
            slot.flight_start,
            slot.flight_end,
            slot.forecast_impressions,
            slot.fit,
            slot.reason,
        )
        for slot in slots
    ]
