"""The slots of shows week by week, and what of a wish they can still take."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import NamedTuple
from uuid import UUID

from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models import Q
from django.utils.translation import gettext as _

from bookings.models import AdUnit, IOBooking, OrderProfile, SlotClaim, slot_number
from bookings.pricing import price_by_cpm
from bookings.queries.house import order_profile
from bookings.queries.slots import impressions_of_units
from metrics.models import Episode, Podcast
from tracker.lib.dates import day_start, flight_bounds, local_day
from tracker.tenants.context import tenant_zone

WEEK = timedelta(days=7)
OPEN, HELD, SOLD, BLOCKED, NONE = "open", "held", "sold", "blocked", "none"


@dataclass(frozen=True)
class Slot:
    """One thing that can be sold: an episode of a baked-in unit, or a week of a dynamic one. `who` holds or has it."""

    state: str
    starts_on: date
    who: str = ""
    episode: Episode | None = None
    is_planned: bool = True
    booking: IOBooking | None = None

    @property
    def booking_id(self) -> UUID | None:
        return self.booking.pk if self.booking else None


@dataclass(frozen=True)
class UnitRow:
    """A unit and its slots in each week shown."""

    unit: AdUnit
    weeks: list[list[Slot]]


@dataclass(frozen=True)
class SlotCalendar:
    """Mondays in the house's zone, and a row for each unit for sale, by show and position."""

    mondays: list[date]
    rows: list[UnitRow]


