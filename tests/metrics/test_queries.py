"""Daily figures of shows: sums over episodes, and days that a source tells only of the whole show."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from metrics.queries import daily_series
from metrics.reports import FigureOfShow, record_show_figures
from tests.etl.files import bring_in, metrics_csv
from tests.factories import NOON, make_episode, make_podcast
from tracker.dashboards.creator.downloads import Downloads, downloads_of
from tracker.dashboards.scope import Period, Scope

DAY = date(2026, 3, 2)


@pytest.fixture
def show(tenant):
    """Episodes were counted on 2 March, their sales alone on 3 March; the whole show was told from 1 to 3 March."""
    show = make_podcast()
    one, two = make_episode(show), make_episode(show)
    bring_in(
        metrics_csv(
            f"{DAY},{one.pk},anchor,10,,,,,",
            f"{DAY},{two.pk},anchor,20,,,,,",
            f"{DAY + timedelta(days=1)},{one.pk},anchor,,,,,,500",
        )
    )
    days = [DAY + timedelta(days=n) for n in (-1, 0, 1)]
    told = [FigureOfShow(show.pk, "anchor", day, day, downloads=100) for day in days]
    week = FigureOfShow(show.pk, "anchor", DAY, DAY + timedelta(days=6), downloads=9_999)
    only_listeners = FigureOfShow(show.pk, "anchor", DAY + timedelta(days=4), DAY + timedelta(days=4), listeners=7)
    record_show_figures(rows=[*told, week, only_listeners], import_id=None, at=NOON)
    return show


def test_a_day_of_the_whole_show_counts_where_its_episodes_are_not_told(show):
    with CaptureQueriesContext(connection) as asked:
        series = daily_series(
            podcast_ids=[show.pk], first_day=DAY - timedelta(days=9), last_day=DAY + timedelta(days=9)
        )

    assert [(one.day - DAY, one.downloads, one.revenue_cents) for one in series] == [
        (timedelta(days=-1), 100, None),
        (timedelta(0), 30, None),
        (timedelta(days=1), 100, 500),
    ]
    assert len(asked) == 1
    assert daily_series(podcast_ids=[show.pk], first_day=DAY, last_day=DAY, source="op3") == []


def test_the_creators_dashboard_counts_days_of_whole_shows(show):
    period = Period(DAY, DAY + timedelta(days=1))
    scope = Scope(at=NOON, podcasts=[show], all_podcasts=[show], period=period)
    assert downloads_of(scope, period) == Downloads(now=130, before=100)
