"""How this house judges delivery."""

from decimal import Decimal

from bookings.models import DeliveryPolicy
from bookings.pacing import Bands


def delivery_policy() -> DeliveryPolicy:
    """Return the house's policy, or the usual one where nobody changed it."""
    return DeliveryPolicy.objects.first() or DeliveryPolicy()


def bands_of(policy: DeliveryPolicy) -> Bands:
    return Bands(
        watch_from=Decimal(policy.watch_from_pct),
        on_track_from=Decimal(policy.on_track_from_pct),
        over_above=Decimal(policy.over_above_pct),
    )
