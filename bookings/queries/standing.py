"""What the next line of an order is written beside, by one statement, asked under the locks of its show and order."""

from typing import NamedTuple
from uuid import UUID

from bookings.models import InsertionOrder, OrderProfile
from tracker.lib.rows import Rows

_STANDING = Rows(
    """
SELECT (SELECT max(line_number) FROM io_bookings WHERE order_id = %(order)s),
       (SELECT code FROM promo_codes WHERE sponsor_id = %(sponsor)s AND podcast_id = %(podcast)s
        ORDER BY created_at LIMIT 1),
       (SELECT path FROM vanity_links WHERE sponsor_id = %(sponsor)s AND podcast_id = %(podcast)s
        ORDER BY created_at LIMIT 1),
       (SELECT separation FROM order_profile)
"""
)
_USUAL_SEPARATION = str(OrderProfile._meta.get_field("separation").default)


class Standing(NamedTuple):
    """The order's last line (0: none yet), the sponsor's own code and path on the show, how rivals are kept apart."""

    last_line: int
    promo_code: str | None
    vanity_path: str | None
    separation: str


def standing(*, order: InsertionOrder, sponsor_id: UUID, podcast_id: UUID) -> Standing:
    """Return what stands at this moment of the transaction."""
    row = _STANDING.first({"order": order.pk, "sponsor": sponsor_id, "podcast": podcast_id})
    assert row is not None
    last_line, code, path, separation = row
    return Standing(last_line or 0, code, path, separation or _USUAL_SEPARATION)
