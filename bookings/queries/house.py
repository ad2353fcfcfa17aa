"""The house's own terms."""

from bookings.models import OrderProfile


def order_profile() -> OrderProfile:
    """Return the order profile of the entered tenant: the saved one, or its defaults."""
    return OrderProfile.objects.first() or OrderProfile()
