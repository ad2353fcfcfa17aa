"""What pages draw by hand: escaped, in the words of the house, and the same whichever way figures are read."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation

from bookings.delivery.queries import pacing_of
from bookings.models import IOBooking
from metrics.models import DailyRollup, RollupOfSome
from metrics.queries import daily_series
from tests.bookings.deliveries import NOW, make_episode, make_line, make_show, measure, nov, teach_curve
from tracker.dashboards.tables import Column
from tracker.dashboards.tags import told_once
from tracker.flags.services import switch
from tracker.lib import charts, drawing, words

HOSTILE = '<b onclick="x">&'
SAFE = "&lt;b onclick=&quot;x&quot;&gt;&amp;"


def test_a_table_escapes_words_and_says_what_is_unknown(tenant):
    columns = [Column("a", "A"), Column("b", "B", "number"), Column("c", "C", "cents"), Column("d", "D", "day")]

    rows = drawing.table_rows(columns, [[HOSTILE, 12_840, -45_619, date(2020, 3, 2)], [None] * 4], currency="EUR")

    assert rows == (
        f'<tr><td>{SAFE}</td><td class="num">12,840</td><td class="num">−€456.19</td>'
        '<td><time datetime="2020-03-02">2 Mar 2020</time></td></tr>'
        '<tr><td><i class="unknown">–</i></td><td class="num"><i class="unknown">unknown</i></td>'
        '<td class="num"><i class="unknown">unknown</i></td><td><i class="unknown">unknown</i></td></tr>'
    )


def test_the_words_of_a_tooltip_are_escaped():
    chart = charts.line_chart(lines=[charts.Line("L", [1])], x_labels=["x"], label="l", tips=[[HOSTILE, HOSTILE]])

    drawn = drawing.tips(chart.tips)

    assert HOSTILE not in drawn
    assert f'data-said="{SAFE}. {SAFE}"' in drawn


def test_whole_figures_are_grouped_as_the_language_does(tenant):
    assert [words.number(value) for value in (0, -7, 999, 1_234_567)] == ["0", "−7", "999", "1,234,567"]
    with translation.override("de"):
        assert (words.number(1_234_567), words.money(123_456, "EUR")) == ("1.234.567", "€1.234,56")
    assert words.money(5, "EUR") == "€0.05"
    assert words.stamp(datetime(2026, 11, 20, 8, 40, tzinfo=ZoneInfo("UTC"))) == "2026-11-20T08:40+00:00"


def test_a_path_names_an_app_and_its_list_of_one_name_once():
    parts = [{"title": "Deals"}, {"title": "deals"}, {"title": "Board"}]

    assert [part["title"] for part in told_once(parts)] == ["deals", "Board"]


@pytest.mark.parametrize(
    ("address", "where"), [("board", "Board"), ("numbers", "Numbers"), ("rules", "Rules of the pipeline")]
)
def test_the_head_of_a_page_of_the_desk_says_where_one_is(client, login, sales_manager, address, where):
    switch(flag="ENABLE_DEAL_PIPELINE", on=True)

    page = login(client, sales_manager).get(f"/admin/deals/campaign/{address}/").content.decode()

    head = page.split("<h1", 1)[1].split("</h1>")[0]
    assert head.count("Deals") == 1
    assert head.index("Deals") < head.index(where)


def test_figures_of_few_shows_and_of_many_are_read_to_the_same_end(tenant, monkeypatch):
    show, other = make_show(), make_show()
    teach_curve(show)
    measure(make_episode(other, nov(15, 5)), [320, 160, 80, 40], first=nov(15).date(), revenue_cents=70)
    make_line(show=show, delivery="baked_in", start=nov(1), end=nov(30))
    make_line(show=other, start=nov(10), end=nov(25))
    days = {"first_day": nov(1).date(), "last_day": nov(20).date()}

    def read():
        rows = DailyRollup.objects.of_episodes(show.episodes.values_list("pk", flat=True)).count()
        return pacing_of(IOBooking.objects.order_by("pk"), at=NOW), daily_series(podcast_ids=[show.pk], **days), rows

    of_few = read()
    monkeypatch.setattr(RollupOfSome, "FEW_SHOWS", 0)
    monkeypatch.setattr(RollupOfSome, "FEW_EPISODES", 0)

    assert read() == of_few
    assert [pace for pace in of_few[0] if pace.delivered]
    assert of_few[2] > 20
