"""The board: what stands in which stage, what it is worth, how long it has stood. Two statements, whatever the size."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet, Sum, Window
from django.db.models.functions import RowNumber

from deals.models import Campaign
from deals.queries import quarter_start, stage_settings
from deals.rules import FORWARD, OPEN_STAGES, StageSetting, skips_forward
from tracker.lib.dates import day_start, local_day
from tracker.lib.money import round_half_up
from tracker.tenants.context import tenant_zone

Stage = Campaign.Stage
# Cards drawn in a lane at once; the rest is a click away. Sums always count every deal.
CARDS_A_LANE = 40


@dataclass(frozen=True)
class BoardFilter:
    """What a person narrowed the board to. quarter: "2026-4"; it is the expected close, and for closed deals theirs."""

    owner: str = ""
    sponsor: str = ""
    podcast: str = ""
    quarter: str = ""
    text: str = ""

    @classmethod
    def read(cls, query: Mapping[str, str]) -> "BoardFilter":
        """Read a query string; what is not well-formed is left out."""
        return cls(
            owner=_id_or(query.get("owner", ""), {"none"}),
            sponsor=_id_or(query.get("sponsor", "")),
            podcast=_id_or(query.get("podcast", "")),
            quarter=query.get("quarter", "") if quarter_bounds(query.get("quarter", "")) else "",
            text=query.get("q", "").strip()[:100],
        )

    @property
    def is_empty(self) -> bool:
        return self == BoardFilter()


class Card(NamedTuple):
    """One deal as a card; a tuple, since a board has hundreds.

    `moves` are the stages it may go to; `exceptions` those that only a manager reaches.
    """

    campaign_id: UUID
    name: str
    sponsor: str
    stage: str
    value_cents: int
    currency: str
    version: int
    days: int
    tone: str
    shows: int
    owner: str
    next_step: str
    next_step_on: date | None
    is_next_late: bool
    closed_on: date | None
    lost_reason: str
    moves: list[str]
    exceptions: list[str]


@dataclass(frozen=True)
class Amount:
    """A lane's worth in one currency. weighted_cents is None for closed stages."""

    currency: str
    value_cents: int
    weighted_cents: int | None


@dataclass(frozen=True)
class Lane:
    stage: str
    deals: int
    amounts: list[Amount]
    cards: list[Card] = field(default_factory=list)

    @property
    def label(self) -> str:
        return str(Stage(self.stage).label).capitalize()

    @property
    def is_open(self) -> bool:
        return self.stage in OPEN_STAGES

    @property
    def more(self) -> int:
        """How many deals of the lane have no card yet."""
        return max(0, self.deals - len(self.cards))


def filtered_deals(wanted: BoardFilter, *, at: datetime) -> QuerySet[Campaign]:
    """Return the deals of the board: open ones, and those won or lost in the quarter (the current one by default)."""
    deals = Campaign.objects.all()
    if wanted.owner:
        owned = {"owner__isnull": True} if wanted.owner == "none" else {"owner_id": wanted.owner}
        deals = deals.filter(**owned)
    if wanted.sponsor:
        deals = deals.filter(sponsor_id=wanted.sponsor)
    if wanted.podcast:
        chosen = Campaign.wanted_podcasts.through.objects.filter(podcast_id=wanted.podcast)
        deals = deals.filter(pk__in=chosen.values("campaign_id"))
    if wanted.text:
        text = wanted.text
        deals = deals.filter(Q(name__icontains=text) | Q(sponsor__name__icontains=text) | Q(next_step__icontains=text))
    zone = tenant_zone()
    start = quarter_start(local_day(at, zone))
    first, last = quarter_bounds(wanted.quarter) or (start, _quarter_end(start))
    closed = Q(closed_at__gte=day_start(first, zone), closed_at__lt=day_start(last + timedelta(days=1), zone))
    in_open_stage = Q(stage__in=OPEN_STAGES)
    if wanted.quarter:
        in_open_stage &= Q(expected_close_on__gte=first, expected_close_on__lte=last)
    return deals.filter(in_open_stage | closed)


def lanes(wanted: BoardFilter, *, at: datetime, cards: int = CARDS_A_LANE) -> list[Lane]:
    """Return the six lanes in their order: sums over all their deals, cards for the first of them.

    Open lanes show what has stood longest first, closed ones the latest first.
    """
    deals = filtered_deals(wanted, at=at)
    settings = stage_settings()
    counts, amounts = _sums(deals, settings)
    drawn = _cards(deals, settings, at=at, limit=cards)
    return [Lane(stage, counts.get(stage, 0), amounts.get(stage, []), drawn.get(stage, [])) for stage in Stage.values]


def lane_heads(wanted: BoardFilter, *, at: datetime) -> list[Lane]:
    """Return the six lanes with their sums alone: what a move changes at the top of two columns."""
    counts, amounts = _sums(filtered_deals(wanted, at=at), stage_settings())
    return [Lane(stage, counts.get(stage, 0), amounts.get(stage, [])) for stage in Stage.values]


