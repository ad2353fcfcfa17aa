"""The partner API of bookings, from outside over HTTP."""

import json
import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_tenants.utils import tenant_context

from bookings.models import IOBooking
from tests.factories import NOON, make_ad_unit, make_booking, make_campaign, make_episode, make_podcast, make_sponsor
from tracker.events.models import Event


@pytest.fixture(autouse=True)
def _bookings_on(monkeypatch):
    monkeypatch.setenv("ENABLE_IO_BOOKINGS", "1")


def wish(**over):
    """The body of a booking: the whole show, 11 January to 7 February 2027."""
    body = {
        "flight_start": "2027-01-11",
        "flight_end": "2027-02-07",
        "booked_impressions": 240_000,
        "booked_cpm_cents": 2650,
        **over,
    }
    return json.dumps({name: str(value) if isinstance(value, uuid.UUID) else value for name, value in body.items()})


def post(api, **over):
    return api.post("/api/v1/io", wish(**over), content_type="application/json")


def patch(api, path, **headers):
    body = headers.pop("body")
    return api.patch(path, json.dumps(body), content_type="application/json", headers=headers)


def test_a_booking_is_made_with_its_order_code_and_link(api, tenant):
    tenant.time_zone = "Europe/Berlin"
    tenant.save()
    podcast = make_podcast(title="The Long Commute")
    campaign = make_campaign(sponsor=make_sponsor(name="Halden Cykel", website_url="https://halden.example/de"))
    unit, episode = make_ad_unit(podcast), make_episode(podcast)

    answer = post(api, campaign_id=campaign.pk, ad_unit_id=unit.pk, episode_id=episode.pk)

    assert answer.status_code == 201
    body = answer.json()
    booking = IOBooking.objects.get(pk=body["io_id"])
    assert body["status"] == "scheduled"
    # Whole days of Berlin, half-open: 11 January 00:00 to 8 February 00:00, both at +01:00.
    assert (body["flight_start"], body["flight_end"]) == ("2027-01-10T23:00:00Z", "2027-02-07T23:00:00Z")
    # 240,000 / 1,000 x 26.50 = 6,360.00
    assert (body["gross_cents"], body["currency"]) == (636_000, "EUR")
    assert body["promo_code"] == "LONGCOMMUTE"
    assert body["vanity_url"].endswith("/go/halden-cykel-long-commute")
    assert body["landing_url"] == "https://halden.example/de"
    assert body["order_id"] == str(booking.order_id)
    assert list(Event.objects.filter(type__startswith="io.").values_list("type", flat=True)) == ["io.scheduled"]
    assert api.get(f"/api/v1/io/{body['io_id']}").json() == body


