from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from deals.models import Goal
from deals.numbers import CycleTime, GoalPace, WinRate, cycle_time, goals, win_rates
from deals.numbers_views import month_chart
from deals.queries import MonthLine
from tests.factories import make_campaign, make_sponsor, make_user
from tracker.flags.models import FlagOverride
from tracker.lib import words

PAGE = "/admin/deals/campaign/numbers/"
QUARTER = {"first": date(2026, 10, 1), "last": date(2026, 12, 31), "currency": "EUR"}
NOVEMBER = datetime(2026, 11, 10, 12, tzinfo=UTC)


def closed(stage, cents, **fields):
    return make_campaign(stage=stage, campaign_value=cents, currency="EUR", **{"closed_at": NOVEMBER, **fields})


def test_win_rates_by_owner_source_category_and_size(tenant):
    ines = make_user(name="Ines Kovac")
    tea = make_sponsor(category="Tea")
    closed("won", 50_000, owner=ines, source="renewal", sponsor=tea)
    closed("won", 600_000, owner=ines, source="outbound")
    closed("lost", 150_000, owner=ines, source="outbound", sponsor=tea)
    closed("lost", 2_000_000)
    make_campaign(stage="won", campaign_value=99, currency="USD", closed_at=NOVEMBER)
    closed("won", 99, closed_at=datetime(2026, 9, 30, 12, tzinfo=UTC))

    def rates(by):
        return {rate.label: (rate.won, rate.lost, rate.by_count, rate.by_value) for rate in win_rates(by=by, **QUARTER)}

    third = Decimal("0.6667")
    assert rates("owner") == {
        # 650,000 of 800,000.
        "Ines Kovac": (2, 1, third, Decimal("0.8125")),
        "Nobody": (0, 1, Decimal("0.0000"), Decimal("0.0000")),
    }
    assert rates("source") == {
        "outbound": (1, 1, Decimal("0.5000"), Decimal("0.8000")),
        "renewal": (1, 0, Decimal("1.0000"), Decimal("1.0000")),
        "Not said": (0, 1, Decimal("0.0000"), Decimal("0.0000")),
    }
    assert rates("category")["Tea"] == (1, 1, Decimal("0.5000"), Decimal("0.2500"))
    assert {label: found[:2] for label, found in rates("size").items()} == {
        "below €1,000": (1, 0),
        "below €5,000": (0, 1),
        "below €20,000": (1, 0),
        "€20,000 and more": (0, 1),
    }
    with pytest.raises(KeyError):
        win_rates(by="mood", **QUARTER)


def test_a_rate_of_nothing_is_unknown():
    assert (WinRate("x", 0, 0, 0, 0).by_count, WinRate("x", 1, 0, 0, 0).by_value) == (None, None)


def test_time_to_win_is_the_median_from_first_call(tenant):
    for days in (10, 21, 40):
        closed("won", 1, opened_at=NOVEMBER - timedelta(days=days))
    closed("lost", 1, opened_at=NOVEMBER - timedelta(days=400))

    assert cycle_time(**QUARTER) == CycleTime(3, Decimal("21.0"), 40)
    assert cycle_time(**{**QUARTER, "currency": "USD"}) == CycleTime(0, None, None)


def test_a_goal_is_paced_by_the_days_that_have_passed(tenant):
    ines = make_user(name="Ines Kovac")
    Goal.objects.create(user=ines, year=2026, quarter=4, currency="EUR", amount_cents=920_000)
    Goal.objects.create(user=ines, year=2026, quarter=4, currency="USD", amount_cents=1)
    closed("won", 300_000, owner=ines)
    closed("won", 999_000)
    make_campaign(stage="negotiation", campaign_value=70_000, currency="EUR", owner=ines)

    # 20 November is day 51 of 92: 920,000 x 51 / 92 = 510,000; 300,000 of that is 58.8 %.
    assert goals(today=date(2026, 11, 20), **QUARTER) == [
        GoalPace("Ines Kovac", 920_000, 300_000, 510_000, 70_000, Decimal("58.8"))
    ]
    assert goals(today=date(2026, 9, 30), **QUARTER)[0].pace_pct is None
    assert goals(today=date(2027, 2, 1), **QUARTER)[0].expected_cents == 920_000


