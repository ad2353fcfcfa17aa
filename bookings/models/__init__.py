"""What was sold, and when it runs: one file for each noun."""

from bookings.models.booking import IOBooking
from bookings.models.codes import ClickSpool, PromoCode, VanityLink
from bookings.models.copy import BookingCopy, CopyAlert
from bookings.models.delivery import (
    AgreedCount,
    Aircheck,
    BillingLine,
    DeliveryDigest,
    DeliveryPause,
    DeliveryPolicy,
    DeliverySnapshot,
    LinkClicks,
    Redemption,
)
from bookings.models.house import OrderNumber, OrderProfile
from bookings.models.inventory import UNDATED_DROP, AdUnit, SlotClaim, slot_number
from bookings.models.makegood import Makegood, MakegoodEntry, MakegoodOffer, MakegoodOption
from bookings.models.order import InsertionOrder
from bookings.models.paper import CalendarFeed, OrderSignature, OrderVersion, SigningLink

__all__ = [
    "ClickSpool",
    "SigningLink",
    "OrderVersion",
    "OrderSignature",
    "CalendarFeed",
    "BookingCopy",
    "CopyAlert",
    "UNDATED_DROP",
    "AdUnit",
    "AgreedCount",
    "Aircheck",
    "BillingLine",
    "DeliveryDigest",
    "DeliveryPause",
    "DeliveryPolicy",
    "DeliverySnapshot",
    "IOBooking",
    "InsertionOrder",
    "LinkClicks",
    "Makegood",
    "MakegoodEntry",
    "MakegoodOffer",
    "MakegoodOption",
    "OrderNumber",
    "OrderProfile",
    "PromoCode",
    "Redemption",
    "SlotClaim",
    "VanityLink",
    "slot_number",
]
