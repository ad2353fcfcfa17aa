"""Cells: what is taken, what is refused and with which words; and the fast lane, which must agree."""

from datetime import date, timedelta
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.fastlane import Lane, Words, day_words
from etl.records import METRIC_COLUMNS, CellError, MetricRecord, parse_cents, parse_count, parse_day, parse_rate
from metrics.facts import BLANK_BIT, MEASURES, day_number, unpack_key

TODAY = date(2026, 11, 21)


@pytest.mark.parametrize("text", ["", "-", "–", "—", "N/A", "null"])
def test_what_stands_for_nothing_is_unknown(text):
    assert parse_count(text) is None
    assert parse_rate(text) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("-5", "A count cannot be below 0."),
        ("1.204", "Whole numbers only. Is the point a thousands mark?"),
        ("1,204,000", "Whole numbers only. Is the comma a thousands mark?"),
        ("0x1F", "This is not a whole number."),
        ("1_000", "This is not a whole number."),
        ("NaN", "This is not a whole number."),
        ("١٢", "This is not a whole number."),
        ("1e3", "This is not a whole number."),
        ("9999999999999999", "This number is too large to be true."),
    ],
)
def test_a_count_that_is_none_is_refused_with_a_hint(text, reason):
    with pytest.raises(CellError) as refusal:
        parse_count(text)

    assert refusal.value.reason == reason


def test_cents_with_a_point_are_asked_back():
    with pytest.raises(CellError) as refusal:
        parse_cents("12.40")

    assert refusal.value.reason == "Cents are whole numbers. Did you mean 1240?"


@pytest.mark.parametrize(
    ("text", "millionths"),
    [("0", 0), ("1", 1_000_000), ("1.000", 1_000_000), (".5", 500_000), ("0.1234565", 123_457), ("0.84", 840_000)],
)
def test_a_rate_is_kept_in_millionths_rounded_half_up(text, millionths):
    assert parse_rate(text) == millionths


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("84", "A rate is between 0 and 1. Did you mean 0.84?"),
        ("1.0000001", "A rate is between 0 and 1. Did you mean 0.01?"),
        ("250", "A rate is between 0 and 1."),
        ("0,84", "Write a rate as a number from 0 to 1 with a point, for example 0.84."),
        ("84%", "Write a rate as a number from 0 to 1 with a point, for example 0.84."),
    ],
)
def test_a_rate_that_is_none_is_refused_with_a_hint(text, reason):
    with pytest.raises(CellError) as refusal:
        parse_rate(text)

    assert refusal.value.reason == reason


@given(st.dates(min_value=date(2000, 1, 1), max_value=TODAY))
def test_every_day_is_read_back(day):
    assert parse_day(day.isoformat(), latest=TODAY) == day


@given(st.text(max_size=14))
def test_any_text_is_a_day_a_number_or_a_refusal(text):
    for parse in (lambda cell: parse_day(cell, latest=TODAY), parse_count, parse_cents, parse_rate):
        words = "."
        try:
            parse(text)
        except CellError as refusal:
            words = refusal.reason
        assert words.endswith((".", "?"))


# --- the fast lane takes what the careful reader takes, as the same figures, or leaves it to him ----------------------
EPISODES = {str(UUID(int=n * 7919, version=4)): n for n in range(1, 40)}
SOURCES = {"host": 1, "op3": 2, "ein Zähler mit Umlaut": 3, "a source of exactly forty bytes, no more": 4}

digits = st.from_regex(r"[0-9]{1,9}", fullmatch=True)
strange = st.text(st.characters(blacklist_characters='\n\r,"', blacklist_categories=("Cs",)), max_size=11)
count = st.one_of(st.just(""), digits, strange, st.from_regex(r"-?[0-9]{1,3}(\.[0-9]{1,3})?", fullmatch=True))
rate = st.one_of(
    st.just(""),
    st.from_regex(r"[01](\.[0-9]{0,8})?", fullmatch=True),
    st.from_regex(r"\.?[0-9]{1,3}", fullmatch=True),
    strange,
)
day = st.one_of(
    st.dates(min_value=date(1999, 12, 30), max_value=TODAY + timedelta(days=2)).map(date.isoformat),
    st.from_regex(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}", fullmatch=True),
    strange,
)
episode = st.one_of(st.sampled_from(sorted(EPISODES)), st.uuids().map(str), strange)
source = st.one_of(st.sampled_from(sorted(SOURCES)), strange)
row = st.tuples(day, episode, source, count, count, rate, rate, count, count)


@given(st.lists(row, min_size=1, max_size=12), st.sampled_from(["\n", "\r\n"]))
def test_the_fast_lane_and_the_careful_reader_agree_on_every_row(rows, line_end):
    block = "".join(",".join(cells) + line_end for cells in rows).encode()
    taken = _lane().read(block)

    facts = dict(zip(taken.places.tolist(), taken.facts, strict=True))
    for place, cells in enumerate(rows):
        record = MetricRecord.parse(dict(zip(METRIC_COLUMNS, cells, strict=True)), line=place, latest=TODAY)
        if place in facts:
            assert isinstance(record, MetricRecord)
            assert _read(facts[place]) == (
                day_number(record.day),
                EPISODES[str(record.episode_id)],
                SOURCES[record.source],
                record.figures,
            )
    blank = {place for place, cells in enumerate(rows) if not ",".join(cells)}
    assert set(facts) | set(taken.left.tolist()) | blank == set(range(len(rows)))


@given(st.lists(row, min_size=1, max_size=12))
def test_plain_good_rows_are_taken_by_the_fast_lane(rows):
    good = [
        ("2026-03-01", sorted(EPISODES)[n % 39], "host", str(n), "", "0.5", "", "7", "12") for n in range(len(rows))
    ]

    taken = _lane().read("".join(",".join(cells) + "\n" for cells in good).encode())

    assert len(taken.facts) == len(good)


def _lane() -> Lane:
    return Lane(
        columns={name: place for place, name in enumerate(METRIC_COLUMNS)},
        width=len(METRIC_COLUMNS),
        days=day_words(first=date(2000, 1, 1), last=TODAY),
        episodes=Words({name.encode(): code for name, code in EPISODES.items()}),
        sources=Words({name.encode(): code for name, code in SOURCES.items()}),
    )


def _read(fact: np.void) -> tuple:
    day, episode, source, breakdown = (int(part) for part in unpack_key(fact["key"]))
    assert breakdown == 0
    figures = tuple(None if fact["blank"] & BLANK_BIT[name] else int(fact[name]) for name in MEASURES)
    return day, episode, source, figures
