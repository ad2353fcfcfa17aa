import json
from uuid import uuid4

import pytest
from django_tenants.utils import tenant_context

from deals.models import Campaign
from tests.factories import make_campaign, make_sponsor
from tracker.events.models import Event
from tracker.flags.models import FlagOverride


@pytest.fixture
def pipeline_on(tenant):
    FlagOverride.objects.create(flag="ENABLE_DEAL_PIPELINE", is_on=True)


def patch(client, deal, headers=None, **body):
    return client.patch(
        f"/api/v1/deals/{deal.pk}/stage", json.dumps(body), content_type="application/json", headers=headers or {}
    )


def test_a_switched_off_pipeline_names_its_flag_and_changes_nothing(tenant, api):
    deal = make_campaign(stage="lead")

    answer = patch(api, deal, stage="qualified")

    assert answer.status_code == 403
    assert answer.json()["code"] == "feature_disabled"
    assert answer.json()["flag"] == "ENABLE_DEAL_PIPELINE"
    assert api.get(f"/api/v1/deals/{deal.pk}").status_code == 403
    assert Campaign.objects.get().stage == "lead"


def test_moving_a_deal_answers_with_the_contract(tenant, api, pipeline_on):
    deal = make_campaign(stage="lead", name="Autumn reset")

    answer = patch(api, deal, stage="qualified")

    deal.refresh_from_db()
    assert answer.status_code == 200
    assert answer.json() == {
        "campaign_id": str(deal.pk),
        "name": "Autumn reset",
        "status": "open",
        "stage": "qualified",
        "stage_changed_at": deal.stage_changed_at.isoformat().replace("+00:00", "Z"),
    }
    assert Event.objects.get(type="deal.stage_changed").actor["kind"] == "key"


def test_the_same_stage_again_is_fine_and_tells_nothing(tenant, api, pipeline_on):
    deal = make_campaign(stage="proposal")

    assert patch(api, deal, stage="proposal").status_code == 200
    assert not Event.objects.filter(type="deal.stage_changed").exists()


def test_a_deal_is_read_with_its_tag(tenant, api, pipeline_on):
    deal = make_campaign(stage="won", name="Won one", campaign_value=123_45, currency="EUR")

    answer = api.get(f"/api/v1/deals/{deal.pk}")

    body = answer.json()
    assert (answer.status_code, answer["ETag"]) == (200, '"1"')
    assert {name: body[name] for name in ("campaign_id", "name", "status", "stage")} == {
        "campaign_id": str(deal.pk),
        "name": "Won one",
        "status": "won",
        "stage": "won",
    }
    assert (body["campaign_value"], body["currency"], body["allowed_stages"]) == (12345, "EUR", ["negotiation"])


def test_a_stale_if_match_is_412_and_a_fresh_one_moves(tenant, api, pipeline_on):
    deal = make_campaign(stage="lead")
    tag = api.get(f"/api/v1/deals/{deal.pk}")["ETag"]
    moved = patch(api, deal, stage="qualified", headers={"if-match": tag})

    stale = patch(api, deal, stage="proposal", headers={"if-match": tag})
    odd = patch(api, deal, stage="proposal", headers={"if-match": '"x"'})
    fresh = patch(api, deal, stage="proposal", headers={"if-match": moved["ETag"]})
    any_tag = patch(api, deal, stage="negotiation", headers={"if-match": "*"})

    assert [one.status_code for one in (moved, stale, odd, fresh, any_tag)] == [200, 412, 412, 200, 200]
    assert stale.json()["code"] == "stale_version"


def test_an_unknown_stage_is_400(tenant, api, pipeline_on):
    deal = make_campaign(stage="lead")

    for body in ({"stage": "closed"}, {}, {"stage": None}, {"stage": ["won"]}):
        answer = patch(api, deal, **body)
        assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json"), body


def test_a_forbidden_move_is_409_and_lists_the_allowed_ones(tenant, api, pipeline_on):
    deal = make_campaign(stage="proposal")

    answer = patch(api, deal, stage="won")

    assert answer.status_code == 409
    assert (answer.json()["code"], answer.json()["allowed"]) == (
        "invalid_transition",
        ["qualified", "negotiation", "lost"],
    )


def test_lost_needs_a_reason(tenant, api, pipeline_on):
    deal = make_campaign(stage="proposal")

    bare = patch(api, deal, stage="lost")
    assert (bare.status_code, bare.json()["code"]) == (400, "reason_required")
    assert patch(api, deal, stage="lost", reason="Price").json()["status"] == "lost"


