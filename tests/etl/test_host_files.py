"""Files of hosts and platforms in the shapes of their public sources: sums worked out by hand, and what is asked."""

import json
from datetime import UTC, date
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.db.models import Sum
from hypothesis import given
from hypothesis import strategies as st

from etl.cells import CellError, day_in, is_furniture, money_of
from etl.places import country_code
from etl.readers import UnreadableFile
from etl.recorded import table_of
from metrics.models import AudienceShare, DailyRollup, EpisodeSnapshot, ShowFigure
from tests.etl.files import bring_in, issues, metrics_csv
from tests.factories import make_episode, make_podcast

AS_OF = {"as_of": "2026-03-10", "span": "all"}

FIRESIDE = (
    "Slug,Title,Published,Day 1,Day 7,Day 14,Day 30,Day 90,Spotify,All Time\n"
    'one,"One",2026-01-01,"1,000",2000,–,4000,5000,500,10000\n'
    'two,"Two",2026-01-08,10,20,30,,,5,60\n'
)
LIBSYN = (
    "item_title,release_date,downloads__march,downloads__february,downloads__total\n"
    "One,2026-01-01 00:52:24,438,181,619\nTwo,2026-01-08 04:33:45,0,2,2\n"
)
APPLE = (
    "Show Name,Episode ID,Episode GUID,Episode Number,Episode Title,Release Date,Duration,Unique Listeners,"
    "Unique Engaged Listeners,Plays,Average Consumption\n"
    "Night,1000676248116,g-1,,Another name,2026-01-01,1189,430,360,1972,0.8997770258376201\n"
    "Night,1000676248117,g-2,,Two,2026-01-08,1189,-,-,0,-\n"
)
APPLE_DAYS = (
    "Date,Total Time Listened,Plays,Unique Listeners,Unique Engaged Listeners\n"
    "20260301,3600,12,9,7\n20260302,100,-1,3,1\n20260303,0,0,0,0\n"
)
SPOTIFY = (
    '"name","plays","streams","audience_size","releaseDate"\n'
    '"One","120","100","80","2026-01-01"\n"Two","12","9","8","2026-01-08"\n'
)
ANCHOR = "Time (UTC),Plays\n01/31/2021 24:00:00,12\n02/01/2021 24:00:00,3\n"
ANCHOR_TOP = "Episode Title,Plays,Publish Time (UTC)\nOne,40,01/01/2026 24:00:00\nTwo,2,01/08/2026 06:30:00\n"
ANCHOR_GEO = "Geo,Percent of Plays\nUnited States,0.5\nGermany,0.25\nUnknown,0.25\n"
ANCHOR_APPS = "App,Percent of Plays\nSpotify,0.6511627906976745\nOther,0.3488372093023255\n"
ANCHOR_DEVICES = "Device,Percent of Plays\niPhone,0.75\nAndroid,0.25\n"
BUZZSPROUT = (
    "Episode Title,Episode ID,Publish Date,Publish Status,Last 7 Days,Last 30 Days,Last 90 Days,All Time Downloads\n"
    '"One",170001,"January 01, 2026 17:00",Live,14,88,188,388\nTwo,170002,"January 08, 2026 17:00",Live,8,8,8,12\n'
)
BUZZSPROUT_APPS = "Podcast App,Downloads\nSpotify,60\nApple Podcasts,20\nUnknown,20\n"
BUZZSPROUT_PLACES = (
    "City,State,Country,Continent,Downloads\nPorto,Porto,Portugal,Europe,60\n,,Portugal,Europe,20\n"
    "London,Ontario,Canada,North America,15\nLondon,England,United Kingdom,Europe,5\n"
)


@pytest.fixture
def show(tenant):
    podcast = make_podcast(title="Night")
    make_episode(podcast, title="One", guid="g-1")
    make_episode(podcast, title="Two", guid="g-2")
    return podcast


def kept() -> int | None:
    return EpisodeSnapshot.objects.aggregate(total=Sum("downloads"))["total"]


