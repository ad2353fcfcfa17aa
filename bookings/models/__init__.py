"""What was sold, and when it runs: one file for each noun."""

from bookings.models.booking import IOBooking
from bookings.models.inventory import AdUnit, SlotClaim
from bookings.models.makegood import Makegood
from bookings.models.order import InsertionOrder

__all__ = ["AdUnit", "IOBooking", "InsertionOrder", "Makegood", "SlotClaim"]
