from datetime import UTC, date, datetime, timedelta

import pytest

from deals.alerts import AlertRun, check_pipeline_alerts, sentence_of, standing_alerts
from deals.models import Campaign, DealAlert, StageRule
from deals.services import change_deal, move_deal
from tests.factories import make_campaign
from tracker.automation.registry import job_named
from tracker.events.models import Event

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
FINE = {"next_step": "Call", "expected_close_on": date(2026, 12, 31)}


def kinds(campaign: Campaign) -> list[str]:
    return sorted(DealAlert.objects.filter(campaign=campaign, cleared_at__isnull=True).values_list("kind", flat=True))


@pytest.mark.parametrize("stage", ["lead", "qualified", "proposal", "negotiation"])
def test_over_seven_days_in_one_open_stage_is_told_once(tenant, stage):
    fresh = make_campaign(stage=stage, stage_changed_at=NOON - timedelta(days=7), **FINE)
    stuck = make_campaign(stage=stage, stage_changed_at=NOON - timedelta(days=7, seconds=1), **FINE)

    assert check_pipeline_alerts(at=NOON) == AlertRun(raised=1, cleared=0, standing=1)
    assert check_pipeline_alerts(at=NOON) == AlertRun(raised=0, cleared=0, standing=1)

    assert (kinds(fresh), kinds(stuck)) == ([], ["stuck"])
    event = Event.objects.get(type="deal_pipeline.alert")
    assert event.subject_id == str(stuck.pk)
    assert event.data["alert"] == "stuck"
    assert event.data["message"] == f"7 days in {stage}; the limit is 7."


def test_over_fourteen_days_in_negotiation_is_a_second_alert(tenant):
    at_limit = make_campaign(stage="negotiation", stage_changed_at=NOON - timedelta(days=14), **FINE)
    past = make_campaign(stage="negotiation", stage_changed_at=NOON - timedelta(days=15), **FINE)

    check_pipeline_alerts(at=NOON)

    assert (kinds(at_limit), kinds(past)) == (["stuck"], ["stalled", "stuck"])


def test_a_moved_deal_clears_its_alert_and_may_raise_it_anew(tenant, salesperson):
    deal = make_campaign(stage="lead", stage_changed_at=NOON - timedelta(days=8), **FINE)
    check_pipeline_alerts(at=NOON)

    move_deal(campaign=deal, to="qualified", by=salesperson, at=NOON)
    assert check_pipeline_alerts(at=NOON) == AlertRun(raised=0, cleared=1, standing=0)
    assert DealAlert.objects.get().cleared_at == NOON

    later = NOON + timedelta(days=8)
    assert check_pipeline_alerts(at=later) == AlertRun(raised=1, cleared=0, standing=1)
    assert Event.objects.filter(type="deal_pipeline.alert").count() == 2


def test_a_deal_without_next_step_or_past_its_close_is_told(tenant, salesperson):
    deal = make_campaign(stage="lead", stage_changed_at=NOON, expected_close_on=date(2026, 11, 19), next_step="")
    check_pipeline_alerts(at=NOON)
    assert kinds(deal) == ["close_past", "no_next_step"]

    change_deal(campaign=deal, by=salesperson, at=NOON, next_step="Call", expected_close_on=date(2026, 11, 20))
    check_pipeline_alerts(at=NOON)
    assert kinds(deal) == []


def test_lost_without_a_reason_is_told(tenant):
    told = make_campaign(stage="lost", lost_reason="Price")
    silent = make_campaign(stage="lost", lost_reason="-")

    check_pipeline_alerts(at=NOON)

    assert (kinds(told), kinds(silent)) == ([], ["no_reason"])


def test_an_unsigned_order_near_its_flight_is_told(tenant):
    soon = make_campaign(stage="won", flight_first_day=date(2026, 11, 27))
    later = make_campaign(stage="won", flight_first_day=date(2026, 11, 28))
    signed = make_campaign(stage="won", flight_first_day=date(2026, 11, 27), has_accepted_order=True)
    booked = make_campaign(stage="won", flight_first_day=date(2027, 1, 1), booked_from=date(2026, 11, 20))

    check_pipeline_alerts(at=NOON)

    assert [kinds(deal) for deal in (soon, later, signed, booked)] == [["unsigned"], [], [], ["unsigned"]]
    assert sentence_of(DealAlert.objects.get(campaign=soon)).startswith("The flight begins on 27 Nov")


def test_a_house_may_set_its_own_limits(tenant):
    StageRule.objects.create(stage="lead", probability_percent=10, expected_days=30, alert_days=30)
    StageRule.objects.create(stage="proposal", probability_percent=50)
    deal = make_campaign(stage="lead", stage_changed_at=NOON - timedelta(days=20), **FINE)
    never = make_campaign(stage="proposal", stage_changed_at=NOON - timedelta(days=99), **FINE)

    check_pipeline_alerts(at=NOON)

    assert (kinds(deal), kinds(never)) == ([], [])


def test_alerts_of_one_owner(tenant, salesperson, sales_manager):
    mine = make_campaign(stage="lead", stage_changed_at=NOON, owner=salesperson, next_step="")
    make_campaign(stage="lead", stage_changed_at=NOON, owner=sales_manager, next_step="")
    check_pipeline_alerts(at=NOON)

    assert [alert.campaign for alert in standing_alerts(owner_id=salesperson.pk)] == [mine]
    assert standing_alerts().count() == 2


def test_the_job_tells_what_it_did(tenant):
    make_campaign(stage="lead", stage_changed_at=NOON, next_step="")
    job = job_named("pipeline-alerts")

    assert job.flag == "ENABLE_DEAL_PIPELINE"
    assert job.run(at=NOON).counts["raised"] == 1


def test_looking_over_the_pipeline_takes_as_many_queries_for_thirty_deals_as_for_three(
    tenant, django_assert_num_queries
):
    def old(count):
        for _deal in range(count):
            make_campaign(stage="lead", stage_changed_at=NOON - timedelta(days=8), **FINE)

    old(3)
    check_pipeline_alerts(at=NOON)
    old(30)
    check_pipeline_alerts(at=NOON)
    with django_assert_num_queries(8):
        check_pipeline_alerts(at=NOON)
