"""From the database to profiles: what the scorer reads of shows and sponsors, for many of them at once."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
from django.db import connection

from deals.models import Campaign, Sponsor
from matchmaking import history, profiles
from matchmaking.inventory import avails_of, weeks_wanted
from matchmaking.models import PlacementRule
from matchmaking.taxonomy import (
    ancestry,
    damped,
    interests_of,
    names_topics,
    shared_out,
    topic_of_category,
    topics_of_show,
)
from metrics.models import Podcast
from metrics.queries import AudienceOf, audience_summary
from tracker.tenants.context import current_tenant

# How long after the end of the last flight a pair that booked no more counts as lost.
LAPSED_AFTER_DAYS = 120
# Bookings that count as placements: sold, and not only repairing another.
PLACED = ("scheduled", "active", "paused", "makegood", "completed")


@dataclass(frozen=True)
class Record:
    """How the placements of one pair went. flights: sold lines; deals: how many deals they came from."""

    sponsor_id: UUID
    podcast_id: UUID
    flights: int
    deals: int
    last_day: date
    booked: int
    delivered: int | None
    orders: int | None
    # Delivered impressions that the orders can be set against.
    heard: int | None


class Seen(NamedTuple):
    """What the shows that carry a sponsor are about. topics: {topic: weight}; shows: how many tell it, 0 for none."""

    topics: Mapping[str, float]
    shows: int


def shows(*, ids: Collection[UUID] | None = None) -> list[Podcast]:
    """Return the shows that can be sponsored, in the order of their ids."""
    found = Podcast.objects.filter(is_archived=False).order_by("podcast_id")
    return list(found if ids is None else found.filter(pk__in=ids))


def sponsors(*, ids: Collection[UUID] | None = None) -> list[Sponsor]:
    """Return the sponsors that may buy, in the order of their ids."""
    found = Sponsor.objects.filter(is_archived=False).order_by("sponsor_id")
    return list(found if ids is None else found.filter(pk__in=ids))


def texts_of(podcasts: Iterable[Podcast]) -> list[history.ShowText]:
    return [history.ShowText(one.title, one.description, one.language, topics_of(one)) for one in podcasts]


def topics_of(podcast: Podcast) -> dict[str, float]:
    """Return the topics of a show. Where no category is known, what its words say most is what it is about."""
    present = topics_of_show(
        categories=podcast.categories, tags=podcast.tags, title=podcast.title, description=podcast.description
    )
    most = max(present.values(), default=0.0)
    # Just below 1: words alone never block a show (scoring.blocked_by).
    return present if most >= 1 or not most else {topic: 0.95 * level / most for topic, level in present.items()}


def tags_of(sponsor: Sponsor) -> list[str]:
    """Return the words by which sponsors are alike: their tags, else those their name is known by, and the category."""
    interests = interests_of(tags=sponsor.tags, category=sponsor.category, name=sponsor.name, aliases=sponsor.aliases)
    own = [tag.strip().casefold() for tag in sponsor.tags if tag.strip()] or sorted(interests)
    return [*own, f"category:{sponsor.category.strip().casefold()}"] if sponsor.category.strip() else own


def podcast_profiles(
    podcasts: Sequence[Podcast], *, at: datetime, vectors: np.ndarray | None
) -> list[profiles.Podcast]:
    """Return the profile of each show. vectors: B of `history`, one row a show; None while nothing is known."""
    ids = [podcast.pk for podcast in podcasts]
    audiences, avails = audience_summary(podcast_ids=ids), avails_of(podcasts=podcasts, at=at)
    found = []
    for index, podcast in enumerate(podcasts):
        own, slots, topics = audiences.get(podcast.pk, {}), avails.get(podcast.pk), topics_of(podcast)
        found.append(
            profiles.Podcast(
                topics=topics,
                countries=_audience(own.get("country"), upper=True),
                ages=_ages(own.get("age")),
                sexes=_sexes(own.get("gender")),
                free_by_week=slots.free_by_week if slots else None,
                cpm_cents=slots.cpm_cents if slots else None,
                risks=_risks(podcast, topics),
                history=None if vectors is None else tuple(vectors[index].tolist()),
            )
        )
    return found


def sponsor_profiles(
    buyers: Sequence[Sponsor],
    *,
    at: datetime,
    vectors: np.ndarray | None,
    seen: Sequence[Seen] | None = None,
    topic_part: float = 1.0,
) -> list[profiles.Sponsor]:
    """Return the profile of each sponsor. vectors: A of `history`, one row a sponsor; None while nothing is known.

    seen: what the shows that carry each are about, which stands in where it names no topic; topic_part: how much of the
    closeness of topics counts (`history.topic_part`).
    """
    ids = [sponsor.pk for sponsor in buyers]
    wishes, paid = _wishes(ids), _paid(ids)
    found = []
    for index, sponsor in enumerate(buyers):
        deals = wishes.get(sponsor.pk, [])
        targets = sponsor.targets if isinstance(sponsor.targets, dict) else {}
        countries = profiles.wish_of(targets.get("countries"))
        interests = interests_of(
            tags=sponsor.tags, category=sponsor.category, name=sponsor.name, aliases=sponsor.aliases
        )
        carried = seen[index] if seen and not names_topics(interests) else Seen({}, 0)
        if carried.shows:
            interests = {**shared_out(carried.topics), **interests}
        found.append(
            profiles.Sponsor(
                interests=damped(interests, topic_part),
                seen_on=carried.shows,
                countries={code.upper(): part for code, part in countries.items()} if countries else None,
                ages=profiles.wish_of(targets.get("ages"), ages=True),
                sexes=profiles.wish_of(_sex_keys(targets.get("sexes") or targets.get("genders"))),
                wanted_weeks=weeks_wanted(_spans(deals), at) or (1 / profiles.WEEKS,) * profiles.WEEKS,
                budget_cpm_cents=_budget(deals, targets) or paid.get(sponsor.pk),
                avoids=frozenset(_avoided(flag) for deal in deals for flag in deal.brand_safety_flags)
                & frozenset(profiles.RISKS),
                blocked=frozenset(filter(None, map(topic_of_category, sponsor.blocked_categories))),
                history=None if vectors is None else tuple(vectors[index].tolist()),
            )
        )
    return found


def records(*, sponsors: Collection[UUID] | None = None, podcasts: Collection[UUID] | None = None) -> list[Record]:
    """Return one record for each pair with sold placements, ordered by ids; filters narrow it to either side.

    Delivered is the newest snapshot of each completed line; lines without one are left out of the ratio. Orders are
    redemptions of codes that point to the pair.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _RECORDS,
            {
                "placed": list(PLACED),
                "sponsors": None if sponsors is None else list(sponsors),
                "podcasts": None if podcasts is None else list(podcasts),
            },
        )
        return [Record(*row) for row in cursor.fetchall()]


