"""What was sold, and when it runs: one file for each noun."""

from bookings.models.booking import IOBooking
from bookings.models.codes import PromoCode, VanityLink
from bookings.models.house import OrderNumber, OrderProfile
from bookings.models.inventory import UNDATED_DROP, AdUnit, SlotClaim, slot_number
from bookings.models.makegood import Makegood
from bookings.models.order import InsertionOrder

__all__ = [
    "UNDATED_DROP",
    "AdUnit",
    "IOBooking",
    "InsertionOrder",
    "Makegood",
    "OrderNumber",
    "OrderProfile",
    "PromoCode",
    "SlotClaim",
    "VanityLink",
    "slot_number",
]
