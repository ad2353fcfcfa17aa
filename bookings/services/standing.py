"""The locks of a new line, and what stands under them, in one trip to the database."""

from typing import NamedTuple
from uuid import UUID

from django.db import connection

from bookings.models import InsertionOrder, OrderProfile
from bookings.services.codes import Own
from bookings.services.facts import COLUMNS, FROM_DEAL, Facts, asked_of
from bookings.services.orders import DRAFT
from bookings.services.slots import LOCK_SHOW, show_key
from deals.models import Campaign

_STANDING = f"""
SELECT {COLUMNS},
       (SELECT max(line_number) FROM io_bookings JOIN insertion_orders AS paper USING (order_id)
        WHERE paper.campaign_id = %(deal)s AND paper.status = 'draft'),
       (SELECT code FROM promo_codes WHERE sponsor_id = %(sponsor)s AND podcast_id = %(show)s
        ORDER BY created_at LIMIT 1),
       (SELECT path FROM vanity_links WHERE sponsor_id = %(sponsor)s AND podcast_id = %(show)s
        ORDER BY created_at LIMIT 1),
       (SELECT separation FROM order_profile)
{FROM_DEAL}
"""  # noqa: S608
_USUAL_SEPARATION = str(OrderProfile._meta.get_field("separation").default)


class Standing(NamedTuple):
    """What a new line is written beside.

    order: the deal's draft, its row locked, None while there is none; last_line: of that order, 0 for none yet;
    own: the sponsor's code and path on the show; separation: how the house keeps rivals apart.
    """

    order: InsertionOrder | None
    last_line: int
    own: Own
    separation: str
    facts: Facts


def lock_and_look(*, campaign: Campaign, podcast_id: UUID) -> Standing:
    """Lock a show, then a deal's draft order, and return what stands once nobody else changes either.

    Each statement sees what was committed before it began: the last one sees all that both locks made it wait for.
    """
    asked = asked_of(campaign) | {"lock": show_key(podcast_id), "show": podcast_id, "sponsor": campaign.sponsor_id}
    with connection.cursor() as cursor:
        cursor.execute(f"{LOCK_SHOW}; {DRAFT.statement}; {_STANDING}", asked)
        cursor.set_result(1)
        found = cursor.fetchone()
        cursor.set_result(2)
        *facts, last_line, code, path, separation = cursor.fetchone()
    return Standing(
        order=DRAFT.read(found)[0] if found else None,
        last_line=last_line or 0,
        own=Own(code, path),
        separation=separation or _USUAL_SEPARATION,
        facts=Facts(*facts),
    )
