"""The data of this app's events."""

from bookings.models import IOBooking, Makegood
from tracker.events.schemas import (
    CENTS,
    COUNT,
    DAY,
    FLAG,
    ID,
    INSTANT,
    TEXT,
    describe,
    list_of,
    maybe,
    one_of,
    optional,
)

STATUS = one_of(*IOBooking.Status.values)
LINE = {
    "io_id": ID,
    "campaign_id": ID,
    "episode_id": maybe(ID),
    "flight_start": INSTANT,
    "flight_end": INSTANT,
}
MOVE = {"io_id": ID, "campaign_id": ID, "from_status": STATUS, "to_status": STATUS}
ORDER = {"order_id": ID, "campaign_id": ID}
CASE = {
    "makegood_id": ID,
    "io_id": ID,
    "reason": TEXT,
    "status": one_of(*Makegood.Status.values),
    "owed_impressions": COUNT,
    "owed_cents": CENTS,
    "outstanding_impressions": COUNT,
}
PROOF = {"aircheck_id": ID, "io_id": ID, "episode_id": maybe(ID), "verdict": TEXT, "due_on": DAY}
COPY = {"copy_id": ID, "io_id": ID, "campaign_id": ID, "version": COUNT, "due_on": maybe(DAY)}

# --- lines ------------------------------------------------------------------------------------------------------------
describe("io.scheduled", "a line entered scheduled for the first time", **LINE, **optional(status=STATUS))
describe("io.booked", "a line was made as a draft or a hold", **LINE, status=STATUS)
describe("io.unbooked", "a line that a file had booked was taken out with that file", **LINE)
describe(
    "io.changed",
    "the numbers of a line changed",
    **LINE,
    changed={
        "type": "object",
        "description": "{field: [before, after]}",
        "additionalProperties": {"type": "array", "minItems": 2, "maxItems": 2},
    },
)
describe("io.status_changed", "a line changed its status", **MOVE, reason=TEXT)
describe(
    "io.delivered",
    "a line was completed for the first time; null: nothing was measured",
    **MOVE,
    booked_impressions=COUNT,
    delivered_impressions=maybe(COUNT),
)
describe("io.hold_ending", "a hold ends soon", io_id=ID, campaign_id=ID, held_until=INSTANT, owner_id=maybe(ID))
describe(
    "io.blacked_out",
    "days were taken out of a line's flight",
    io_id=ID,
    first_day=DAY,
    last_day=DAY,
    reason=TEXT,
)
describe("io.blackout_lifted", "they count again", io_id=ID)
describe("io.count_agreed", "both sides agreed on a count", io_id=ID, impressions=COUNT, reason=TEXT)
describe("io.billed", "a billing line was released", io_id=ID, gross_cents=CENTS, net_cents=CENTS, currency=TEXT)
describe(
    "io.pdf_exported",
    "an order was printed",
    io_id=ID,
    **ORDER,
    number=maybe(TEXT),
    version=COUNT,
    digest=TEXT,
)

# --- orders -----------------------------------------------------------------------------------------------------------
describe("order.drafted", "the order of a deal was begun", **ORDER)
describe("order.changed", "the terms of a draft changed", **ORDER, fields=list_of(TEXT))
describe("order.numbered", "an order took its number", **ORDER, number=TEXT)
describe(
    "order.sent",
    "a version of an order was sent to be signed",
    **ORDER,
    number=TEXT,
    version=COUNT,
    severity=TEXT,
    to=list_of(TEXT),
)
describe(
    "order.signed",
    "the buyer signed a version",
    **ORDER,
    number=TEXT,
    version=COUNT,
    name=TEXT,
    title=TEXT,
    digest=TEXT,
)

# --- inventory --------------------------------------------------------------------------------------------------------
describe("ad_unit.added", "a show offers a new place", ad_unit_id=ID, podcast_id=ID, name=TEXT)
describe("ad_unit.changed", "an ad unit changed", ad_unit_id=ID, podcast_id=ID, fields=list_of(TEXT))
describe("slot.blocked", "a slot is not for sale", ad_unit_id=ID, reason=TEXT)
describe("slot.unblocked", "a slot is for sale again", ad_unit_id=ID)
describe("calendar_feed.added", "somebody made a private calendar", feed_id=ID)
describe("calendar_feed.revoked", "a private calendar was ended", feed_id=ID)

# --- copy and proof ---------------------------------------------------------------------------------------------------
describe("copy.proposed", "a text for a read was laid before the sponsor", **COPY)
describe("copy.approved", "the sponsor approved a text", **COPY, answer=TEXT)
describe("copy.change_asked", "the sponsor asked for a change of a text", **COPY, answer=TEXT)
describe("copy.late", "a text is late", io_id=ID, campaign_id=ID, kind=TEXT, due_on=DAY, owner_id=maybe(ID))
describe("aircheck.submitted", "proof of a read came in", **PROOF)
describe("aircheck.judged", "somebody judged a proof", **PROOF)
describe("aircheck.overdue", "a proof is overdue", **PROOF)

# --- makegoods --------------------------------------------------------------------------------------------------------
for type, told_when in {
    "makegood.proposed": "a line is projected to close short",
    "makegood.opened": "something is owed after a press",
    "makegood.adjusted": "what a case owes was corrected",
    "makegood.offered": "slots were offered",
    "makegood.accepted": "the sponsor took a slot",
    "makegood.scheduled": "the replacement is booked",
    "makegood.fulfilled": "the replacement delivered what was owed",
    "makegood.declined": "the sponsor declined the offer",
    "makegood.credited": "money was given back",
    "makegood.waived": "the sponsor let it go",
    "makegood.withdrawn": "a warning was taken back",
}.items():
    describe(type, told_when, **CASE, **optional(from_status=TEXT, note=TEXT))
describe(
    "makegood.due",
    "a case should be settled soon",
    makegood_id=ID,
    io_id=ID,
    due_on=maybe(DAY),
    is_overdue=FLAG,
    outstanding_impressions=COUNT,
)
describe(
    "redemptions.imported", "a sponsor's report of orders by code was taken in", sponsor_id=ID, source=TEXT, rows=COUNT
)
describe(
    "redemptions.taken_back",
    "rows of a sponsor's report of orders were taken back",
    sponsor_id=ID,
    source=TEXT,
    rows=COUNT,
)
