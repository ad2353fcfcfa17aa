"""Plain functions that build data with honest defaults. Each app's owner adds those of its models.

A test spells out what it is about; the rest comes from here.
"""

import itertools
from datetime import UTC, datetime, timedelta

from bookings.models import AdUnit, InsertionOrder, IOBooking
from bookings.services import add_ad_unit, draft_order, schedule_booking
from deals.models import Campaign, Sponsor
from deals.services import add_sponsor, open_deal
from metrics.models import Episode, Podcast
from tracker.accounts.models import User
from tracker.accounts.services import create_user
from tracker.lib.actors import SYSTEM

# A Saturday noon; factories stamp what they make with it, and tests pass it as `at`.
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)

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


def make_episode(podcast: Podcast | None = None, *, drops_at: datetime = NOON + timedelta(days=7), **fields) -> Episode:
    """Make an episode that drops in a week, so that its slots can be sold."""
    podcast = podcast or make_podcast()
    fields.setdefault("title", f"Episode {next(_count)}")
    fields.setdefault("is_published", drops_at <= NOON)
    return Episode.objects.create(podcast=podcast, drops_at=drops_at, **fields)


def make_sponsor(*, name: str = "", **fields) -> Sponsor:
    return add_sponsor(name=name or f"Sponsor {next(_count)}", by=SYSTEM, at=NOON, **fields)


def make_campaign(*, sponsor: Sponsor | None = None, stage: str = Campaign.Stage.LEAD, **fields) -> Campaign:
    """Make a deal in any stage; a closed one was closed at NOON."""
    fields.setdefault("name", f"Deal {next(_count)}")
    fields.setdefault("currency", "EUR")
    campaign = open_deal(sponsor=sponsor or make_sponsor(), by=SYSTEM, at=NOON, **fields)
    if stage != Campaign.Stage.LEAD:
        is_closed = stage in (Campaign.Stage.WON, Campaign.Stage.LOST)
        Campaign.objects.filter(pk=campaign.pk).update(
            stage=stage,
            closed_at=NOON if is_closed else None,
            lost_reason="went with a rival" if stage == Campaign.Stage.LOST else "",
        )
        campaign.refresh_from_db()
    return campaign


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