@pytest.fixture
def desk(tenant, client, salesperson, login):
    FlagOverride.objects.create(flag="ENABLE_DEAL_PIPELINE", is_on=True)
    return login(client, salesperson)


def test_the_page_stands_with_nothing_and_with_two_currencies(desk, salesperson):
    empty = desk.get(PAGE).content.decode()
    assert "No open deals." in empty
    assert "unknown" in empty

    make_campaign(stage="proposal", campaign_value=123_400, currency="EUR", owner=salesperson)
    make_campaign(stage="proposal", campaign_value=777_700, currency="USD")
    euros = desk.get(f"{PAGE}?currency=EUR").content.decode()
    dollars = desk.get(f"{PAGE}?currency=USD&quarter=2026-4").content.decode()

    assert "€1,234" in euros
    assert "€617" in euros
    assert "$7,777" not in euros
    assert "$7,777" in dollars
    assert desk.get(f"{PAGE}?currency=XXX&quarter=never").status_code == 200


def test_the_page_takes_as_many_queries_for_one_deal_as_for_twelve(desk, salesperson):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert desk.get(f"{PAGE}?quarter=2026-4&currency=EUR").status_code == 200
        return len(captured)

    def add(count):
        for _deal in range(count):
            make_campaign(stage="negotiation", owner=salesperson)
            closed("won", 100, owner=salesperson)

    add(1)
    queries()
    one = queries()
    add(11)
    assert queries() == one


def test_numbers_are_for_those_who_see_deals(tenant, client, login, creator_user, salesperson):
    login(client, salesperson)
    assert client.get(PAGE).status_code == 404

    FlagOverride.objects.create(flag="ENABLE_DEAL_PIPELINE", is_on=True)
    login(client, creator_user)
    assert client.get(PAGE).status_code == 302


def test_a_chart_shows_every_month_and_says_its_figures(tenant):
    lines = [
        MonthLine(date(2026, 11, 1), 2, 4_000_000, 2_050_000),
        MonthLine(date(2027, 1, 1), 1, 1_000_000, 100_000),
        MonthLine(None, 3, 9_900_000, 900_000),
    ]

    chart = month_chart(lines, "Open deals")

    # Weighted 20,500 and 1,000; December holds nothing, which is 0 and no gap; what has no month is not drawn.
    assert [(column.label, column.value_label) for column in chart.columns] == [
        *(("Nov", "20.5"), ("Dec", "0.0"), ("Jan", "1.0")),
    ]
    assert chart.label == "Open deals, weighted, in thousands: Nov 20.5; Dec 0.0; Jan 1.0"
    assert [bool(column.mark_y) for column in chart.columns] == [True, False, True]
    assert month_chart(lines[:1], "One month") is None


def test_a_goal_says_how_its_pace_stands():
    def band(pace):
        return GoalPace("Ines", 1, 0, 1, 0, None if pace is None else Decimal(pace)).band

    assert [band(pace) for pace in (None, "94.9", "95.0", "98.9", "99.0", "305.0")] == [
        *("", "behind", "watch", "watch", "on_track", "on_track"),
    ]


def test_the_page_draws_what_a_chart_helps_with(desk, salesperson):
    today = words.today()
    for months in (1, 2):
        make_campaign(stage="proposal", campaign_value=1_000_000, expected_close_on=today + timedelta(days=31 * months))
    quarter = (today.month + 2) // 3
    Goal.objects.create(user=salesperson, year=today.year, quarter=quarter, currency="EUR", amount_cents=900_000)

    page = desk.get(f"{PAGE}?currency=EUR").content.decode()

    assert "Open deals by month of expected close, weighted, in thousands:" in page
    assert f"{salesperson}: €0 won," in page
    assert f'as of <time datetime="{today.isoformat()}">' in page
