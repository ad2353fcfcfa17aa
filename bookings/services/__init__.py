"""Every write about inventory, bookings and their paper: one file for each noun."""

from bookings.services.ad_units import add_ad_unit, change_ad_unit
from bookings.services.bookings import Upserted, change_booking, line_of_key, schedule_booking, upsert_booking
from bookings.services.exports import Printed, export_pdf
from bookings.services.moves import cancellation_preview, move_booking
from bookings.services.orders import change_order, draft_order, number_order, order_zone_name
from bookings.services.slots import block_slot, unblock_slot
from bookings.services.taking_back import unbook
from bookings.services.versions import Sent, send_order, sign_order, signing_address
from bookings.services.wizard import ChosenLine, Judged, book_lines, judge_lines

__all__ = [
    "ChosenLine",
    "Judged",
    "Printed",
    "Sent",
    "Upserted",
    "add_ad_unit",
    "block_slot",
    "book_lines",
    "cancellation_preview",
    "change_ad_unit",
    "change_booking",
    "change_order",
    "draft_order",
    "export_pdf",
    "judge_lines",
    "line_of_key",
    "move_booking",
    "number_order",
    "order_zone_name",
    "schedule_booking",
    "send_order",
    "sign_order",
    "signing_address",
    "unblock_slot",
    "unbook",
    "upsert_booking",
]