def test_skipping_needs_a_manager_with_force_and_a_reason(tenant, api_of, pipeline_on):
    deal = make_campaign(stage="lead")
    seller, manager = api_of(tenant, role="salesperson"), api_of(tenant, role="sales_manager")

    refused = patch(seller, deal, stage="won", force=True, reason="Signed at the fair")
    plain = patch(manager, deal, stage="won")
    silent = patch(manager, deal, stage="won", force=True)
    forced = patch(manager, deal, stage="won", force=True, reason="Signed at the fair")

    assert [one.status_code for one in (refused, plain, silent, forced)] == [403, 409, 422, 200]
    assert refused.json()["code"] == "manager_required"


@pytest.mark.parametrize("role", ["creator", "advertiser", "ops"])
def test_roles_that_do_not_sell_cannot_move_a_deal(tenant, api_of, pipeline_on, role):
    deal = make_campaign(stage="lead")

    assert patch(api_of(tenant, role=role), deal, stage="qualified").status_code in {403, 404}
    assert Campaign.objects.get().stage == "lead"


def test_a_key_needs_the_scope(tenant, api_of, pipeline_on):
    deal = make_campaign(stage="lead")
    reader = api_of(tenant, scopes=["deals:read"])

    assert reader.get(f"/api/v1/deals/{deal.pk}").status_code == 200
    assert patch(reader, deal, stage="qualified").json()["code"] == "scope_missing"


def test_a_deal_of_another_tenant_is_not_there(tenant, other_tenant, api, pipeline_on):
    with tenant_context(other_tenant):
        foreign = make_campaign(stage="lead", name="Foreign secret")

    for answer in (
        patch(api, foreign, stage="qualified"),
        api.get(f"/api/v1/deals/{foreign.pk}"),
        api.get(f"/api/v1/deals/{uuid4()}"),
        api.get("/api/v1/deals/not-an-id"),
    ):
        assert answer.status_code == 404
        assert "Foreign secret" not in answer.content.decode()
    assert api.get("/api/v1/deals").json()["results"] == []
    with tenant_context(other_tenant):
        assert Campaign.objects.get().stage == "lead"


def test_deals_are_listed_newest_first_and_narrowed(tenant, api, pipeline_on):
    first, second = make_campaign(stage="lead"), make_campaign(stage="won")

    def ids(query=""):
        return [one["campaign_id"] for one in api.get(f"/api/v1/deals{query}").json()["results"]]

    assert ids() == [str(second.pk), str(first.pk)]
    assert ids("?stage=won") == [str(second.pk)]
    assert ids(f"?advertiser_id={first.sponsor_id}") == [str(first.pk)]
    assert api.get("/api/v1/deals?advertiser_id=nobody").status_code == 400


def test_the_list_takes_as_many_queries_for_one_deal_as_for_five(tenant, api, pipeline_on, django_assert_num_queries):
    def queries():
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(connection) as captured:
            assert api.get("/api/v1/deals").status_code == 200
        return len(captured)

    make_campaign()
    api.get("/api/v1/deals")
    one = queries()
    for _more in range(4):
        make_campaign()
    assert queries() == one


def test_a_deal_is_opened_over_the_api(tenant, api, pipeline_on):
    sponsor = make_sponsor()

    answer = api.post(
        "/api/v1/deals",
        {"name": "From a partner", "advertiser_id": str(sponsor.pk), "campaign_value": 5000},
        content_type="application/json",
    )

    deal = Campaign.objects.get()
    assert answer.status_code == 201
    assert (answer.json()["campaign_id"], answer.json()["stage"]) == (str(deal.pk), "lead")
    assert (deal.campaign_value, deal.currency, deal.sponsor) == (5000, tenant.currency, sponsor)


def test_a_deal_for_a_foreign_advertiser_is_refused(tenant, other_tenant, api, pipeline_on):
    with tenant_context(other_tenant):
        foreign = make_sponsor()

    answer = api.post("/api/v1/deals", {"name": "x", "advertiser_id": str(foreign.pk)}, content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_advertiser")
    assert not Campaign.objects.exists()


def test_advertisers_are_listed_without_merged_ones(tenant, api, pipeline_on):
    kept = make_sponsor(name="Acme", category="Food")
    twin = make_sponsor(name="ACME", merged_into=kept)

    assert [one["name"] for one in api.get("/api/v1/advertisers").json()["results"]] == ["Acme"]
    assert api.get(f"/api/v1/advertisers/{kept.pk}").json()["category"] == "Food"
    assert api.get(f"/api/v1/advertisers/{twin.pk}").status_code == 404


def test_an_advertiser_sees_their_own_house_alone(tenant, api_of, pipeline_on):
    own, rival = make_sponsor(), make_sponsor()
    key = api_of(tenant, role="advertiser", bindings={"sponsor": [own.pk]})

    assert [one["advertiser_id"] for one in key.get("/api/v1/advertisers").json()["results"]] == [str(own.pk)]
    assert key.get(f"/api/v1/advertisers/{rival.pk}").status_code == 404