def outcome_of(record: Record, *, at: datetime, usual_rate: float | None) -> tuple[float | None, float, dict[str, Any]]:
    """Return outcome 0-1, volume in flights, and the facts behind it, of one pair's own record.

    The outcome is the mean of what is known: how often the sponsor came back (one deal, long ended: never; each
    further deal: a renewal), delivered ÷ booked up to 1, and orders per listener against the house's usual (the usual
    is 0.5). usual_rate: orders ÷ heard over the house. Source: DOMAIN, matching.
    """
    parts: list[float] = []
    facts: dict[str, Any] = {"flights": record.flights, "renewals": record.deals - 1}
    lapsed = (at.date() - record.last_day).days > LAPSED_AFTER_DAYS
    if record.deals > 1 or lapsed:
        chances = record.deals - 1 + int(lapsed)
        parts.append((record.deals - 1) / chances)
    if record.delivered is not None and record.booked:
        ratio = record.delivered / record.booked
        facts["delivered"] = round(ratio, 3)
        parts.append(min(1.0, ratio))
    if record.orders is not None and record.heard and usual_rate:
        rate = record.orders / record.heard
        facts["orders"] = record.orders
        parts.append(rate / (rate + usual_rate))
    if not parts:
        return None, 0.0, facts
    return sum(parts) / len(parts), float(record.flights), facts