@pytest.mark.parametrize(
    ("text", "name", "key", "total"),
    [
        (FIRESIDE, "night-metrics-20260310-2231.csv", "fireside", 22_120),
        (FIRESIDE.replace("Day 1,", "1 Day,").replace("Day 7", "7 Days"), "x.csv", "fireside", 22_120),
        (LIBSYN, "x.csv", "libsyn", 621),
        (APPLE, "x.csv", "apple_episodes", 1972),
        (SPOTIFY, "x.csv", "spotify_episodes", 109),
        (ANCHOR_TOP, "Night_TopEpisodes_all-time.csv", "anchor_episodes", 42),
        (BUZZSPROUT, "stats_overview_report.csv", "buzzsprout_episodes", 400),
    ],
)
def test_tables_of_episodes_become_snapshots_with_the_files_own_sums(show, text, name, key, total):
    run = bring_in(text, name=name, answers={"podcast": str(show.pk), **AS_OF})

    assert (run.status, run.records_failed, run.metadata["profile_key"]) == ("completed", 0, key)
    assert kept() == total
    assert not DailyRollup.objects.exists()


@pytest.mark.parametrize(("text", "total", "days"), [(ANCHOR, 15, 2), (APPLE_DAYS, 12, 3)])
def test_days_of_a_whole_show_stay_the_shows(show, text, total, days):
    bring_in(text, name="Night_TotalPlays_all-time.csv", answers={"podcast": str(show.pk)})

    figures = ShowFigure.objects.order_by("first_day")
    assert (figures.aggregate(total=Sum("downloads"))["total"], len(figures)) == (total, days)
    if days == 2:
        assert figures[0].first_day == date(2021, 1, 31)
    else:
        # -1 is not known, and not zero; a real 0 is 0.
        assert [one.downloads for one in figures] == [12, None, 0]


TRANSISTOR_DAYS = [{"date": "05-03-2025", "downloads": 7}, {"date": "06-03-2025", "downloads": 0}]
TRANSISTOR = {"data": {"attributes": {"downloads": TRANSISTOR_DAYS}}}
SIMPLECAST_DAYS = [{"interval": "2025-03-05", "downloads_total": 4}, {"interval": "2025-03-06", "downloads_total": 5}]
SIMPLECAST = {"by_interval": SIMPLECAST_DAYS, "total": 9}


@pytest.mark.parametrize(("answer", "source", "total"), [(TRANSISTOR, "transistor", 7), (SIMPLECAST, "simplecast", 9)])
def test_answers_by_day_are_the_shows_or_one_episodes(show, answer, source, total):
    content, one = json.dumps(answer), show.episodes.get(title="One")

    bring_in(content, name="x.json", answers={"podcast": str(show.pk), "episode": "show"})
    bring_in(content, name="x.json", answers={"podcast": str(show.pk), "episode": str(one.pk)})

    figures = ShowFigure.objects.filter(source=source)
    assert figures.aggregate(total=Sum("downloads"))["total"] == total
    days = list(DailyRollup.objects.filter(episode=one, source=source).order_by("day").values_list("day", "downloads"))
    assert days[0][0] == date(2025, 3, 5)
    assert sum(downloads for _day, downloads in days) == total


def test_a_chart_by_day_and_video_gives_days(show):
    text = "Date,Content,Video title,Views\n2026-03-01,v1,One,10\n2026-03-01,v2,Two,5\n2026-03-02,v1,One,0\n"

    bring_in(text, name="Chart data.csv", answers={"podcast": str(show.pk)})

    assert DailyRollup.objects.filter(source="youtube").aggregate(total=Sum("downloads"))["total"] == 15
    assert DailyRollup.objects.get(day=date(2026, 3, 2)).downloads == 0


def test_places_become_countries_and_the_unknown_part_stands_apart(show):
    bring_in(ANCHOR_GEO, name="Night_GeoLocation_all-time.csv", answers={"podcast": str(show.pk), **AS_OF})

    shares = dict(AudienceShare.objects.values_list("value", "share"))
    assert shares == {"US": Decimal("0.666667"), "DE": Decimal("0.333333"), "": Decimal("0.25")}


