"""Reads that join, annotate or add up."""

from bookings.queries.calendar import Avail, Wish, avails_for, inventory_calendar
from bookings.queries.house import order_profile
from bookings.queries.slots import FreeSlot, free_slots

__all__ = [
    "Avail",
    "FreeSlot",
    "Wish",
    "avails_for",
    "free_slots",
    "inventory_calendar",
    "order_profile",
]
