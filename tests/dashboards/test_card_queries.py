"""Each card reads its domain in at most four statements, however much there is of everything."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bookings.models import InsertionOrder
from deals.alerts import check_pipeline_alerts
from etl.models import Import
from matchmaking.models import Match, PackedPair
from tests.bookings.deliveries import NOW, make_episode, make_line, make_show, make_sponsor, measure, nov, teach_curve
from tests.factories import make_campaign
from tracker.automation.models import JobRun
from tracker.dashboards.advertiser.page import ADVERTISER
from tracker.dashboards.creator.page import CREATOR
from tracker.dashboards.ops.page import OPS
from tracker.flags.services import switch, switched_on

LIMIT = 4
DASHBOARDS = {dashboard.name: dashboard for dashboard in (CREATOR, ADVERTISER, OPS)}
CARDS = [(dashboard.name, card.name) for dashboard in DASHBOARDS.values() for card in dashboard.cards]
OF_THE_CONTRACT = {
    "pacing_vs_flight",
    "sponsor_revenue",
    "makegoods_pending",
    "audience_fit_summary",
    "projected_cpm",
    "inventory_calendar",
    "pipeline_forecast",
    "win_loss",
    "etl_health",
}


@pytest.fixture(autouse=True)
def _on_a_saturday_morning(tenant):
    for flag in ("ENABLE_MATCHMAKING", "ENABLE_IO_BOOKINGS"):
        switch(flag=flag, on=True)
    with time_machine.travel(NOW, tick=False):
        yield


def furnish(sponsor):
    """One more of everything that a card may show: shows of each kind, lines, cases, deals, imports, runs, matches."""
    taught, newcomer, silent = make_show(release_weekdays=[1]), make_show(), make_show()
    teach_curve(taught)
    drop = make_episode(newcomer, nov(15, 5))
    measure(drop, [320, 160, 80, 40], first=nov(15).date(), revenue_cents=70)
    measure(make_episode(silent, nov(-200)), [10, 10], first=nov(-200).date())
    make_episode(taught, nov(28, 5))
    whole = make_line(show=newcomer, sponsor=sponsor, booked=2_000)
    make_line(show=newcomer, sponsor=sponsor, episode=drop, booked=500)
    make_line(show=taught, delivery="baked_in", sponsor=sponsor, start=nov(20), end=nov(30))
    make_line(show=newcomer, delivery="baked_in", sponsor=sponsor, start=nov(10), end=nov(30))
    make_line(show=silent, sponsor=sponsor)
    make_line(show=newcomer, sponsor=sponsor, start=nov(18), end=nov(25), makegood_of=whole, gross_cents=0)
    InsertionOrder.objects.filter(pk=whole.order_id).update(
        status="sent", sent_at=nov(1), number=f"IO-{str(whole.pk)[-12:]}"
    )
    now = timezone.now()
    make_campaign(stage="proposal", sponsor=sponsor, stage_changed_at=now - timedelta(days=20), campaign_value=100)
    make_campaign(stage="lost", sponsor=sponsor, lost_reason="Price", closed_at=now, campaign_value=100)
    make_campaign(stage="won", sponsor=sponsor, closed_at=now, campaign_value=100)
    check_pipeline_alerts(at=now)
    Import.objects.create(source="upload", kind="metrics", file_name="m.csv", status="completed", completed_at=now)
    JobRun.objects.create(job="pipeline-alerts", status="completed", queued_at=now)
    for show in (taught, newcomer):
        Match.objects.create(
            advertiser=sponsor, podcast=show, score=78, confidence=1, rationale="Walks.", updated_at=now,
            signals={"topic_overlap": 0.9}, in_advertiser_top=True,
        )  # fmt: skip
    assert PackedPair.objects.count() == 0


def statements(dashboard, name, administrator, sponsor) -> int:
    params = {"advertiser_id": str(sponsor.pk)} if dashboard.name == "advertiser" else {}
    scope = dashboard.scope_of(administrator, params, at=NOW)
    card = next(card for card in dashboard.cards if card.name == name)
    switched_on()
    with CaptureQueriesContext(connection) as asked:
        loaded = card.load(scope)
        if card.as_json:
            card.as_json(loaded)
        if card.as_table:
            card.as_table(loaded)
    return len(asked)


def test_each_card_asks_at_most_four_times_and_no_more_of_a_fuller_house(administrator):
    sponsor = make_sponsor()

    def counted():
        return {(page, name): statements(DASHBOARDS[page], name, administrator, sponsor) for page, name in CARDS}

    furnish(sponsor)
    few = counted()
    furnish(sponsor)
    furnish(sponsor)

    assert counted() == few
    assert {card: number for card, number in few.items() if not 1 <= number <= LIMIT} == {}


def test_all_cards_of_the_contract_are_counted():
    assert {name for _page, name in CARDS} >= OF_THE_CONTRACT
