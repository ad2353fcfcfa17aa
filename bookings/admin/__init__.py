"""The sales desk of bookings: ad units, bookings, orders. Every act is one call of a service."""

from bookings.admin.bookings import BookingAdmin
from bookings.admin.copies import CopyAdmin, CopyAlertAdmin
from bookings.admin.delivery import DeliveryPolicyAdmin, MakegoodAdmin
from bookings.admin.orders import OrderAdmin, OrderProfileAdmin
from bookings.admin.units import AdUnitAdmin

__all__ = [
    "AdUnitAdmin",
    "BookingAdmin",
    "CopyAdmin",
    "CopyAlertAdmin",
    "DeliveryPolicyAdmin",
    "MakegoodAdmin",
    "OrderAdmin",
    "OrderProfileAdmin",
]
