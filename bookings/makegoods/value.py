"""What impressions of a line are worth."""

from decimal import Decimal

from bookings.models import IOBooking
from tracker.lib.money import round_half_up


def value_of(booking: IOBooking, impressions: int) -> int:
    """Return the cents that so many impressions of a line are worth, rounded half up once.

    By CPM for CPM lines; the flat fee's share for flat ones. Source: DOMAIN, measuring (exposure) and money.
    """
    if booking.rate_type == IOBooking.RateType.FLAT:
        if not booking.booked_impressions:
            return 0
        return round_half_up(Decimal(booking.gross_cents) * impressions / booking.booked_impressions)
    return round_half_up(Decimal(impressions) * booking.booked_cpm_cents / 1000)
