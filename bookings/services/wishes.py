"""What a line may ask for, checked before anything is written; and what follows from it: price, address, hold."""

from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from bookings.links import checked_address
from bookings.models import AdUnit, IOBooking
from bookings.pricing import price_by_cpm
from bookings.queries.house import order_profile
from deals.models import Campaign
from metrics.models import Episode
from tracker.lib.dates import last_day_of, local_day
from tracker.lib.errors import Conflict, DomainError
from tracker.tenants.context import tenant_zone

Status = IOBooking.Status
MOST_IMPRESSIONS = 10**12
MOST_CPM_CENTS = 10**8
LONGEST_FLIGHT = timedelta(days=3 * 366)
OPENING = (Status.DRAFT, Status.HELD, Status.SCHEDULED)


def check_wish(
    campaign: Campaign,
    ad_unit: AdUnit,
    episode: Episode | None,
    flight_start: datetime,
    flight_end: datetime,
    impressions: int,
    cpm_cents: int,
    status: str | None,
) -> None:
    """Refuse a wish that cannot be booked, whatever stands there. Raises DomainError or Conflict naming the field.

    status: what the line begins as; None for a line that stands already.
    """
    if status is not None and status not in OPENING:
        message = _("A booking begins as %(allowed)s, not as %(status)s.")
        words = {"allowed": ", ".join(OPENING), "status": status}
        raise DomainError("status_invalid", message % words, field="status", allowed=[str(one) for one in OPENING])
    if flight_end <= flight_start:
        raise DomainError("flight_reversed", _("The flight ends before it begins."), field="flight_end")
    if flight_end - flight_start > LONGEST_FLIGHT:
        raise DomainError("flight_too_long", _("A flight lasts three years at most."), field="flight_end")
    if not 0 < impressions <= MOST_IMPRESSIONS:
        message = _("Book at least one impression, and not more than a trillion.")
        raise DomainError("impressions_invalid", message, field="booked_impressions")
    if not 0 <= cpm_cents <= MOST_CPM_CENTS:
        message = _("The CPM is a whole number of cents, 0 or more.")
        raise DomainError("cpm_invalid", message, field="booked_cpm_cents")
    if episode is not None and episode.podcast_id != ad_unit.podcast_id:
        message = _("The episode belongs to another show than the ad unit.")
        raise DomainError("episode_of_other_show", message, field="episode_id")
    if status is not None and not ad_unit.is_active:
        raise Conflict("ad_unit_not_for_sale", _("%(unit)s is not for sale.") % {"unit": ad_unit})
    if status is not None and campaign.stage == Campaign.Stage.LOST:
        raise Conflict("deal_lost", _("This deal is lost; open it again before booking."), stage=campaign.stage)


def check_dates(
    ad_unit: AdUnit, flight_start: datetime, flight_end: datetime, *, at: datetime, is_record: bool = False
) -> None:
    """Refuse a flight that the unit does not sell. Raises Conflict("lead_time") or Conflict("flight_length")."""
    zone = tenant_zone()
    days = (last_day_of(flight_end, zone) - local_day(flight_start, zone)).days + 1
    if ad_unit.min_flight_days and days < ad_unit.min_flight_days:
        message = _("%(unit)s is sold for %(least)s days or more; this flight has %(days)s.")
        words = {"unit": ad_unit, "least": ad_unit.min_flight_days, "days": days}
        raise Conflict("flight_length", message % words, min_flight_days=ad_unit.min_flight_days, days=days)
    if ad_unit.max_flight_days and days > ad_unit.max_flight_days:
        message = _("%(unit)s is sold for %(most)s days at most; this flight has %(days)s.")
        words = {"unit": ad_unit, "most": ad_unit.max_flight_days, "days": days}
        raise Conflict("flight_length", message % words, max_flight_days=ad_unit.max_flight_days, days=days)
    earliest = local_day(at, zone) + timedelta(days=ad_unit.lead_days)
    if ad_unit.lead_days and not is_record and local_day(flight_start, zone) < earliest:
        message = _("%(unit)s needs %(lead)s days before its first day: %(earliest)s at the earliest.")
        words = {"unit": ad_unit, "lead": ad_unit.lead_days, "earliest": earliest.isoformat()}
        raise Conflict("lead_time", message % words, earliest=earliest.isoformat(), lead_days=ad_unit.lead_days)


def price_of(cpm_cents: int, impressions: int, flat_cents: int | None, makegood_of: object) -> int:
    """Return the gross price in cents; what makes good costs nothing."""
    if makegood_of is not None:
        return 0
    if flat_cents is not None:
        if flat_cents < 0:
            raise DomainError("price_invalid", _("A price is not negative."), field="flat_cents")
        return flat_cents
    return price_by_cpm(cpm_cents=cpm_cents, impressions=impressions)


def landing_of(address: str, campaign: Campaign) -> str:
    """Return where a listener is led: the address given, else the sponsor's own site."""
    if address.strip():
        return checked_address(address, field="landing_url", https_only=True)
    website = campaign.sponsor.website_url
    return website if website.startswith("https://") else ""


def hold_end(held_until: datetime | None, at: datetime) -> datetime:
    """Return when a hold ends: as asked, else after the house's hours. Raises DomainError("hold_in_past")."""
    if held_until is None:
        return at + timedelta(hours=order_profile().hold_hours)
    if held_until <= at:
        raise DomainError("hold_in_past", _("A hold ends in the future."), field="held_until")
    return held_until
