"""Figures and days are spelled one way everywhere."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine

from tracker.lib import words

NBSP = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [(0, 0, "0"), (12840, 0, "12,840"), (1433.5, 0, "1,434"), (-3.25, 1, "−3.3"), (Decimal("27.4"), 2, "27.40")],
)
def test_numbers_have_thousands_and_a_real_minus(value, decimals, text):
    assert words.number(value, decimals) == text


def test_unknown_is_a_word_and_never_zero():
    assert [words.number(None), words.percent(None), words.money(None), words.day(None)] == ["unknown"] * 4


@pytest.mark.parametrize(
    ("value", "text"), [(950, "950"), (82300, "82.3k"), (68000, "68k"), (1_290_000, "1.29M"), (999_960, "1.00M")]
)
def test_short_forms_are_for_ranges_and_axes(value, text):
    assert words.short_number(value) == text


def test_percent_keeps_one_decimal_and_a_no_break_space():
    assert words.percent(0.857) == f"85.7{NBSP}%"
    assert words.pct(102.44) == f"102.4{NBSP}%"


@pytest.mark.parametrize(
    ("share", "text"), [(0.082, f"+8.2{NBSP}%"), (-0.036, f"−3.6{NBSP}%"), (0, f"0.0{NBSP}%"), (0.0001, f"0.0{NBSP}%")]
)
def test_a_change_has_its_sign(share, text):
    assert words.change(share) == text


@pytest.mark.parametrize(
    ("cents", "currency", "text"),
    [
        (45619, "EUR", "€456.19"),
        (1335658, "GBP", "£13,356.58"),
        (1200, "CHF", f"CHF{NBSP}12.00"),
        (-5, "EUR", "−€0.05"),
    ],
)
def test_money_has_symbol_and_two_decimals(cents, currency, text):
    assert words.money(cents, currency) == text


def test_key_figures_drop_the_cents_and_mixed_pages_name_the_currency():
    assert words.money_whole(1335658, "EUR") == "€13,357"
    assert words.money(45619, "EUR", iso=True) == f"EUR{NBSP}456.19"


@time_machine.travel(datetime(2026, 11, 21, 9, 40, tzinfo=UTC), tick=False)
def test_days_name_their_year_only_when_it_is_another_one():
    assert words.day(date(2026, 11, 20)) == "20 Nov"
    assert words.day(date(2027, 1, 4)) == "4 Jan 2027"
    assert words.day(date(2026, 11, 25), weekday=True) == "Wed 25 Nov"


@time_machine.travel(datetime(2026, 11, 21, 9, 40, tzinfo=UTC), tick=False)
@pytest.mark.parametrize(
    ("first", "last", "text"),
    [
        (date(2026, 11, 1), date(2026, 11, 30), "1 – 30 Nov"),
        (date(2026, 10, 28), date(2026, 12, 25), "28 Oct – 25 Dec"),
        (date(2026, 11, 20), date(2026, 11, 20), "20 Nov"),
        (date(2026, 12, 20), date(2027, 1, 5), "20 Dec 2026 – 5 Jan 2027"),
    ],
)
def test_ranges_say_what_they_share_once(first, last, text):
    assert words.day_range(first, last) == text


@time_machine.travel(datetime(2026, 11, 21, 9, 40, tzinfo=UTC), tick=False)
def test_deadlines_say_how_far_away_they_are():
    assert words.days_away(date(2026, 11, 25)) == "in 4 days"
    assert words.days_away(date(2026, 11, 21)) == "today"
    assert words.days_away(date(2026, 11, 20)) == "1 day late"


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(days=2, hours=17, minutes=20), "2 d 17 h"),
        (timedelta(hours=6, minutes=38), "6 h 38 min"),
        (timedelta(minutes=45), "45 min"),
        (timedelta(seconds=3.84), "3.8 s"),
        (timedelta(hours=4), "4 h"),
    ],
)
def test_spans_use_two_units_at_most(length, text):
    assert words.span(length) == text