def test_the_same_slot_again_is_a_conflict_that_names_it_and_the_next_free_ones(api):
    podcast = make_podcast()
    unit, episode = make_ad_unit(podcast), make_episode(podcast)
    later = make_episode(podcast, drops_at=NOON + timedelta(days=14))
    make_booking(ad_unit=unit, episode=episode)

    answer = post(api, campaign_id=make_campaign().pk, ad_unit_id=unit.pk, episode_id=episode.pk)

    assert answer.status_code == 409
    assert answer["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == "slot_taken"
    assert (problem["taken"]["episode_id"], problem["taken"]["state"]) == (str(episode.pk), "sold")
    assert [slot["episode_id"] for slot in problem["next_free"]] == [str(later.pk)]
    assert IOBooking.objects.count() == 1


@pytest.mark.parametrize(
    ("over", "code", "field"),
    [
        ({"flight_start": "2027-01-11T09:00:00"}, "offset_missing", "flight_start"),
        ({"flight_start": "next week"}, "flight_invalid", "flight_start"),
        ({"status": "active"}, "invalid", None),
        ({"booked_impressions": 0}, "invalid", None),
        ({"booked_impressions": 1.5}, "invalid", None),
        ({"booked_cpm_cents": -1}, "invalid", None),
    ],
)
def test_a_body_of_another_form_is_a_400_with_its_code_and_field(api, over, code, field):
    answer = post(api, campaign_id=make_campaign().pk, ad_unit_id=make_ad_unit().pk, **over)

    assert (answer.status_code, answer.json()["code"], answer.json().get("field")) == (400, code, field)
    assert not IOBooking.objects.exists()


@pytest.mark.parametrize(
    ("over", "code", "field"),
    [
        ({"flight_start": "2027-02-30"}, "flight_invalid", "flight_start"),
        ({"flight_end": "2027-01-10"}, "flight_reversed", "flight_end"),
        ({"vanity_url": "javascript:alert(1)"}, "vanity_url_invalid", "vanity_url"),
        ({"landing_url": "http://halden.example"}, "landing_url_invalid", "landing_url"),
        ({"promo_code": "TWO WORDS"}, "promo_code_invalid", "promo_code"),
    ],
)
def test_a_wish_that_cannot_be_is_a_422_with_its_code_and_field(api, over, code, field):
    answer = post(api, campaign_id=make_campaign().pk, ad_unit_id=make_ad_unit().pk, **over)

    assert (answer.status_code, answer.json()["code"], answer.json().get("field")) == (422, code, field)
    assert not IOBooking.objects.exists()


@pytest.mark.parametrize("field", ["campaign_id", "ad_unit_id", "episode_id"])
def test_an_unknown_object_and_another_houses_look_the_same(api, other_tenant, tenant, field):
    ids = {"campaign_id": make_campaign().pk, "ad_unit_id": make_ad_unit().pk}
    with tenant_context(other_tenant):
        foreign = {"campaign_id": make_campaign, "ad_unit_id": make_ad_unit, "episode_id": make_episode}[field]().pk

    answers = [post(api, **{**ids, field: key}) for key in (foreign, uuid.uuid4())]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].content == answers[1].content


@pytest.mark.parametrize("path", ["", "/status", "/export/pdf"])
def test_another_houses_booking_is_not_found(api, other_tenant, path):
    with tenant_context(other_tenant):
        foreign = make_booking()

    call = api.patch if path == "/status" else api.get
    answer = call(f"/api/v1/io/{foreign.pk}{path}")

    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


def test_a_status_moves_and_the_same_again_changes_nothing(api):
    booking = make_booking()

    first = patch(api, f"/api/v1/io/{booking.pk}/status", body={"status": "active"})
    again = patch(api, f"/api/v1/io/{booking.pk}/status", body={"status": "active"})

    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json()["status"] == "active"
    assert first["ETag"] == again["ETag"] == '"2"'
    moves = Event.objects.filter(type="io.status_changed")
    assert [(move.data["from_status"], move.data["to_status"]) for move in moves] == [("scheduled", "active")]


def test_an_illegal_move_is_a_conflict_that_lists_the_legal_ones(api):
    booking = make_booking()

    answer = patch(api, f"/api/v1/io/{booking.pk}/status", body={"status": "completed"})

    assert answer.status_code == 409
    assert answer.json()["code"] == "invalid_transition"
    assert answer.json()["allowed"] == ["active", "cancelled"]


def test_an_unknown_status_is_a_bad_request(api):
    answer = patch(api, f"/api/v1/io/{make_booking().pk}/status", body={"status": "flying"})

    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_status")


def test_a_stale_tag_is_a_failed_precondition(api):
    booking = make_booking()
    path = f"/api/v1/io/{booking.pk}/status"

    stale = patch(api, path, body={"status": "active"}, **{"If-Match": '"9"'})
    fresh = patch(api, path, body={"status": "active"}, **{"If-Match": '"1"'})

    assert (stale.status_code, stale.json()["code"]) == (412, "stale_revision")
    assert fresh.status_code == 200


def test_cancelling_needs_a_reason(api):
    path = f"/api/v1/io/{make_booking().pk}/status"

    bare = patch(api, path, body={"status": "cancelled"})
    said = patch(api, path, body={"status": "cancelled", "reason": "budget cut"})

    assert (bare.status_code, bare.json()["code"]) == (400, "reason_required")
    assert (said.status_code, said.json()["status_reason"]) == (200, "budget cut")