def shares_of(dimension: str) -> dict[str, Decimal]:
    return dict(AudienceShare.objects.filter(dimension=dimension).values_list("value", "share"))


@pytest.mark.parametrize(
    ("text", "dimension", "shares"),
    [
        (ANCHOR_APPS, "app", {"Spotify": "1", "": "0.348837"}),
        (ANCHOR_DEVICES, "device", {"iPhone": "0.75", "Android": "0.25"}),
        # 80 of 100 are known: 60 of them are three quarters.
        (BUZZSPROUT_APPS, "app", {"Spotify": "0.75", "Apple Podcasts": "0.25", "": "0.2"}),
        (BUZZSPROUT_PLACES, "country", {"PT": "0.8", "CA": "0.15", "GB": "0.05"}),
        (
            BUZZSPROUT_PLACES,
            "city",
            {"Porto, Portugal": "0.75", "London, Canada": "0.1875", "London, United Kingdom": "0.0625", "": "0.2"},
        ),
    ],
)
def test_apps_devices_and_places_fill_the_audience(show, text, dimension, shares):
    run = bring_in(text, name="stats.csv", answers={"podcast": str(show.pk), **AS_OF})

    assert (run.status, run.records_failed) == ("completed", 0)
    assert shares_of(dimension) == {name: Decimal(share) for name, share in shares.items()}


def test_an_answer_with_its_header_beside_it_is_the_same_table(show):
    moment = {"name": "Time (UTC)", "type": "integer", "isDateTime": True}
    days = {"rows": [[1612051200, 12], [1612137600, 3]], "columnHeaders": [moment, {"name": "Plays"}]}
    parts = [{"name": "App"}, {"name": "Percent of Plays"}]
    apps = {"rows": [["Spotify", 0.75], ["Other", 0.25]], "columnHeaders": parts}

    for table in (days, apps):
        bring_in(json.dumps({"data": table}), name="x.json", answers={"podcast": str(show.pk), **AS_OF})

    assert list(ShowFigure.objects.order_by("first_day").values_list("first_day", "downloads")) == [
        (date(2021, 1, 31), 12),
        (date(2021, 2, 1), 3),
    ]
    assert shares_of("app") == {"Spotify": Decimal(1), "": Decimal("0.25")}


def test_a_chart_with_ambiguous_days_is_asked_and_then_read(show):
    text = "Date,Content,Video title,Views\n8/1/2026,v1,One,10\n8/2/2026,v1,One,5\n"

    asked = bring_in(text, answers={"podcast": str(show.pk)})
    bring_in(text, answers={"podcast": str(show.pk), "day_first": "month"})

    assert asked.metadata["asked"]["asks"] == ["day_first"]
    assert list(DailyRollup.objects.order_by("day").values_list("day", "downloads")) == [
        (date(2026, 8, 1), 10),
        (date(2026, 8, 2), 5),
    ]


def test_the_files_name_suggests_its_show_and_day_and_a_person_confirms(show):
    plays = bring_in(ANCHOR, name="Night_TotalPlays_all-time.csv", dry_run=True)
    fireside = bring_in(FIRESIDE, name="night-metrics-20260310-2231.csv", dry_run=True)

    assert plays.metadata["asked"]["suggested"] == {"podcast": str(show.pk)}
    assert fireside.metadata["asked"]["suggested"] == {"as_of": "2026-03-10"}
    assert kept() is None


def test_figures_of_chosen_days_are_not_taken_for_all_time(show):
    run = bring_in(SPOTIFY, answers={"podcast": str(show.pk), "as_of": "2026-03-10", "span": "some"})

    assert run.status == "failed"
    assert "cannot be taken apart" in run.error_message


def test_title_rows_totals_and_notes_around_the_contracts_file_are_told_apart(show):
    episode = show.episodes.first()
    text = "Weekly report,,,,,,,,\n\n" + metrics_csv(
        f"2026-03-01,{episode.pk},host,10,,,,,", "Total,,,10,,,,,", "exported by hand,,,,,,,,"
    )

    run = bring_in(text)

    assert (run.status, run.records_imported, run.records_failed, issues(run)) == ("completed", 1, 0, [])
    assert [row["line"] for row in run.metadata["passed_over"]] == [5, 6]


