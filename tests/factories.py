"""Plain functions that build data with honest defaults. Each app's owner adds those of its models.

A test spells out what it is about; the rest comes from here.
"""

import itertools
from datetime import UTC, date, datetime, timedelta

from bookings.models import AdUnit, InsertionOrder, IOBooking
from bookings.services import add_ad_unit, draft_order, schedule_booking
from deals.models import Agency, Campaign, Sponsor
from deals.names import name_key
from metrics.models import Episode, Podcast
from metrics.services import DayOfEpisode, record_metrics
from tracker.accounts.models import User
from tracker.accounts.services import create_user
from tracker.lib.actors import SYSTEM

# A Saturday noon; factories stamp what they make with it, and tests pass it as `at`.
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
IN_A_WEEK = NOON + timedelta(days=7)

PASSWORD = "a long enough password"

_count = itertools.count(1)


def make_user(*, role: str = "salesperson", email: str = "", name: str = "", bindings=None, **fields) -> User:
    """Make a person of the entered tenant who signs in with PASSWORD."""
    number = next(_count)
    user = create_user(
        email=email or f"{role}{number}@acme.example",
        role=role,
        name=name or f"{role.replace('_', ' ').title()} {number}",
        password=PASSWORD,
        bindings=bindings,
    )
    if fields:
        User.objects.filter(pk=user.pk).update(**fields)
        user.refresh_from_db()
    return user


def make_podcast(**fields) -> Podcast:
    number = next(_count)
    fields.setdefault("title", f"Show {number}")
    fields.setdefault("slug", f"show-{number}")
    return Podcast.objects.create(**fields)


def make_episode(podcast: Podcast | None = None, *, drops_at: datetime | None = IN_A_WEEK, **fields) -> Episode:
    """Make an episode that drops in a week, so that its slots can be sold."""
    podcast = podcast or make_podcast()
    fields.setdefault("title", f"Episode {next(_count)}")
    fields.setdefault("is_published", drops_at is not None and drops_at <= NOON)
    return Episode.objects.create(podcast=podcast, drops_at=drops_at, **fields)


def make_rollup(*, episode: Episode | None = None, day: date | None = None, source: str = "host", **figures) -> None:
    """Record one day of an episode by one source: 1,000 downloads on the eve of NOON, unless figures are given.

    figures: downloads, listeners, completion_rate, ctr, conversions, revenue_cents; those not given are unknown.
    """
    episode = episode or make_episode()
    day = day or NOON.date() - timedelta(days=1)
    row = DayOfEpisode(day=day, episode_id=episode.pk, source=source, **(figures or {"downloads": 1_000}))
    record_metrics(rows=[row], at=NOON, label="factory")


def make_agency(*, name: str = "", **fields) -> Agency:
    return Agency.objects.create(name=name or f"Agency {next(_count)}", **fields)


def make_sponsor(*, name: str = "", **fields) -> Sponsor:
    """A sponsor without a category, so that it has no rivals unless the test says so."""
    name = name or f"Sponsor {next(_count)}"
    return Sponsor.objects.create(name=name, name_key=name_key(name), **fields)


def make_campaign(*, stage: str = "lead", sponsor: Sponsor | None = None, **fields) -> Campaign:
    """A deal of its own sponsor, standing in a stage since NOON or since `stage_changed_at`."""
    since = fields.pop("stage_changed_at", None) or fields.get("closed_at") or NOON
    defaults = {
        "name": f"Deal {next(_count)}",
        "campaign_value": 100_000,
        "opened_at": since,
        "currency": "EUR",
        "closed_at": since if stage in ("won", "lost") else None,
        "lost_reason": "Price" if stage == "lost" else "",
    }
    return Campaign.objects.create(
        sponsor=sponsor or make_sponsor(), stage=stage, stage_changed_at=since, **{**defaults, **fields}
    )


def make_ad_unit(podcast: Podcast | None = None, **fields) -> AdUnit:
    """Make a mid-roll of 60 seconds, read by the host and baked in."""
    fields.setdefault("name", f"Mid-roll {next(_count)}")
    fields.setdefault("position", "mid")
    fields.setdefault("duration_seconds", 60)
    return add_ad_unit(podcast=podcast or make_podcast(), by=SYSTEM, at=NOON, **fields)


def make_order(campaign: Campaign | None = None, **fields) -> InsertionOrder:
    """Make the draft order of a deal; `fields` are columns set on it afterwards."""
    order = draft_order(campaign=campaign or make_campaign(), by=SYSTEM, at=NOON)
    if fields:
        InsertionOrder.objects.filter(pk=order.pk).update(**fields)
        order.refresh_from_db()
    return order


def make_booking(*, at: datetime = NOON, **fields) -> IOBooking:
    """Book 10,000 impressions at a CPM of 25.00 for the four weeks from tomorrow noon, over the whole show.

    `order_fields` are columns set on its order; `booking_fields` are columns set past the services.
    """
    order_fields, past = fields.pop("order_fields", {}), fields.pop("booking_fields", {})
    if "ad_unit" not in fields:
        episode = fields.get("episode")
        fields["ad_unit"] = make_ad_unit(episode.podcast if episode else None)
    fields.setdefault("campaign", None)
    fields["campaign"] = fields["campaign"] or make_campaign()
    fields.setdefault("flight_start", NOON + timedelta(days=1))
    fields.setdefault("flight_end", fields["flight_start"] + timedelta(days=28))
    fields.setdefault("booked_impressions", 10_000)
    fields.setdefault("booked_cpm_cents", 2_500)
    booking = schedule_booking(by=SYSTEM, at=at, **fields)
    if order_fields:
        InsertionOrder.objects.filter(pk=booking.order_id).update(**order_fields)
    if past:
        IOBooking.objects.filter(pk=booking.pk).update(**past)
    if order_fields or past:
        booking = IOBooking.objects.select_related("order", "ad_unit__podcast", "campaign__sponsor").get(pk=booking.pk)
    return booking
