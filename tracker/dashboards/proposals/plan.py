"""What can be offered to a deal: the ad units of its wanted shows with what is free, and a first plan to start from."""

from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from uuid import UUID

from bookings.models import AdUnit
from bookings.pricing import price_by_cpm
from bookings.queries.calendar import Avail, Wish, avails_for
from deals.models import Campaign
from metrics.models import Podcast

# Plans are round: impressions in hundreds, never more than what is forecast to be free.
STEP = 100
# What a salesperson reaches for first: a mid-roll, then a pre-roll, then the end.
FIRST_CHOICE = {"mid": 0, "pre": 1, "post": 2}


@dataclass(frozen=True)
class Offer:
    """One ad unit that a plan may hold, with a first suggestion. impressions None: nobody knows what it can deliver."""

    unit: AdUnit
    avail: Avail
    is_chosen: bool
    impressions: int | None
    cpm_cents: int | None
    first_day: date
    last_day: date

    @property
    def key(self) -> str:
        return str(self.unit.pk)

    @property
    def gross_cents(self) -> int | None:
        if self.impressions is None or self.cpm_cents is None:
            return None
        return price_by_cpm(cpm_cents=self.cpm_cents, impressions=self.impressions)


def offers_for(deal: Campaign, shows: list[Podcast], *, at: datetime) -> list[Offer]:
    """Return what can be offered in the deal's flight: one unit of each show is chosen, the best that is free.

    The wanted impressions, or else what the deal's value buys, are shared out in proportion to what is free on the
    chosen units; a deal without either is offered all that is free. Empty while the deal names no flight or no show.
    As many statements for one show as for twenty.
    """
    first, last = deal.flight_first_day, deal.flight_last_day
    if first is None or last is None or not shows:
        return []
    wish = Wish(first, last, category=deal.sponsor.category, sponsor_id=deal.sponsor_id)
    avails = avails_for(wish, shows, at=at)
    chosen = _chosen(avails)
    amounts = _amounts([avail for avail in avails if avail.unit.pk in chosen], deal)
    return [
        Offer(
            unit=avail.unit,
            avail=avail,
            is_chosen=avail.unit.pk in chosen,
            impressions=amounts.get(avail.unit.pk, _rounded(avail.forecast)),
            cpm_cents=avail.unit.rate_cpm_cents,
            first_day=first,
            last_day=last,
        )
        for avail in avails
    ]


def _chosen(avails: list[Avail]) -> set[UUID]:
    """Return the best unit of each show that has anything free at a price."""
    best: dict[UUID, Avail] = {}
    for avail in avails:
        if avail.answer == "not" or avail.unit.rate_cpm_cents is None or not avail.forecast:
            continue
        known = best.get(avail.unit.podcast_id)
        if known is None or _rank(avail) < _rank(known):
            best[avail.unit.podcast_id] = avail
    return {avail.unit.pk for avail in best.values()}


def _rank(avail: Avail) -> tuple[bool, int, int]:
    return (avail.answer != "available", FIRST_CHOICE[avail.unit.position], avail.unit.index)


def _amounts(chosen: list[Avail], deal: Campaign) -> dict[UUID, int]:
    """Return the impressions of each chosen unit: what is free, or the part of it that the deal asks for."""
    free = {avail.unit.pk: avail.forecast or 0 for avail in chosen}
    whole, part = sum(free.values()), Fraction(1)
    if deal.wanted_impressions is not None:
        part = Fraction(deal.wanted_impressions, whole or 1)
    elif deal.campaign_value:
        cost = sum((avail.unit.rate_cpm_cents or 0) * free[avail.unit.pk] for avail in chosen)
        part = Fraction(deal.campaign_value * 1000, cost or 1)
    part = min(part, Fraction(1))
    return {key: max(STEP, int(amount * part) // STEP * STEP) for key, amount in free.items()}


def _rounded(amount: int | None) -> int | None:
    return None if amount is None else amount // STEP * STEP