def test_the_numbers_of_a_line_can_be_changed(api):
    booking = make_booking()

    answer = patch(api, f"/api/v1/io/{booking.pk}", body={"booked_impressions": 20_000})

    assert answer.status_code == 200
    # 20,000 / 1,000 x 25.00 = 500.00
    assert (answer.json()["booked_impressions"], answer.json()["gross_cents"]) == (20_000, 50_000)


def test_a_switched_off_feature_names_its_flag(api, tenant, monkeypatch):
    monkeypatch.delenv("ENABLE_IO_BOOKINGS")

    answer = post(api)

    assert answer.status_code == 403
    assert answer.json()["flag"] == "ENABLE_IO_BOOKINGS"


def test_a_list_is_narrowed_by_status_and_paged(api):
    draft = make_booking(status="draft")
    make_booking()

    drafts = api.get("/api/v1/io?status=draft").json()["results"]

    assert [row["io_id"] for row in drafts] == [str(draft.pk)]
    assert len(api.get("/api/v1/io?page_size=1").json()["results"]) == 1


def test_a_list_costs_the_same_for_one_row_and_for_three(api):
    make_booking()
    api.get("/api/v1/io")
    with CaptureQueriesContext(connection) as one:
        api.get("/api/v1/io")
    make_booking()
    make_booking()

    with CaptureQueriesContext(connection) as three:
        assert len(api.get("/api/v1/io").json()["results"]) == 3

    assert len(three) == len(one)


def test_a_refused_booking_leaves_nothing_but_its_answer(api):
    podcast, deal = make_podcast(), make_campaign()
    unit, episode = make_ad_unit(podcast), make_episode(podcast)
    make_booking(ad_unit=unit, episode=episode)
    events = Event.objects.count()
    body = wish(campaign_id=deal.pk, ad_unit_id=unit.pk, episode_id=episode.pk)

    first, second = (
        api.post("/api/v1/io", body, content_type="application/json", headers={"idempotency-key": "k"}) for _n in "12"
    )

    assert (first.status_code, first.json()["code"]) == (409, "slot_taken")
    assert (second.json(), second["Idempotency-Replayed"]) == (first.json(), "true")
    assert not deal.orders.exists()
    assert Event.objects.count() == events


@pytest.mark.parametrize(("category", "most"), [("", 15), ("Coffee", 16)])
def test_booking_takes_few_statements_however_many_lines_stand_there(api, category, most):
    """With its key, flags, idempotency key, locks, audit, event and the facts of its deal."""
    podcast, campaign = make_podcast(), make_campaign(sponsor=make_sponsor(category=category))
    unit = make_ad_unit(podcast)
    all_asked = []
    for number in range(4):
        body = wish(campaign_id=campaign.pk, ad_unit_id=unit.pk, episode_id=make_episode(podcast).pk)
        with CaptureQueriesContext(connection) as asked:
            answer = api.post(
                "/api/v1/io", body, content_type="application/json", headers={"idempotency-key": f"k{number}"}
            )
        assert answer.status_code == 201
        all_asked.append([query["sql"][:200] for query in asked])

    # One of the last two: once a second a process looks whether tenants changed, and names its schema anew after that.
    fewest = min(all_asked[2:], key=len)
    assert len(fewest) <= most, fewest


def test_an_advertiser_sees_only_bookings_of_their_sponsor(api_of, tenant):
    mine, other = make_booking(), make_booking()
    key = api_of(tenant, role="advertiser", bindings={"sponsor": [mine.campaign.sponsor_id]})

    assert [row["io_id"] for row in key.get("/api/v1/io").json()["results"]] == [str(mine.pk)]
    assert key.get(f"/api/v1/io/{other.pk}").status_code == 404
    assert patch(key, f"/api/v1/io/{mine.pk}/status", body={"status": "active"}).status_code == 403