def usual_rate() -> float | None:
    """Return orders ÷ delivered impressions over all pairs that report both, None without any."""
    told = [(one.orders, one.heard) for one in records() if one.orders is not None and one.heard]
    heard = sum(heard for _orders, heard in told)
    return sum(orders for orders, _heard in told) / heard if heard else None


def refusals(*, at: datetime) -> list[tuple[UUID, UUID, str]]:
    """Return (sponsor, show, reason) of pairs that can never be on this day: refused by the host, or shut out by an
    exclusivity that is live."""
    today = at.date()
    by_category: dict[str, list[UUID]] = {}
    for pk, category in Sponsor.objects.exclude(category="").values_list("sponsor_id", "category"):
        by_category.setdefault(category.strip().casefold(), []).append(pk)
    found: dict[tuple[UUID, UUID], str] = {}
    for rule in PlacementRule.objects.select_related("holder").order_by("created_at", "rule_id"):
        if (rule.first_day and today < rule.first_day) or (rule.last_day and today > rule.last_day):
            continue
        shut_out = [rule.sponsor_id] if rule.sponsor_id else []
        if rule.category:
            shut_out += by_category.get(rule.category.strip().casefold(), [])
        for sponsor_id in shut_out:
            if sponsor_id != rule.holder_id:
                found.setdefault((sponsor_id, rule.podcast_id), _refusal(rule))
    return [(sponsor, podcast, reason) for (sponsor, podcast), reason in sorted(found.items())]


def _refusal(rule: PlacementRule) -> str:
    if rule.kind == PlacementRule.Kind.EXCLUSIVITY and rule.last_day:
        return f"exclusivity:{rule.category}:{rule.last_day.isoformat()}"
    return f"refusal:{rule.reason or rule.category}"[:300]


def _audience(found: AudienceOf | None, *, upper: bool = False) -> profiles.Audience | None:
    if found is None or not found.shares:
        return None
    shares = {(key.upper() if upper else key): float(share) for key, share in found.shares.items()}
    return profiles.Audience(shares, float(found.unknown))


def _ages(found: AudienceOf | None) -> profiles.Audience | None:
    audience = _audience(found)
    if audience is None:
        return None
    shares = profiles.spread_ages(audience.shares)
    return profiles.Audience(shares, audience.unknown) if shares else None


def _sexes(found: AudienceOf | None) -> profiles.Audience | None:
    audience = _audience(found)
    return None if audience is None else profiles.Audience(_sex_keys(audience.shares), audience.unknown)


def _sex_keys(shares: Any) -> Any:
    """Return shares (or a list) with the sexes as the scorer calls them: female, male, other."""

    def name(key: str) -> str:
        plain = str(key).strip().casefold()
        first = plain[:1]
        return {"f": "female", "w": "female", "m": "male"}.get(first, "other")

    if isinstance(shares, dict):
        found: dict[str, float] = {}
        for key, share in shares.items():
            found[name(key)] = found.get(name(key), 0) + share
        return found
    return [name(key) for key in shares] if isinstance(shares, list | tuple) else shares


def _risks(podcast: Podcast, topics: dict[str, float]) -> dict[str, float] | None:
    """Return how much of each unwanted subject a show has; None when neither a flag nor a topic tells."""
    if not topics and not podcast.is_explicit:
        return None
    found = {"explicit": 1.0} if podcast.is_explicit else {}
    for risk, nodes in profiles.RISKS.items():
        level = max((presence for topic, presence in topics.items() if nodes & set(ancestry(topic))), default=0.0)
        if level:
            found[risk] = level
    return found


def _avoided(flag: str) -> str:
    words = flag.strip().casefold().replace("_", " ").replace("-", " ").split()
    kept = [word for word in words if word not in {"no", "not", "avoid", "without", "exclude", "content"}]
    return " ".join(kept)


