"""The page of those who run the house: forecast, wins, sources, jobs, alerts; numbers worked by hand."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine

from deals.models import Campaign
from etl.models import Import
from tests.factories import NOON, make_campaign, make_sponsor
from tracker.automation.models import JobRun, JobSchedule
from tracker.dashboards.ops.etl import learned_gap
from tracker.dashboards.ops.jobs import next_run
from tracker.events.models import Delivery, Event

PAGE = "/dashboard/ops"
JSON = "/api/v1/dashboard/ops"


@pytest.fixture(autouse=True)
def _at_noon(monkeypatch):
    for flag in ("ENABLE_NEW_DASHBOARD_CARDS", "ENABLE_AUTOMATION_JOBS", "ENABLE_DEAL_PIPELINE"):
        monkeypatch.setenv(flag, "1")
    with time_machine.travel(NOON, tick=False):
        yield


def deal(stage, cents, **fields):
    return make_campaign(stage=stage, campaign_value=cents, currency="USD", **fields)


def imported(hours_ago, *, source="upload", kind="metrics", rows=100, status="completed", error=""):
    return Import.objects.create(
        source=source,
        kind=kind,
        file_name="file.csv",
        status=status,
        records_imported=rows,
        error_message=error,
        completed_at=NOON - timedelta(hours=hours_ago),
    )


def test_the_forecast_weighs_open_deals_and_sets_won_beside_them(api):
    deal("proposal", 100_000_00, expected_close_on=date(2026, 12, 10))
    deal("negotiation", 40_000_00, expected_close_on=date(2026, 11, 30))
    deal("lead", 30_000_00, expected_close_on=date(2026, 10, 1))
    deal("qualified", 20_000_00)
    deal("won", 60_000_00, closed_at=datetime(2026, 11, 3, tzinfo=UTC))
    make_campaign(stage="lead", campaign_value=12_000_00, currency="GBP")

    forecast = api.get(JSON).json()["pipeline_forecast"]

    # 100,000 x 50 % + 40,000 x 75 % + 30,000 x 10 % + 20,000 x 25 % = 88,000.
    assert (forecast["value_cents"], forecast["weighted_cents"]) == (190_000_00, 88_000_00)
    # Negotiation and what was won in the quarter: 40,000 + 60,000.
    assert forecast["commit_cents"] == 100_000_00
    november, december = forecast["by_close_month"][:2]
    # The lead was expected in October: it counts in this month. 40,000 x 75 % + 30,000 x 10 % = 33,000.
    assert november == {
        "month": "2026-11",
        "won_cents": 60_000_00,
        "open_cents": 70_000_00,
        "weighted_cents": 33_000_00,
    }
    assert (december["month"], december["weighted_cents"]) == ("2026-12", 50_000_00)
    assert (forecast["undated_cents"], forecast["other_currencies"]) == (20_000_00, {"GBP": 12_000_00})


def test_won_and_lost_of_the_quarter_with_the_quarter_before(api):
    for cents, made, closed in ((30_000_00, 1, 11), (10_000_00, 1, 21)):
        won = deal("won", cents, closed_at=datetime(2026, 11, closed, tzinfo=UTC))
        Campaign.objects.filter(pk=won.pk).update(created_at=datetime(2026, 11, made, tzinfo=UTC))
    deal("lost", 20_000_00, closed_at=datetime(2026, 10, 5, tzinfo=UTC), lost_reason="Price")
    deal("lost", 5_000_00, closed_at=datetime(2026, 10, 6, tzinfo=UTC), lost_reason="Budget cut")
    deal("won", 7_000_00, closed_at=datetime(2026, 8, 1, tzinfo=UTC))
    deal("lost", 7_000_00, closed_at=datetime(2026, 9, 30, tzinfo=UTC))

    outcome = api.get(JSON).json()["win_loss"]
    month = api.get(JSON, {"period": "month"}).json()["win_loss"]

    assert (outcome["first_day"], outcome["last_day"]) == ("2026-10-01", "2026-11-21")
    assert (outcome["won"], outcome["lost"], outcome["win_rate"]) == (2, 2, 0.5)
    # 40,000 of 65,000.
    assert outcome["win_rate_by_value"] == 0.6154
    # 10 and 20 days.
    assert outcome["days_to_close_median"] == 15.0
    assert outcome["reasons"][0] == {"reason": "Price", "deals": 1, "cents": 20_000_00}
    assert outcome["previous"] == {"won": 1, "lost": 1, "win_rate": 0.5}
    assert (month["won"], month["lost"], month["win_rate"]) == (2, 0, 1.0)


def test_nothing_closed_is_unknown_and_not_zero(api):
    assert api.get(JSON).json()["win_loss"]["win_rate"] is None


def test_sources_are_judged_by_their_last_success_and_their_own_rhythm(api):
    # Every 24 hours, the last 30 hours ago: due 6 hours ago, and by a quarter of the rhythm too late at 30 hours.
    for hours in (102, 78, 54, 30.5):
        imported(hours, source="google_sheets", rows=10)
    imported(1, source="google_sheets", status="failed", error="The sheet is not shared with us.")
    imported(5, rows=4_200)
    imported(20, kind="bookings", rows=64)
    imported(2, kind="", status="failed", error="No file of ours.")

    health = api.get(JSON).json()["etl_health"]

    assert health["status"] == "healthy"
    sheets, bookings, metrics = health["sources"]
    assert (sheets["status"], sheets["rows_7_days"], sheets["is_late"]) == ("unhealthy", 40, True)
    assert sheets["due_at"].startswith("2026-11-21T05:")
    assert sheets["last_error"] == "The sheet is not shared with us."
    assert (bookings["status"], bookings["due_at"]) == ("degraded", None)
    assert (metrics["status"], metrics["rows_7_days"]) == ("healthy", 4_200)


def test_no_import_at_all_is_unhealthy(api):
    health = api.get(JSON).json()["etl_health"]

    assert (health["status"], health["sources"]) == ("unhealthy", [])


def test_a_rhythm_is_learned_from_three_gaps_at_least():
    daily = [NOON - timedelta(days=n) for n in (3, 2, 1, 0)]

    assert learned_gap(daily) == timedelta(days=1)
    assert learned_gap(daily[:3]) is None
    # Three files of one morning are one delivery.
    assert learned_gap([NOON + timedelta(minutes=n) for n in range(9)]) is None


@pytest.mark.parametrize(
    ("job", "own", "due"),
    [
        ("etl-health-check", None, datetime(2026, 11, 21, 12, 10, tzinfo=UTC)),
        ("refresh-metrics-daily", None, datetime(2026, 11, 22, 2, 0, tzinfo=UTC)),
        # 8 in the morning in Dublin, which is UTC in November.
        ("pipeline-alerts", None, datetime(2026, 11, 22, 8, 0, tzinfo=UTC)),
        ("pipeline-alerts", 17, datetime(2026, 11, 21, 17, 0, tzinfo=UTC)),
        ("refresh-metrics-daily", 17, datetime(2026, 11, 21, 17, 0, tzinfo=UTC)),
        ("unplanned", None, None),
    ],
)
def test_the_next_run_follows_the_schedule_and_the_houses_own_hour(job, own, due):
    schedule = None if own is None else JobSchedule(job=job, local_hour=own)

    assert next_run(job, schedule, NOON, ZoneInfo("Europe/Dublin")) == due


def test_a_failed_job_stands_first_and_can_be_tried_again(client, api, login, ops_user):
    JobRun.objects.create(job="pipeline-alerts", status="completed", queued_at=NOON, result={"summary": "none"})
    for minutes in (90, 30):
        at = NOON - timedelta(minutes=minutes)
        JobRun.objects.create(job="etl-health-check", status="failed", queued_at=at, finished_at=at, error="No route.")

    first = api.get(JSON).json()["jobs"]["jobs"][0]
    html = login(client, ops_user).get(PAGE).content.decode()
    answer = client.post("/dashboard/ops/jobs/etl-health-check/run")

    assert (first["job"], first["status"], first["failures_7_days"]) == ("etl-health-check", "failed", 2)
    assert "Try now" in html
    assert answer.status_code == 302
    newest = JobRun.objects.exclude(started_by={}).get(job="etl-health-check")
    assert newest.started_by["id"] == str(ops_user.pk)


def test_from_what_is_wrong_to_its_cause_is_one_click(client, login, ops_user):
    run = JobRun.objects.create(
        job="etl-health-check", status="failed", queued_at=NOON, finished_at=NOON, error="No route."
    )
    failed = imported(30, status="failed", error="The header is missing.")
    lead = deal("lead", 100)
    data = {"campaign_id": str(lead.pk), "name": lead.name}
    event = Event.objects.create(
        type="deal.opened", subject_type="deals.campaign", subject_id=str(lead.pk), at=NOON, data=data
    )
    Delivery.objects.create(
        event=event, listener="deals.x", subject_key="deals.campaign:1", status="dead", next_attempt_at=NOON
    )

    html = login(client, ops_user).get(PAGE).content.decode()

    assert f"/imports/{failed.pk}" in html
    assert f"/admin/automation/jobrun/{run.pk}/change/" in html
    assert "1 given up" in html
    assert "/admin/events/delivery/?status__exact=dead" in html


def test_jobs_are_run_by_those_who_may_and_only_while_they_are_on(client, login, salesperson, ops_user, monkeypatch):
    assert login(client, salesperson).post("/dashboard/ops/jobs/pipeline-alerts/run").status_code == 403
    assert login(client, ops_user).post("/dashboard/ops/jobs/no-such-job/run").status_code == 404

    monkeypatch.setenv("ENABLE_AUTOMATION_JOBS", "0")

    assert client.post("/dashboard/ops/jobs/pipeline-alerts/run").status_code == 404
    assert not JobRun.objects.exists()


def test_page_and_json_agree(client, api, login, ops_user):
    deal("proposal", 100_000_00, expected_close_on=date(2026, 12, 10), sponsor=make_sponsor(name="Tidewell Bank"))
    imported(5, rows=4_200)

    forecast = api.get(JSON).json()["pipeline_forecast"]
    html = login(client, ops_user).get(PAGE).content.decode()

    assert (forecast["value_cents"], forecast["weighted_cents"]) == (100_000_00, 50_000_00)
    for words in ("$100,000", "weighted $50,000", "4,200", "Healthy"):
        assert words in html


def test_creators_and_salespeople_do_not_see_the_page(client, login, creator_user, salesperson, tenant, api_of):
    assert login(client, creator_user).get(PAGE).status_code == 403
    assert login(client, salesperson).get(PAGE).status_code == 403
    assert api_of(tenant, role="creator").get(JSON).status_code == 403


def test_the_first_steps_tick_themselves_and_can_be_hidden(client, login, ops_user):
    before = login(client, ops_user).get(PAGE).content.decode()
    deal("lead", 100)
    after = client.get(PAGE).content.decode()
    client.post("/dashboard/ops/checklist/hide")

    assert "0 of 4 done" in before
    assert "1 of 4 done" in after
    assert "Set up your house" not in client.get(PAGE).content.decode()


def test_a_period_that_is_none_is_told(api):
    refused = api.get(JSON, {"period": "decade"})

    assert (refused.status_code, refused.json()["code"]) == (400, "bad_period")
