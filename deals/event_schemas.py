"""The data of this app's events."""

from deals.models import Campaign, DealNote
from tracker.events.schemas import CENTS, COUNT, DAY, FLAG, ID, TEXT, describe, list_of, one_of, optional

STAGE = one_of(*Campaign.Stage.values)

describe("deal.opened", "a deal was opened", campaign_id=ID, name=TEXT)
describe("deal.changed", "a deal says something else about itself", campaign_id=ID, fields=list_of(TEXT))
describe(
    "deal.stage_changed",
    "a deal moved to another stage",
    campaign_id=ID,
    **{"from": STAGE, "to": STAGE},
    reason=TEXT,
    forced=FLAG,
    warnings=list_of(TEXT),
)
describe("deal.noted", "somebody wrote something down about a deal", campaign_id=ID, kind=one_of(*DealNote.Kind.values))
describe("deal.file_added", "a file was laid to a deal", campaign_id=ID, name=TEXT)
describe(
    "deal.proposal_made",
    "a proposal was printed for a deal",
    campaign_id=ID,
    number=TEXT,
    version=COUNT,
    currency=TEXT,
    gross_cents=CENTS,
    net_cents=CENTS,
    stands_until=DAY,
    digest=TEXT,
    file_id=ID,
)
describe(
    "deal_pipeline.alert",
    "a deal stands too long, was lost without a reason, or waits for something",
    campaign_id=ID,
    alert=TEXT,
    name=TEXT,
    stage=STAGE,
    message=TEXT,
    **optional(days=COUNT, limit=COUNT, expected_close_on=DAY, starts_on=DAY),
)
describe("sponsor.added", "an advertiser was added", sponsor_id=ID, name=TEXT)
describe("sponsor.changed", "an advertiser says something else about itself", sponsor_id=ID, fields=list_of(TEXT))
for type, told_when in {
    "sponsor.merged": "two spellings of one advertiser became one",
    "sponsor.merge_undone": "they were taken apart again",
}.items():
    describe(type, told_when, kept_id=ID, merged_id=ID, campaigns=COUNT, contacts=COUNT)
describe("agency.added", "an agency was added", agency_id=ID, name=TEXT)
