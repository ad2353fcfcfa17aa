"""inventory_calendar: what is free to book, by show and position, week by week from Monday.

A baked-in unit has a slot in each episode that drops in the week: planned ones, or where none is planned yet the days
on which the show usually drops. A dynamic unit has one slot a week, free when nothing takes any part of it. A unit that
is sold by impressions is open until somebody blocks it.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from bookings.models import AdUnit, IOBooking, SlotClaim, slot_number
from metrics.models import Episode, Podcast
from tracker.dashboards.cards import Card
from tracker.dashboards.made_of import DEAL_NAMES
from tracker.dashboards.scope import Scope
from tracker.dashboards.tables import Column, Table
from tracker.lib import words
from tracker.lib.dates import day_start

SHOWN = 12
WEEK = timedelta(days=7)
# The number of a drop that is not planned yet: only claims on every episode meet it.
UNPLANNED = -1


@dataclass
class Cell:
    """One week of one show and position. slots: how many there are; free, held and mine: how many of them are."""

    week: date
    slots: int = 0
    free: int = 0
    held: int = 0
    mine: int = 0

    @property
    def state(self) -> str:
        if not self.slots:
            return "none"
        if self.mine:
            return "mine"
        if self.free:
            return "free" if self.free == self.slots else "some"
        return "held" if self.held else "sold"


@dataclass(frozen=True)
class Row:
    podcast: Podcast
    position: str
    rate_cents: int | None
    cells: list[Cell]

    @property
    def label(self) -> Any:
        return AdUnit.Position(self.position).label


@dataclass(frozen=True)
class Calendar:
    """Rows by show and position; weeks are their Mondays in the house's zone."""

    weeks: list[date]
    rows: list[Row]

    @property
    def shown(self) -> list[Row]:
        return self.rows[:SHOWN]

    @property
    def hidden(self) -> int:
        return max(0, len(self.rows) - SHOWN)


@dataclass(frozen=True)
class Drop:
    number: int
    at: datetime


@dataclass
class Bounds:
    """Weeks as instants, and what is already past of them."""

    starts: list[datetime] = field(default_factory=list)
    now: datetime = field(default_factory=datetime.now)

    def week_of(self, moment: datetime) -> int | None:
        for index, start in enumerate(self.starts[:-1]):
            if start <= moment < self.starts[index + 1]:
                return index
        return None