# --- pure -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "cents"),
    [
        *(("1,204.50", 120450), ("1.204,50", 120450), ("$1,204", 120400), ("1204", 120400), ("0", 0), ("12.5", 1250)),
        *(("14 USD", 1400), ("USD 1'204.00", 120400), ("n/a", None), ("–", None), ("-1", None)),
    ],
)
def test_money_is_read_to_the_cent(text, cents):
    assert money_of(text, currency="USD") == cents


@pytest.mark.parametrize("text", ["(12.50)", "-12", "€ 3", "12 EUR", "1.2.3", "1,20,4", "twelve", "1.234.5678"])
def test_money_that_cannot_be_meant_is_refused(text):
    with pytest.raises(CellError):
        money_of(text, currency="USD")


@pytest.mark.parametrize(
    ("text", "zone", "day"),
    [
        ("2026-03-09", "America/New_York", date(2026, 3, 9)),
        ("2026-03-09 23:30", "America/New_York", date(2026, 3, 10)),
        ("2026-03-09 00:30", "Europe/Berlin", date(2026, 3, 8)),
        ("2026-03-09T23:30:00Z", "America/New_York", date(2026, 3, 9)),
        ("03/09/2026 24:00:00", "UTC", date(2026, 3, 9)),
        ("Mar 9, 2026, 11:30 PM", "America/New_York", date(2026, 3, 10)),
        ("9 March 2026", "UTC", date(2026, 3, 9)),
        ("09.03.26", "UTC", date(2026, 3, 9)),
        ("9-Mar-26", "UTC", date(2026, 3, 9)),
    ],
)
def test_days_with_times_become_utc_days_of_the_zone_that_was_told(text, zone, day):
    assert day_in(text, zone=ZoneInfo(zone), day_first=False, latest=date(2026, 11, 21)) == day


@given(st.text(max_size=24))
def test_any_text_is_an_amount_or_a_day_or_refused_with_words(text):
    for read in (
        lambda cell: money_of(cell, currency="EUR"),
        lambda cell: day_in(cell, zone=UTC, day_first=True, latest=date(2026, 11, 21)),
    ):
        reason, found = "", None
        try:
            found = read(text)
        except CellError as refused:
            reason = refused.reason
        assert reason or found is None or found == read(text.strip())


@given(st.integers(0, 10**11), st.sampled_from([",", ".", "'"]))
def test_an_amount_reads_the_same_with_and_without_marks(cents, mark):
    whole, rest = divmod(cents, 100)
    point = "," if mark == "." else "."
    written = f"{whole:,}".replace(",", mark) + f"{point}{rest:02}"

    assert money_of(written, currency="EUR") == money_of(f"{whole}.{rest:02}", currency="EUR") == cents


LEAF = st.none() | st.booleans() | st.integers() | st.text(max_size=9)
NAMES = st.sampled_from(
    [
        *("rt", "episodes", "counts", "detailedStreams", "asof", "showDownloadCounts"),
        *("data", "rows", "date", "samples", "by_interval", "appDownloads"),
    ]
)


def inside(inner):
    return st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4)


@given(st.recursive(LEAF, inside, max_leaves=12))
def test_any_json_is_a_table_or_refused_with_words(answer):
    reason, rows = "", []
    try:
        rows = list(table_of(json.dumps(answer).encode()))
    except UnreadableFile as refused:
        reason = refused.reason

    assert bool(reason) != bool(rows)


@given(st.lists(st.text(max_size=12), max_size=6))
def test_a_row_with_two_words_beside_each_other_is_never_passed_over(cells):
    words = [cell for cell in cells if any(letter.isalpha() for letter in cell)]

    assert not is_furniture(cells) or len(words) < 2


def test_countries_are_known_by_name_and_code():
    assert [country_code(name) for name in ("Germany", "de", "USA", "United Kingdom", "Nowhere")] == [
        *("DE", "DE", "US", "GB", "Nowhere")
    ]