def more_cards(wanted: BoardFilter, *, stage: str, after: int, at: datetime) -> list[Card]:
    """Return the next cards of one lane, from position `after` on."""
    deals = filtered_deals(wanted, at=at).filter(stage=stage)
    order = "stage_changed_at" if stage in OPEN_STAGES else "-stage_changed_at"
    rows = list(deals.order_by(order, "campaign_id").values(*COLUMNS)[after : after + CARDS_A_LANE])
    return _as_cards(rows, stage_settings(), at=at)


def card_of(campaign_id: UUID, *, at: datetime) -> Card:
    """Return one deal as a card, as it stands now."""
    return _as_cards(Campaign.objects.filter(pk=campaign_id).values(*COLUMNS), stage_settings(), at=at)[0]


COLUMNS = (
    *("campaign_id", "name", "sponsor__name", "stage", "campaign_value", "currency", "version", "stage_changed_at"),
    *("owner__name", "owner__email", "next_step", "next_step_on", "closed_at", "lost_reason"),
)


def _sums(
    deals: QuerySet[Campaign], settings: dict[str, StageSetting]
) -> tuple[dict[str, int], dict[str, list[Amount]]]:
    counts: dict[str, int] = defaultdict(int)
    amounts: dict[str, list[Amount]] = defaultdict(list)
    rows = deals.order_by().values("stage", "currency").annotate(deals=Count("pk"), cents=Sum("campaign_value"))
    for row in rows.order_by("stage", "-deals", "currency"):
        stage, cents = row["stage"], row["cents"]
        weighted = None
        if stage in OPEN_STAGES:
            weighted = round_half_up(Decimal(cents) * settings[stage].probability_percent / 100)
        counts[stage] += row["deals"]
        amounts[stage].append(Amount(row["currency"], cents, weighted))
    return counts, amounts


def _cards(
    deals: QuerySet[Campaign], settings: dict[str, StageSetting], *, at: datetime, limit: int
) -> dict[str, list[Card]]:
    """Return the first cards of every lane by one statement (and one for the counts of shows)."""
    oldest = Window(RowNumber(), partition_by="stage", order_by=[F("stage_changed_at").asc(), F("campaign_id").asc()])
    newest = Window(RowNumber(), partition_by="stage", order_by=[F("stage_changed_at").desc(), F("campaign_id").asc()])
    placed = deals.annotate(oldest=oldest, newest=newest).filter(
        Q(oldest__lte=limit, stage__in=OPEN_STAGES) | Q(newest__lte=limit, closed_at__isnull=False)
    )
    by_stage: dict[str, list[Card]] = defaultdict(list)
    for card in _as_cards(placed.order_by("stage_changed_at", "campaign_id").values(*COLUMNS), settings, at=at):
        by_stage[card.stage].append(card)
    for stage in (Stage.WON, Stage.LOST):
        by_stage[stage].reverse()
    return by_stage


def _as_cards(rows: Iterable[dict], settings: dict[str, StageSetting], *, at: datetime) -> list[Card]:
    rows = list(rows)
    zone = tenant_zone()
    today = local_day(at, zone)
    shows = dict(
        Campaign.wanted_podcasts.through.objects.filter(campaign_id__in=[row["campaign_id"] for row in rows])
        .values_list("campaign_id")
        .annotate(shows=Count("podcast_id"))
    )
    return [_as_card(row, shows.get(row["campaign_id"], 0), settings, at, today, zone) for row in rows]


def _as_card(row: dict, shows: int, settings: dict[str, StageSetting], at: datetime, today: date, zone) -> Card:
    stage, next_on = row["stage"], row["next_step_on"]
    days = (at - row["stage_changed_at"]).days
    return Card(
        campaign_id=row["campaign_id"],
        name=row["name"],
        sponsor=row["sponsor__name"],
        stage=stage,
        value_cents=row["campaign_value"],
        currency=row["currency"],
        version=row["version"],
        days=days,
        tone=settings[stage].age_tone(days),
        shows=shows,
        owner=row["owner__name"] or row["owner__email"] or "",
        next_step=row["next_step"],
        next_step_on=next_on,
        is_next_late=next_on is not None and next_on < today,
        closed_on=local_day(row["closed_at"], zone) if row["closed_at"] else None,
        lost_reason=row["lost_reason"],
        moves=MOVES[stage],
        exceptions=EXCEPTIONS[stage],
    )


MOVES = {stage: Campaign(stage=stage).allowed_moves for stage in Stage.values}
EXCEPTIONS = {stage: [to for to in FORWARD if skips_forward(stage, to)] for stage in Stage.values}


def quarter_bounds(quarter: str) -> tuple[date, date] | None:
    """Return the first and last day of "2026-4", or None for what is no quarter."""
    year, _dash, number = quarter.partition("-")
    if not (year.isascii() and year.isdigit() and len(year) == 4 and number in ("1", "2", "3", "4")) or year < "1970":
        return None
    start = date(int(year), int(number) * 3 - 2, 1)
    return start, _quarter_end(start)


def _quarter_end(start: date) -> date:
    return (start + timedelta(days=95)).replace(day=1) - timedelta(days=1)


def _id_or(value: str, words: Iterable[str] = ()) -> str:
    if value in words:
        return value
    try:
        return str(UUID(value))
    except ValueError:
        return ""