def load(scope: Scope) -> Calendar:
    """Three statements: units for sale, episodes to come, what is taken."""
    monday = scope.period.first - timedelta(days=scope.period.first.weekday())
    weeks = [monday + WEEK * n for n in range((scope.period.last - monday).days // 7 + 1)]
    zone = words.house_zone()
    bounds = Bounds([day_start(week, zone) for week in [*weeks, weeks[-1] + WEEK]], scope.at)
    units = AdUnit.objects.filter(is_active=True, podcast__is_archived=False, podcast__in=scope.podcast_ids)
    by_row: dict[tuple[UUID, str], list[AdUnit]] = defaultdict(list)
    for unit in units.select_related("podcast").order_by("podcast__title", "position", "index"):
        by_row[unit.podcast_id, unit.position].append(unit)
    drops = _drops(scope.podcast_ids, bounds)
    claims = _claims(scope.podcast_ids, bounds)
    rows = [_row(own, weeks, bounds, drops, claims, scope.sponsor) for own in by_row.values()]
    return Calendar(weeks, sorted(rows, key=_own_first))


def _own_first(row: Row) -> tuple[bool, str, int]:
    """Where the sponsor runs comes first, then by show and place in the episode."""
    return not any(cell.mine for cell in row.cells), row.podcast.title, ("pre", "mid", "post").index(row.position)


def _drops(podcasts: Sequence[UUID], bounds: Bounds) -> dict[UUID, list[Drop]]:
    found: dict[UUID, list[Drop]] = defaultdict(list)
    rows = Episode.objects.filter(
        podcast__in=podcasts, drops_at__gte=bounds.starts[0], drops_at__lt=bounds.starts[-1]
    ).values_list("podcast_id", "episode_id", "drops_at")
    for podcast_id, episode_id, drops_at in rows:
        found[podcast_id].append(Drop(slot_number(episode_id), drops_at))
    return found


def _claims(podcasts: Sequence[UUID], bounds: Bounds) -> dict[UUID, list[SlotClaim]]:
    found: dict[UUID, list[SlotClaim]] = defaultdict(list)
    rows = SlotClaim.objects.filter(
        ad_unit__podcast__in=podcasts, during__overlap=(bounds.starts[0], bounds.starts[-1])
    ).select_related("booking__campaign")
    for claim in rows:
        found[claim.ad_unit_id].append(claim)
    return found


def _row(
    units: list[AdUnit],
    weeks: list[date],
    bounds: Bounds,
    drops: dict[UUID, list[Drop]],
    claims: dict[UUID, list[SlotClaim]],
    sponsor: Any,
) -> Row:
    podcast = units[0].podcast
    cells = [Cell(week) for week in weeks]
    coming = _coming(podcast, drops.get(podcast.pk, []), bounds)
    for unit in units:
        taken = claims.get(unit.pk, [])
        for index, cell in enumerate(cells):
            if unit.delivery == AdUnit.Delivery.BAKED_IN:
                for drop in coming[index]:
                    _count(cell, next((one for one in taken if takes(one, drop)), None), sponsor)
            elif bounds.starts[index + 1] > bounds.now:
                begin, end = max(bounds.starts[index], bounds.now), bounds.starts[index + 1]
                _count(cell, next((one for one in taken if _meets(one, begin, end)), None), sponsor)
    rates = [unit.rate_cpm_cents for unit in units if unit.rate_cpm_cents]
    return Row(podcast, units[0].position, min(rates) if rates else None, cells)


def _coming(podcast: Podcast, planned: list[Drop], bounds: Bounds) -> list[list[Drop]]:
    """The drops of each week that are still to come; a week without a planned one has the show's usual days."""
    weeks: list[list[Drop]] = [[] for _start in bounds.starts[:-1]]
    for drop in planned:
        index = bounds.week_of(drop.at)
        if index is not None:
            weeks[index].append(drop)
    for index, start in enumerate(bounds.starts[:-1]):
        if not weeks[index]:
            days = [day for day in podcast.release_weekdays if 0 <= day <= 6]
            weeks[index] = [Drop(UNPLANNED, start + timedelta(days=day, hours=12)) for day in days]
    return [[drop for drop in week if drop.at > bounds.now] for week in weeks]


def _count(cell: Cell, claim: SlotClaim | None, sponsor: Any) -> None:
    cell.slots += 1
    if claim is None:
        cell.free += 1
    elif claim.booking is not None and sponsor is not None and claim.booking.campaign.sponsor_id == sponsor.pk:
        cell.mine += 1
    elif claim.booking is not None and claim.booking.status == IOBooking.Status.HELD:
        cell.held += 1


def takes(claim: SlotClaim, drop: Drop) -> bool:
    """Return whether a claim takes the slot of an episode: both its episodes and its time hold the drop."""
    episodes, during = claim.episodes, claim.during
    return (
        (episodes.lower is None or episodes.lower <= drop.number)
        and (episodes.upper is None or drop.number < episodes.upper)
        and (during.lower is None or during.lower <= drop.at)
        and (during.upper is None or drop.at < during.upper or during.lower == drop.at)
    )


def _meets(claim: SlotClaim, begin: datetime, end: datetime) -> bool:
    if claim.is_shared:
        return False
    during = claim.during
    return (during.lower is None or during.lower < end) and (during.upper is None or begin < during.upper)


def as_json(data: Calendar) -> list[dict[str, Any]]:
    return [
        {
            "podcast_id": str(row.podcast.pk),
            "podcast": row.podcast.title,
            "position": row.position,
            "rate_cpm_cents": row.rate_cents,
            "weeks": [
                {
                    "week": cell.week.isoformat(),
                    "slots": cell.slots,
                    "free": cell.free,
                    "held": cell.held,
                    "yours": cell.mine,
                    "state": cell.state,
                }
                for cell in row.cells
            ],
        }
        for row in data.rows
    ]


COLUMNS = [
    Column("podcast", _("Show")),
    Column("position", _("Position")),
    Column("week", _("Week from"), "day"),
    Column("state", _("State")),
    Column("free", _("Free"), "number"),
    Column("slots", _("Slots"), "number"),
]


def as_table(data: Calendar) -> Table:
    rows = [
        [row.podcast.title, row.position, cell.week, cell.state, cell.free, cell.slots]
        for row in data.rows
        for cell in row.cells
    ]
    return Table(COLUMNS, rows)


INVENTORY = Card(
    name="inventory_calendar",
    title=_("Inventory"),
    template="dashboards/advertiser/inventory.html",
    load=load,
    as_table=as_table,
    as_json=as_json,
    made_of=[AdUnit, SlotClaim, IOBooking, DEAL_NAMES, Podcast, Episode],
)
