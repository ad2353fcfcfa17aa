"""Every resource of the API, and what a test needs to know of it. One that is missing here fails test_resources.py."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.utils import timezone

from bookings.makegoods.offers import offer_makegood
from bookings.makegoods.ranking import RankedSlot, ranked_slots
from bookings.makegoods.services import open_makegood
from bookings.models import BillingLine
from etl.models import Import
from matchmaking.models import Feedback, Match, Run
from tests.factories import (
    IN_A_WEEK,
    NOON,
    make_ad_unit,
    make_booking,
    make_campaign,
    make_episode,
    make_order,
    make_podcast,
    make_sponsor,
)
from tracker.accounts.services import create_api_key
from tracker.automation.models import JobRun
from tracker.events.services import emit
from tracker.events.webhooks import create_endpoint
from tracker.lib.actors import SYSTEM

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Resource:
    """A list and its objects.

    make: make a row and return its id. key: the member that holds it. narrow: a query that keeps the row alone, and one
    that keeps none. ordering: a member to order by. post: the body of a new one. change: (method, path behind the
    object, body) of a write that changes it. has_objects: whether one can be read by itself.
    """

    path: str
    key: str
    make: Callable[[], Any]
    narrow: tuple[Callable[[Row], str], str]
    ordering: str
    post: Callable[[], dict[str, Any]] | None = None
    change: tuple[str, str, dict[str, Any] | None] | None = None
    has_objects: bool = True
    scope: str = field(default="", kw_only=True)

    @property
    def url(self) -> str:
        return f"/api/v1/{self.path}"


def _member(name: str, none: str = "0192f0c1-7a3e-7c55-9d6e-2f6f3a1b2c3d") -> tuple[Callable[[Row], str], str]:
    return (lambda row: f"{name}={row[name]}", f"{name}={none}")


def _match() -> Match:
    return Match.objects.create(advertiser=make_sponsor(), podcast=make_podcast(), score="71.25", updated_at=NOON)


def _feedback() -> Feedback:
    return Feedback.objects.create(
        advertiser=make_sponsor(), podcast=make_podcast(), verdict="good", given_at=NOON, actor_id="x", given_by={}
    )


def _import() -> Import:
    return Import.objects.create(source="upload", file_name="figures.csv")


def _case() -> Any:
    return open_makegood(booking=make_booking(), reason="by_hand", owed_impressions=500, by=SYSTEM, at=NOON)


def _offer() -> Any:
    """An offer of a case that waits for its answer."""
    case = _case()
    slot = RankedSlot(case.booking.ad_unit, None, IN_A_WEEK, IN_A_WEEK + timedelta(days=7), 500, "covers_all", "alike")
    return offer_makegood(case=case, slots=[slot], by=SYSTEM, at=timezone.now()).offer


def _offer_of_free_slots() -> dict[str, Any]:
    line = make_booking(ad_unit=make_ad_unit(delivery="dynamic"))
    case = open_makegood(booking=line, reason="by_hand", owed_impressions=500, by=SYSTEM, at=NOON)
    return {"makegood_id": case.pk, "slots": [slot.key for slot in ranked_slots(case, at=timezone.now())][:2]}


def _billed() -> BillingLine:
    return BillingLine.objects.create(
        booking=make_booking(),
        first_day=NOON.date(),
        last_day=IN_A_WEEK.date(),
        basis="cpm_delivered",
        impressions=8_000,
        gross_cents=20_000,
        commission_cents=3_000,
        net_cents=17_000,
        currency="EUR",
        released_at=NOON,
    )


def _event() -> Any:
    return emit("thing.done", subject=make_podcast(), by=SYSTEM, at=NOON, data={"n": 1}).event_id


def _key() -> Any:
    return create_api_key(name="sheet", scopes=["etl"], role="ops", by=SYSTEM, at=NOON)[0]


def _line() -> dict[str, Any]:
    wish = {"flight_start": "2027-01-11", "flight_end": "2027-02-07"}
    numbers = {"booked_impressions": 240_000, "booked_cpm_cents": 2650}
    return {"campaign_id": make_campaign().pk, "ad_unit_id": make_ad_unit().pk, **wish, **numbers}


RESOURCES = [
    Resource(
        "podcasts",
        "podcast_id",
        make_podcast,
        _member("slug", "nobody"),
        "title",
        post=lambda: {"title": "The Long Commute"},
        change=("PATCH", "", {"title": "Renamed"}),
        scope="podcasts",
    ),
    Resource(
        "episodes",
        "episode_id",
        make_episode,
        _member("podcast_id"),
        "title",
        post=lambda: {"title": "One", "podcast_id": make_podcast().pk},
        change=("PATCH", "", {"title": "Renamed"}),
        scope="podcasts",
    ),
    Resource(
        "ad-units",
        "ad_unit_id",
        make_ad_unit,
        _member("podcast_id"),
        "name",
        post=lambda: {"podcast_id": make_podcast().pk, "name": "Mid", "position": "mid", "duration_seconds": 60},
        change=("PATCH", "", {"rate_cpm_cents": 2_600}),
        scope="io",
    ),
    Resource(
        "advertisers",
        "advertiser_id",
        make_sponsor,
        _member("name", "nobody"),
        "name",
        post=lambda: {"name": "Halden Cykel"},
        change=("PATCH", "", {"category": "bicycles"}),
        scope="deals",
    ),
    Resource(
        "deals",
        "campaign_id",
        make_campaign,
        _member("advertiser_id"),
        "name",
        post=lambda: {"name": "Autumn", "advertiser_id": make_sponsor().pk},
        change=("PATCH", "", {"campaign_value": 123_400}),
        scope="deals",
    ),
    Resource(
        "io",
        "io_id",
        make_booking,
        _member("campaign_id"),
        "flight_start",
        post=_line,
        change=("PATCH", "", {"booked_impressions": 12_000}),
        scope="io",
    ),
    Resource(
        "orders",
        "order_id",
        make_order,
        _member("campaign_id"),
        "created_at",
        post=lambda: {"campaign_id": make_campaign().pk},
        change=("PATCH", "", {"buyer_reference": "PO 4711"}),
        scope="io",
    ),
    Resource(
        "makegoods",
        "makegood_id",
        _case,
        _member("io_id"),
        "owed_impressions",
        post=lambda: {"io_id": make_booking().pk, "owed_impressions": 500},
        change=("PATCH", "", {"owed_impressions": 400, "reason": "recounted"}),
        scope="io",
    ),
    Resource(
        "makegoods/offers",
        "offer_id",
        _offer,
        _member("io_id"),
        "offered_at",
        post=_offer_of_free_slots,
        change=("POST", "/withdraw", None),
        scope="io",
    ),
    Resource("billing-lines", "billing_line_id", _billed, _member("io_id"), "released_at", scope="io"),
    Resource("matches", "match_id", _match, _member("advertiser_id"), "score", scope="match"),
    Resource(
        "match/runs",
        "job_id",
        lambda: Run.objects.create(scope="all", queued_at=NOON),
        (lambda row: "status=queued", "status=failed"),
        "queued_at",
        scope="match",
    ),
    Resource(
        "match/feedback",
        "feedback_id",
        _feedback,
        (lambda row: "verdict=good", "verdict=bad"),
        "given_at",
        post=lambda: {"advertiser_id": make_sponsor().pk, "podcast_id": make_podcast().pk, "verdict": "bad"},
        has_objects=False,
        scope="match",
    ),
    Resource(
        "imports",
        "import_id",
        _import,
        (lambda row: "status=pending", "status=failed"),
        "created_at",
        change=("POST", "/cancel", None),
        scope="etl",
    ),
    Resource(
        "events",
        "id",
        _event,
        (lambda row: f"subject_id={row['subject']['id']}", "type=no.such"),
        "sequence",
        scope="events",
    ),
    Resource(
        "webhooks",
        "webhook_id",
        lambda: create_endpoint(url="https://hooks.example.com/a", by=SYSTEM, at=NOON)[0],
        (lambda row: "is_active=true", "is_active=false"),
        "created_at",
        post=lambda: {"url": "https://hooks.example.com/b"},
        change=("PATCH", "", {"description": "changed"}),
        scope="webhooks",
    ),
    Resource(
        "keys",
        "key_id",
        _key,
        _member("prefix", "nobody"),
        "name",
        post=lambda: {"name": "new", "role": "ops", "scopes": ["etl:write"]},
        change=("PATCH", "", {"name": "renamed"}),
        scope="keys",
    ),
    Resource(
        "automation/runs",
        "run_id",
        lambda: JobRun.objects.create(job="pipeline-alerts", queued_at=NOON),
        _member("job", "no-such"),
        "queued_at",
        scope="automation",
    ),
]
