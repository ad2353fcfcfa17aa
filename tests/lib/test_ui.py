"""The template tags: each piece draws what it means, and a missing figure says so."""

from datetime import UTC, datetime

import pytest
import time_machine
from django import forms
from django.core.paginator import Paginator
from django.template import Context, RequestContext, Template
from django.test import RequestFactory

from tracker.lib.ui import PILLS


def render(source: str, **context) -> str:
    return Template(source).render(Context(context))


def test_a_missing_figure_is_the_word_unknown():
    for source in (
        "{{ x|number }}",
        "{{ x|money }}",
        "{{ x|percent }}",
        "{{ x|day }}",
        "{{ x|instant }}",
        "{{ x|ago }}",
    ):
        assert render(source, x=None) == '<i class="unknown">unknown</i>'


def test_zero_is_a_figure():
    assert render("{{ x|number }} {{ x|money:'EUR' }}", x=0) == "0 €0.00"


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind in PILLS for value in PILLS[kind]])
def test_a_pill_has_a_glyph_and_a_word(kind, value):
    html = render("{% pill kind value %}", kind=kind, value=value)

    glyph, _tone, word = PILLS[kind][value]
    assert f"#i-{glyph}" in html
    assert str(word) in html


def test_each_glyph_of_a_pill_is_in_the_sprite(settings):
    sprite = (settings.BASE_DIR / "static/img/icons.svg").read_text()

    used = {glyph for values in PILLS.values() for glyph, _tone, _word in values.values()}
    assert [glyph for glyph in used if f'id="i-{glyph}"' not in sprite] == []


def test_a_pacing_bar_says_its_numbers_aloud():
    html = render('{% pace goal=100000 delivered=49850 expected=58200 band="behind" %}')

    assert 'data-band="behind"' in html
    assert "Delivered 49.9\xa0%, expected 58.2\xa0% of 100,000" in html
    assert "style=" not in html


def test_a_pacing_bar_without_expectation_says_unknown():
    html = render("{% pace goal=90000 delivered=2870 %}")

    assert "expected: unknown" in html
    assert "pace-mark" not in html


@time_machine.travel(datetime(2026, 11, 21, 9, 40, tzinfo=UTC), tick=False)
def test_times_carry_their_machine_reading():
    moment = datetime(2026, 11, 21, 3, 2, tzinfo=UTC)

    assert render("{{ x|instant }}", x=moment) == '<time datetime="2026-11-21T03:02+00:00">21 Nov, 03:02</time>'
    assert render("{{ x|ago }}", x=moment) == "6 h 38 min"


def test_a_field_ties_its_error_and_hint_to_the_control():
    class Form(forms.Form):
        goal = forms.IntegerField(help_text="downloads")

    html = render("{% field form.goal %}", form=Form({"goal": "many"}))

    assert 'aria-invalid="true"' in html
    assert 'aria-describedby="id_goal_helptext id_goal_error"' in html
    assert 'id="id_goal_error"' in html
    assert 'id="id_goal_helptext"' in html


def test_the_pager_keeps_the_rest_of_the_address():
    page = Paginator(range(50), 20).page(2)

    html = Template("{% pager page %}").render(RequestContext(RequestFactory().get("/x?q=salt"), {"page": page}))

    assert "21–40 of 50" in html
    assert "?q=salt&amp;page=3" in html


def test_initials_are_two_letters():
    assert render("{% initials 'Mara Lindqvist' %} {% initials 'ops@house.example' %}") == "ML OH"