def _wishes(ids: Collection[UUID]) -> dict[UUID, list[Campaign]]:
    currency = current_tenant().currency
    found: dict[UUID, list[Campaign]] = {}
    for deal in Campaign.objects.open().filter(sponsor_id__in=ids).order_by("campaign_id"):
        # A budget in another money cannot be set beside the rate card; its flight and its flags still count.
        deal.campaign_value = deal.campaign_value if deal.currency == currency else 0
        found.setdefault(deal.sponsor_id, []).append(deal)
    return found


def _spans(deals: Iterable[Campaign]) -> list[tuple[date, date]]:
    return [
        (deal.flight_first_day, deal.flight_last_day)
        for deal in deals
        if deal.flight_first_day and deal.flight_last_day
    ]


def _budget(deals: Iterable[Campaign], targets: dict[str, Any]) -> int | None:
    """Return the CPM that a sponsor means to pay: value ÷ impressions of its open deals, else what its targets say."""
    priced = [deal for deal in deals if deal.campaign_value and deal.wanted_impressions]
    impressions = sum(deal.wanted_impressions or 0 for deal in priced)
    if impressions:
        return round(sum(deal.campaign_value for deal in priced) * 1000 / impressions) or None
    told = targets.get("cpm_cents")
    return told if isinstance(told, int) and not isinstance(told, bool) and told > 0 else None


def _paid(ids: Collection[UUID]) -> dict[UUID, int]:
    """Return the mean CPM that each sponsor has paid, by booked impressions."""
    with connection.cursor() as cursor:
        cursor.execute(_PAID, {"placed": list(PLACED), "sponsors": list(ids)})
        return {sponsor: int(cents) for sponsor, cents in cursor.fetchall()}


_PAID = """
SELECT c.sponsor_id, round(sum(b.booked_cpm_cents::numeric * b.booked_impressions) / sum(b.booked_impressions))
FROM io_bookings b JOIN campaigns c USING (campaign_id)
WHERE b.status = ANY(%(placed)s) AND b.makegood_of_id IS NULL AND b.booked_cpm_cents > 0 AND b.booked_impressions > 0
  AND c.sponsor_id = ANY(%(sponsors)s)
GROUP BY 1
"""

_RECORDS = """
WITH lines AS (
    SELECT b.io_id, c.sponsor_id, u.podcast_id, b.campaign_id, b.booked_impressions, b.flight_end, b.status
    FROM io_bookings b JOIN campaigns c USING (campaign_id) JOIN ad_units u USING (ad_unit_id)
    WHERE b.status = ANY(%(placed)s) AND b.makegood_of_id IS NULL
      AND (%(sponsors)s::uuid[] IS NULL OR c.sponsor_id = ANY(%(sponsors)s))
      AND (%(podcasts)s::uuid[] IS NULL OR u.podcast_id = ANY(%(podcasts)s))
), told AS (
    SELECT DISTINCT ON (s.booking_id) s.booking_id, s.delivered
    FROM delivery_snapshots s JOIN lines ON lines.io_id = s.booking_id
    WHERE s.delivered IS NOT NULL AND lines.status = 'completed' ORDER BY s.booking_id, s.known_on DESC
), pairs AS (
    SELECT l.sponsor_id, l.podcast_id, count(*) AS flights, count(DISTINCT l.campaign_id) AS deals,
           (max(l.flight_end) AT TIME ZONE 'UTC')::date AS last_day,
           coalesce(sum(l.booked_impressions) FILTER (WHERE t.booking_id IS NOT NULL), 0)::bigint AS booked,
           sum(t.delivered)::bigint AS delivered
    FROM lines l LEFT JOIN told t ON t.booking_id = l.io_id GROUP BY 1, 2
)
SELECT p.sponsor_id, p.podcast_id, p.flights, p.deals, p.last_day, p.booked, p.delivered, r.orders, p.delivered
FROM pairs p
LEFT JOIN LATERAL (
    SELECT sum(d.orders)::bigint AS orders FROM promo_codes o
    JOIN redemptions d ON d.sponsor_id = o.sponsor_id AND d.promo_code = o.folded
    WHERE o.sponsor_id = p.sponsor_id AND o.podcast_id = p.podcast_id
) r ON true
ORDER BY 1, 2
"""