def inventory_calendar(podcasts: Iterable[Podcast], *, monday: date, weeks: int, at: datetime) -> SlotCalendar:
    """Return the slots of shows in the weeks from a Monday. Five statements, however many shows.

    Coming episodes that nobody planned yet are shown on the show's release days, and can be sold once planned.
    """
    zone = tenant_zone()
    mondays = [monday + WEEK * count for count in range(weeks)]
    begin, end = day_start(monday, zone), day_start(monday + WEEK * weeks, zone)
    units = units_of(podcasts)
    episodes = episodes_of(units, begin, end)
    claims = claims_of(units, begin, end, episodes)
    rows = []
    for unit in units:
        by_week: list[list[Slot]] = [[] for _monday in mondays]
        if unit.delivery == AdUnit.Delivery.BAKED_IN:
            slots = _episode_slots(unit, episodes[unit.podcast_id], claims[unit.pk], mondays, at)
        else:
            slots = [_week_slot(unit, claims[unit.pk], first) for first in mondays]
        for slot in slots:
            by_week[(slot.starts_on - monday).days // 7].append(slot)
        rows.append(UnitRow(unit, by_week))
    return SlotCalendar(mondays, rows)


# --- a wish ---
@dataclass(frozen=True)
class Wish:
    """What a buyer asks for. Days are inclusive; budget in cents; empty podcasts mean every show."""

    first_day: date
    last_day: date
    impressions: int | None = None
    budget_cents: int | None = None
    category: str = ""
    sponsor_id: UUID | None = None
    podcast_ids: Sequence[UUID] = ()


class Reason(NamedTuple):
    """Why a wish is not met whole: a stable code, and words for people."""

    code: str
    message: str


@dataclass(frozen=True)
class Avail:
    """What of a wish a unit can take: answer is available, partly or not; reasons say why it is not all of it.

    free and slots count slots in the window; forecast is the impressions of what is free, None when nobody knows.
    """

    unit: AdUnit
    answer: str
    reasons: tuple["Reason", ...]
    free: int
    slots: int
    forecast: int | None
    price_cents: int | None


def avails_for(wish: Wish, podcasts: Iterable[Podcast], *, at: datetime) -> list[Avail]:
    """Return, for each unit of the shows asked for, whether the wish can be met there and why not, in one go.

    available: all of it; partly: a part; not: nothing. Source: DOMAIN, bookings; RELIABILITY, decided 2.
    """
    start, end = flight_bounds(wish.first_day, wish.last_day, tenant_zone())
    asked = [show for show in podcasts if not wish.podcast_ids or show.pk in wish.podcast_ids]
    units = units_of(asked)
    episodes = episodes_of(units, start, end)
    claims = claims_of(units, start, end, episodes)
    rivals, apart = _rivals(wish, units, start, end), _rival_claims(wish, units, start, end)
    per_day = impressions_of_units(units, at=at)
    found = []
    for unit in units:
        window = Window(start, end, at, per_day[unit.pk])
        near = apart.get(unit.podcast_id, [])
        capacity = _capacity(unit, episodes[unit.podcast_id], claims[unit.pk], near, window)
        meets = rivals.get(unit.podcast_id, []) or (near if _runs_beside(unit, near, window) else [])
        found.append(_avail(wish, unit, capacity, bool(meets), window))
    return found


@dataclass(frozen=True)
class Window:
    """A wish's time as instants, the moment it is judged, and what the unit can deliver in a day."""

    start: datetime
    end: datetime
    at: datetime
    per_day: Fraction | None


@dataclass(frozen=True)
class Capacity:
    """Free slots of all slots in a window, those that a rival keeps from us, and the free share of impressions."""

    free: int
    slots: int
    share: Fraction
    beside_rivals: int = 0


def _avail(wish: Wish, unit: AdUnit, capacity: Capacity, has_rival: bool, window: Window) -> Avail:
    days = (wish.last_day - wish.first_day).days + 1
    forecast = int(window.per_day * days * capacity.share) if window.per_day is not None else None
    price = _price(wish, unit, forecast)
    blocked = [*_blockers(wish, unit, has_rival, days, window.at), *_nothing_free(capacity)]
    reasons = _shortcomings(wish, capacity, forecast, price)
    answer = "not" if blocked else "partly" if reasons else "available"
    told = tuple(Reason(*reason) for reason in (*blocked, *reasons))
    return Avail(unit, answer, told, capacity.free, capacity.slots, forecast, price)


def _nothing_free(capacity: Capacity) -> list[tuple[str, str]]:
    if capacity.slots == 0:
        return [("no_episode", _("No episode is planned in that window."))]
    if capacity.free == 0 and capacity.beside_rivals:
        return [("competitor", _("In every free slot of that window a rival runs."))]
    if capacity.free == 0:
        return [("sold_out", _("Every slot in that window is held or sold."))]
    return []


def _shortcomings(wish: Wish, capacity: Capacity, forecast: int | None, price: int | None) -> list[tuple[str, str]]:
    reasons = []
    if 0 < capacity.free < capacity.slots:
        words = {"free": capacity.free, "slots": capacity.slots}
        reasons.append(("some_taken", _("%(free)s of %(slots)s slots are free.") % words))
    if capacity.free and capacity.beside_rivals:
        words = {"count": capacity.beside_rivals}
        reasons.append(("competitor", _("In %(count)s more a rival of your category runs.") % words))
    if wish.impressions is not None and forecast is not None and forecast < wish.impressions and capacity.free:
        reasons.append(("too_few_impressions", _("About %(count)s impressions are free.") % {"count": f"{forecast:,}"}))
    if price is not None and wish.budget_cents is not None and price > wish.budget_cents:
        reasons.append(("over_budget", _("At its rate card the wish costs more than the budget.")))
    return reasons


def _capacity(
    unit: AdUnit, episodes: list[Episode], claims: list[SlotClaim], rivals: list[SlotClaim], window: Window
) -> Capacity:
    start, end = window.start, window.end
    if unit.delivery == AdUnit.Delivery.BAKED_IN:
        coming = [one for one in episodes if one.drops_at is not None and one.drops_at > window.at]
        zone = tenant_zone()
        last = local_day(end - timedelta(microseconds=1), zone)
        usual = _usual_days(unit.podcast, episodes, local_day(start, zone), last, window.at)
        open_ones = [one for one in coming if claim_on(claims, one) is None]
        open_days = [day for day in usual if _claim_on_day(claims, day) is None]
        free = sum(claim_on(rivals, one) is None for one in open_ones)
        free += sum(_claim_on_day(rivals, day) is None for day in open_days)
        slots = len(coming) + len(usual)
        share = Fraction(free, slots) if slots else Fraction(0)
        return Capacity(free, slots, share, beside_rivals=len(open_ones) + len(open_days) - free)
    blocked = any(claim_meets(claim, start, end) for claim in claims if not claim.is_shared)
    if blocked or not unit.is_shared:
        return Capacity(0 if blocked else 1, 1, Fraction(0 if blocked else 1))
    if not window.per_day:
        return Capacity(0, 1, Fraction(0))
    whole = window.per_day * Fraction((end - start) // timedelta(seconds=1), 86_400)
    taken = sum((_share_of(claim, start, end) for claim in claims if claim.is_shared), Fraction(0))
    left = max(Fraction(0), 1 - taken / whole)
    return Capacity(1 if left else 0, 1, left)


def _share_of(claim: SlotClaim, start: datetime, end: datetime) -> Fraction:
    """Return the impressions of a shared line that fall into a window, spread evenly over its flight."""
    line = claim.booking
    if line is None:
        return Fraction(0)
    length = max(1, (line.flight_end - line.flight_start) // timedelta(seconds=1))
    inside = max(0, (min(end, line.flight_end) - max(start, line.flight_start)) // timedelta(seconds=1))
    return Fraction(line.booked_impressions * inside, length)


def _blockers(wish: Wish, unit: AdUnit, has_rival: bool, days: int, at: datetime) -> list[tuple[str, str]]:
    found = []
    earliest = local_day(at, tenant_zone()) + timedelta(days=unit.lead_days)
    if wish.first_day < earliest and unit.lead_days:
        found.append(("lead_time", _("It can be booked from %(day)s on.") % {"day": earliest.isoformat()}))
    if unit.min_flight_days and days < unit.min_flight_days:
        found.append(("flight_length", _("It is sold for %(days)s days or more.") % {"days": unit.min_flight_days}))
    if unit.max_flight_days and days > unit.max_flight_days:
        found.append(("flight_length", _("It is sold for %(days)s days at most.") % {"days": unit.max_flight_days}))
    if has_rival:
        found.append(("competitor", _("A rival of the category %(name)s runs then.") % {"name": wish.category}))
    return found


def _price(wish: Wish, unit: AdUnit, forecast: int | None) -> int | None:
    wanted = wish.impressions if wish.impressions is not None else forecast
    if unit.rate_cpm_cents is None or wanted is None:
        return None
    return price_by_cpm(cpm_cents=unit.rate_cpm_cents, impressions=wanted)


def _rivals(wish: Wish, units: list[AdUnit], start: datetime, end: datetime) -> dict[UUID, list[IOBooking]]:
    """Return rivals by show, where the house keeps whole flights apart."""
    if not wish.category or order_profile().separation != OrderProfile.Separation.FLIGHT:
        return {}
    rows = IOBooking.objects.filter(
        ad_unit__podcast__in={unit.podcast_id for unit in units},
        campaign__sponsor__category__iexact=wish.category,
        status__in=IOBooking.CLAIMING,
        flight_start__lt=end,
        flight_end__gt=start,
    ).select_related("ad_unit")
    if wish.sponsor_id:
        rows = rows.exclude(campaign__sponsor_id=wish.sponsor_id)
    found: dict[UUID, list[IOBooking]] = defaultdict(list)
    for row in rows:
        found[row.ad_unit.podcast_id].append(row)
    return found


def _runs_beside(unit: AdUnit, rivals: list[SlotClaim], window: Window) -> bool:
    """Whether a rival runs in the same episodes as a dynamic unit in a window; in a read's, each episode says."""
    if unit.delivery == AdUnit.Delivery.BAKED_IN:
        return False
    return any(claim_meets(claim, window.start, window.end) for claim in rivals)


def _rival_claims(wish: Wish, units: list[AdUnit], start: datetime, end: datetime) -> dict[UUID, list[SlotClaim]]:
    """Return what rivals have on each show, where the house keeps them out of each other's episodes."""
    if not wish.category or order_profile().separation != OrderProfile.Separation.EPISODE:
        return {}
    rows = SlotClaim.objects.filter(
        ad_unit__podcast__in={unit.podcast_id for unit in units},
        booking__campaign__sponsor__category__iexact=wish.category,
        during__overlap=DateTimeTZRange(start, end, "[)"),
    ).select_related("ad_unit")
    if wish.sponsor_id:
        rows = rows.exclude(booking__campaign__sponsor_id=wish.sponsor_id)
    found: dict[UUID, list[SlotClaim]] = defaultdict(list)
    for row in rows:
        found[row.ad_unit.podcast_id].append(row)
    return found


# --- what both read ---
def units_of(podcasts: Iterable[Podcast]) -> list[AdUnit]:
    order = {"pre": 0, "mid": 1, "post": 2}
    units = AdUnit.objects.filter(podcast__in=list(podcasts), is_active=True).select_related("podcast")
    return sorted(units, key=lambda unit: (unit.podcast.title, order[unit.position], unit.index, unit.name))


def episodes_of(units: list[AdUnit], begin: datetime, end: datetime) -> dict[UUID, list[Episode]]:
    found: dict[UUID, list[Episode]] = defaultdict(list)
    shows = {unit.podcast_id for unit in units}
    for episode in Episode.objects.filter(podcast__in=shows, drops_at__gte=begin, drops_at__lt=end).order_by(
        "drops_at"
    ):
        found[episode.podcast_id].append(episode)
    return found


def claims_of(
    units: list[AdUnit], begin: datetime, end: datetime, episodes: dict[UUID, list[Episode]]
) -> dict[UUID, list[SlotClaim]]:
    found: dict[UUID, list[SlotClaim]] = defaultdict(list)
    window = DateTimeTZRange(begin, end, "[)")
    rows = SlotClaim.objects.filter(Q(during__overlap=window), ad_unit__in=units)
    for claim in rows.select_related("booking__campaign__sponsor", "booking__order").order_by("during"):
        found[claim.ad_unit_id].append(claim)
    return found


def _episode_slots(
    unit: AdUnit, episodes: list[Episode], claims: list[SlotClaim], mondays: list[date], at: datetime
) -> list[Slot]:
    zone = tenant_zone()
    slots = []
    for episode in episodes:
        claim = claim_on(claims, episode)
        if episode.drops_at is not None:
            slots.append(_slot(claim, local_day(episode.drops_at, zone), episode, is_sellable=episode.drops_at > at))
    last = mondays[-1] + WEEK - timedelta(days=1)
    slots += [_unplanned(claims, day) for day in _usual_days(unit.podcast, episodes, mondays[0], last, at)]
    return slots


def _usual_days(podcast: Podcast, episodes: list[Episode], first: date, last: date, at: datetime) -> list[date]:
    """Return the coming days on which a show usually drops, in weeks that nobody planned yet; days are inclusive.

    Only what takes every episode of a day reaches them until the episode itself is planned.
    """
    zone = tenant_zone()
    dropped = [local_day(one.drops_at, zone) for one in episodes if one.drops_at is not None]
    planned = {day - timedelta(days=day.weekday()) for day in dropped}
    usual = {weekday for weekday in podcast.release_weekdays if 0 <= weekday < 7}
    days = (first + timedelta(days=count) for count in range((last - first).days + 1))
    return [
        day
        for day in days
        if day.weekday() in usual and day - timedelta(days=day.weekday()) not in planned and day_start(day, zone) > at
    ]


def _claim_on_day(claims: list[SlotClaim], day: date) -> SlotClaim | None:
    noon = day_start(day, tenant_zone()) + timedelta(hours=12)
    return next((one for one in claims if one.episodes.lower is None and noon in one.during), None)


def _unplanned(claims: list[SlotClaim], day: date) -> Slot:
    slot = _slot(_claim_on_day(claims, day), day, None, is_sellable=True)
    return Slot(slot.state, day, slot.who, None, is_planned=False, booking=slot.booking)


def _week_slot(unit: AdUnit, claims: list[SlotClaim], monday: date) -> Slot:
    zone = tenant_zone()
    begin, end = day_start(monday, zone), day_start(monday + WEEK, zone)
    met = [claim for claim in claims if claim_meets(claim, begin, end)]
    if unit.is_shared:
        met = [claim for claim in met if claim.booking is None]
    return _slot(met[0] if met else None, monday, None, is_sellable=True)


def _slot(claim: SlotClaim | None, day: date, episode: Episode | None, *, is_sellable: bool) -> Slot:
    if claim is None:
        return Slot(OPEN if is_sellable else NONE, day, "", episode)
    if claim.booking is None:
        return Slot(BLOCKED, day, claim.blocked_reason, episode)
    state = HELD if claim.booking.status == IOBooking.Status.HELD else SOLD
    return Slot(state, day, str(claim.booking.campaign.sponsor), episode, booking=claim.booking)


def claim_on(claims: list[SlotClaim], episode: Episode) -> SlotClaim | None:
    number = slot_number(episode.pk)
    for claim in claims:
        low, high = claim.episodes.lower, claim.episodes.upper
        if (low is None or low <= number < high) and episode.drops_at in claim.during:
            return claim
    return None


def claim_meets(claim: SlotClaim, begin: datetime, end: datetime) -> bool:
    during = claim.during
    return (during.lower is None or during.lower < end) and (during.upper is None or during.upper > begin)
