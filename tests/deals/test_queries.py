"""Forecasts worked by hand."""

from datetime import UTC, date, datetime
from decimal import Decimal

from deals.models import StageRule
from deals.names import name_key
from deals.queries import (
    MonthLine,
    StageLine,
    deal_currencies,
    pipeline_by_stage,
    pipeline_forecast,
    possible_duplicates,
    quarter_start,
    spread_over_months,
    stage_settings,
    win_loss,
)
from tests.factories import make_campaign, make_sponsor

TODAY = date(2026, 11, 20)


def closed(month: int, day: int) -> datetime:
    return datetime(2026, month, day, 12, tzinfo=UTC)


def test_the_pipeline_adds_up_by_stage_and_leaves_other_currencies_out(tenant):
    make_campaign(stage="lead", campaign_value=10_005, currency="EUR")
    make_campaign(stage="lead", campaign_value=20_000, currency="EUR")
    make_campaign(stage="negotiation", campaign_value=99_999, currency="EUR")
    make_campaign(stage="lead", campaign_value=5_000_000, currency="USD")
    make_campaign(stage="won", campaign_value=7_000_000, currency="EUR")

    # 30,005 at 10 % = 3,000.5, rounded half up to 3,001; 99,999 at 75 % = 74,999.25.
    assert pipeline_by_stage(currency="EUR") == [
        StageLine("lead", 2, 30_005, 3_001),
        StageLine("qualified", 0, 0, 0),
        StageLine("proposal", 0, 0, 0),
        StageLine("negotiation", 1, 99_999, 74_999),
    ]
    assert deal_currencies() == ["EUR", "USD"]


def test_a_house_may_set_its_own_probabilities(tenant):
    StageRule.objects.create(stage="lead", probability_percent=20, expected_days=5, alert_days=3)
    make_campaign(stage="lead", campaign_value=10_000, currency="EUR")

    assert pipeline_by_stage(currency="EUR")[0] == StageLine("lead", 1, 10_000, 2_000)
    assert stage_settings()["lead"].age_tone(6) == "watch"


def test_a_forecast_worked_by_hand(tenant):
    make_campaign(
        stage="proposal",
        campaign_value=30_000,
        currency="EUR",
        expected_close_on=date(2026, 12, 4),
        flight_first_day=date(2026, 12, 22),
        flight_last_day=date(2027, 1, 10),
    )
    make_campaign(stage="negotiation", campaign_value=20_000, currency="EUR", expected_close_on=date(2026, 12, 30))
    make_campaign(stage="lead", campaign_value=10_000, currency="EUR")
    make_campaign(stage="won", campaign_value=50_000, currency="EUR", closed_at=closed(10, 1))
    make_campaign(stage="won", campaign_value=90_000, currency="EUR", closed_at=closed(9, 30))

    forecast = pipeline_forecast(today=TODAY, currency="EUR")

    # Weighted: 30,000 x 50 % + 20,000 x 75 % + 10,000 x 10 %.
    assert (forecast.deals, forecast.value_cents, forecast.weighted_cents) == (3, 60_000, 31_000)
    # Commit: negotiation and what was won since 1 October.
    assert (forecast.commit_cents, forecast.best_case_cents) == (70_000, 60_000)
    assert forecast.by_close_month == [
        MonthLine(date(2026, 12, 1), 2, 50_000, 30_000),
        MonthLine(None, 1, 10_000, 1_000),
    ]
    # 20 flight days, 10 in December and 10 in January: 15,000 each, weighted 7,500 each.
    assert forecast.by_flight_month == [
        MonthLine(date(2026, 12, 1), 1, 15_000, 7_500),
        MonthLine(date(2027, 1, 1), 1, 15_000, 7_500),
        MonthLine(None, 2, 30_000, 16_000),
    ]


def test_spreading_keeps_every_cent():
    # 60 days: 17 + 28 + 15; 100,001 x 17/60 = 28,333.6, x 45/60 = 75,000.75.
    assert spread_over_months(100_001, first=date(2026, 1, 15), last=date(2026, 3, 15)) == [
        (date(2026, 1, 1), 28_334),
        (date(2026, 2, 1), 46_667),
        (date(2026, 3, 1), 25_000),
    ]
    assert spread_over_months(7, first=date(2026, 12, 31), last=date(2026, 12, 31)) == [(date(2026, 12, 1), 7)]


def test_a_win_rate_by_count_and_by_value(tenant):
    make_campaign(stage="won", campaign_value=30_000, currency="EUR", closed_at=closed(11, 2))
    make_campaign(stage="lost", campaign_value=60_000, currency="EUR", closed_at=closed(11, 3), lost_reason="Price")
    make_campaign(stage="lost", campaign_value=30_000, currency="EUR", closed_at=closed(11, 4), lost_reason="Price")
    make_campaign(stage="won", campaign_value=99_000, currency="EUR", closed_at=closed(8, 1))
    make_campaign(stage="won", campaign_value=99_000, currency="USD", closed_at=closed(11, 2))

    found = win_loss(since=closed(11, 1), until=closed(11, 30), currency="EUR")

    assert (found.won, found.lost, found.won_cents, found.lost_cents) == (1, 2, 30_000, 90_000)
    assert (found.rate_by_count, found.rate_by_value) == (Decimal("0.3333"), Decimal("0.2500"))
    assert found.reasons == [("Price", 2)]


def test_a_win_rate_is_unknown_when_nothing_closed(tenant):
    make_campaign(stage="lead", currency="EUR")

    found = win_loss(since=closed(11, 1), until=closed(11, 30), currency="EUR")

    assert (found.rate_by_count, found.rate_by_value, found.reasons) == (None, None, [])


def test_quarters_begin_in_january_april_july_and_october():
    starts = [quarter_start(date(2026, month, 28)) for month in (1, 3, 4, 9, 10, 12)]
    assert [(day.month, day.day) for day in starts] == [(1, 1), (1, 1), (4, 1), (7, 1), (10, 1), (10, 1)]


def test_one_company_has_one_key_however_it_is_spelled():
    spellings = ["Acme Foods", "ACME-Foods Inc.", "acme foods gmbh", "Acmé Foods, Ltd"]
    assert {name_key(name) for name in spellings} == {"acmefoods"}
    assert name_key("Acme Food") != name_key("Acme Foods")
    assert name_key("The Company") == "thecompany"


def test_duplicates_are_found_by_name_or_alias(tenant):
    acme = make_sponsor(name="Acme Foods")
    other = make_sponsor(name="Foodies", aliases=["ACME-Foods Inc."])
    make_sponsor(name="Acme Food")
    make_sponsor(name="acme foods", merged_into=acme)

    assert list(possible_duplicates("ACME-Foods Inc.")) == [acme, other]
    assert list(possible_duplicates("Acme Foods", but_not=acme)) == []
