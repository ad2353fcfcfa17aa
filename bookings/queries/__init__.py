"""Reads that join, annotate or add up."""

from bookings.queries.house import order_profile
from bookings.queries.slots import FreeSlot, free_slots

__all__ = ["FreeSlot", "free_slots", "order_profile"]
