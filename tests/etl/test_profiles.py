"""Files of hosts: known by their header, asked for what they do not say, matched to episodes, right to the number."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.cells import count_of, day_of, share_of_one
from etl.matching import Known, Matcher, name_key
from etl.profiles import SHIPPED, Hint
from etl.profiles.orders import ORDER_PROFILES
from etl.records import CellError
from etl.services import run_waiting_imports, undo_import
from metrics.models import AudienceShare, DailyRollup, EpisodeAlias, EpisodeSnapshot
from metrics.queries import audience_summary
from tests.etl.files import bring_in, issues, upload
from tests.factories import NOON, make_episode, make_podcast
from tracker.lib.actors import SYSTEM

TODAY = date(2026, 11, 21)

OP3_EPISODES = (
    "episode_title\tepisode_pub_date\tdownloads_3_day\tdownloads_7_day\tdownloads_30_day\tdownloads_all_time\t"
    "downloads_asof\n"
    '12: Tides, maps and "dead" reckoning\t2024-03-04T06:30:00.000Z\t210\t388\t\t1021\t{asof}T00:00:00.000Z\n'
    "11: Salt\t2024-02-26T06:30:00.000Z\t190\t300\t\t{salt}\t{asof}T00:00:00.000Z\n"
)
OP3_ROWS = (
    "time\turl\taudienceId\tshowUuid\tepisodeId\thashedIpAddress\tagentType\tagentName\tbotType\tcountryCode\n"
    "2026-03-01T23:59:59.999Z\thttps://x/1.mp3\ta\ts\tep-1\th\tapp\tOvercast\t\tDE\n"
    "2026-03-02T00:00:00.000Z\thttps://x/1.mp3\tb\ts\tep-1\th\tapp\tOvercast\t\tDE\n"
    "2026-03-02T07:00:00.000Z\thttps://x/1.mp3\tc\ts\tep-1\th\tapp\tOvercast\t\tDE\n"
    "2026-03-02T08:00:00.000Z\thttps://x/1.mp3\td\ts\tep-1\th\tbot\tX\tbot-lib\tDE\n"
)
MEGAPHONE = (
    "\ufeffPODCAST,EPISODE,PUBLISHED,DOWNLOADS,FIRST 24 HOURS,FIRST 7 DAYS,TO DATE\n"
    '"Night, Shift",One,2026-03-01,"1,204","1,000",N/A,"12,040"\n'
    "Total,,,99,99,99,99\n"
)
PODLOVE = (
    "title,id,post_id,post_date,post_date_gmt,days_since_release,hours_since_release,downloads,3y,2y,1y,3q,2q,1q,"
    "4w,3w,2w,1w,6d,5d,4d,3d,2d,1d\n"
    "One,1,1,2026-03-01 07:00,2026-03-01 06:00,9,216,90,,,,,,,,,,80,75,70,60,50,40,30\n"
)
YOUTUBE = (
    "Content,Video title,Video publish time,Duration,Views,Watch time (hours)\n"
    'Total,,,,300,20\nabc,One,"Mar 1, 2026",1800,200,12\ndef,Two,"Mar 2, 2026",1800,100,8\n'
)
PODIGEE = (
    "start,end,dimension,subdimension,value\n2026-02-01,2026-02-28,clients,Overcast,60\n"
    "2026-02-01,2026-02-28,clients,AntennaPod,20\n2026-02-01,2026-02-28,clients,Unknown,20\n"
    "2026-02-01,2026-02-28,downloads,,1000\n"
)


def snapshots() -> list[tuple]:
    rows = EpisodeSnapshot.objects.order_by("episode__title", "as_of", "window_days")
    return [(one.episode.title, one.window_days, one.as_of.isoformat(), one.downloads) for one in rows]


@pytest.fixture
def show(tenant):
    return make_podcast(title="Night, Shift")


def answers(show, **more) -> dict[str, str]:
    return {"podcast": str(show.pk), **more}


def test_op3_episode_counts_become_snapshots_and_blank_is_not_zero(show):
    make_episode(show, title='Tides, maps and "dead" reckoning')
    make_episode(show, title="Salt")

    run = bring_in(OP3_EPISODES.format(asof="2024-04-01", salt=900), name="op3.tsv", answers=answers(show))

    assert (run.status, run.records_imported, run.kind) == ("completed", 6, "host_report")
    assert snapshots() == [
        ("Salt", 3, "2024-04-01", 190),
        ("Salt", 7, "2024-04-01", 300),
        ("Salt", None, "2024-04-01", 900),
        ('Tides, maps and "dead" reckoning', 3, "2024-04-01", 210),
        ('Tides, maps and "dead" reckoning', 7, "2024-04-01", 388),
        ('Tides, maps and "dead" reckoning', None, "2024-04-01", 1021),
    ]
    assert not DailyRollup.objects.exists()


def test_two_snapshots_a_day_apart_give_that_day_and_others_give_none(show):
    make_episode(show, title="Salt")
    make_episode(show, title='Tides, maps and "dead" reckoning')

    for asof, salt in (("2024-04-01", 900), ("2024-04-02", 950), ("2024-04-04", 990)):
        bring_in(OP3_EPISODES.format(asof=asof, salt=salt), name="op3.tsv", answers=answers(show))

    days = DailyRollup.objects.order_by("episode__title").values_list("episode__title", "day", "downloads")
    assert list(days) == [
        ("Salt", date(2024, 4, 2), 50),
        ('Tides, maps and "dead" reckoning', date(2024, 4, 2), 0),
    ]


def test_the_same_report_again_changes_nothing_and_undoing_takes_it_out(show):
    make_episode(show, title="Salt")
    make_episode(show, title='Tides, maps and "dead" reckoning')
    text = OP3_EPISODES.format(asof="2024-04-01", salt=900)
    first = bring_in(text, name="op3.tsv", answers=answers(show))

    again = bring_in(text, name="op3.tsv", answers=answers(show))
    undo_import(import_run=first, by=SYSTEM, at=NOON)

    assert (again.records_imported, again.metadata["unchanged"]) == (0, 6)
    assert snapshots() == []


def test_op3_download_rows_are_counted_by_utc_day_without_robots(show):
    episode = make_episode(show, guid="ep-1")

    bring_in(OP3_ROWS, name="show-downloads-2026-03.tsv", answers=answers(show))

    days = DailyRollup.objects.order_by("day").values_list("episode_id", "day", "source", "downloads")
    assert list(days) == [(episode.pk, date(2026, 3, 1), "op3", 1), (episode.pk, date(2026, 3, 2), "op3", 2)]


def test_megaphone_reads_thousands_marks_names_its_show_and_a_footer_is_no_episode(show):
    make_episode(show, title="One")

    run = bring_in(MEGAPHONE, name="report_2026-03-01_to_2026-03-10.csv", answers={"as_of": "2026-03-10"})

    assert snapshots() == [("One", 1, "2026-03-10", 1000), ("One", None, "2026-03-10", 12040)]
    assert issues(run) == []
    assert [row["line"] for row in run.metadata["passed_over"]] == [3]


def test_podlove_windows_and_youtube_totals(show):
    make_episode(show, title="One")
    make_episode(show, title="Two")

    bring_in(PODLOVE, name="podlove.csv", answers=answers(show, as_of="2026-03-10"))
    run = bring_in(YOUTUBE, name="Table data.csv", answers=answers(show, as_of="2026-03-10", span="all"))

    assert [(one[1], one[3]) for one in snapshots() if one[0] == "One"] == [
        *((n, 20 + 10 * n) for n in (1, 2, 3, 4)),
        *((5, 70), (6, 75), (7, 80)),
        *((None, 90), (None, 200)),
    ]
    assert sum(one[3] for one in snapshots() if one[1] is None) == 90 + 300
    assert run.records_failed == 0


def test_programs_fill_the_audience_and_the_unknown_part_stands_apart(show):
    bring_in(PODIGEE, name="podigee.csv", answers=answers(show))

    summary = audience_summary(podcast_ids=[show.pk])[show.pk]["app"]
    assert summary.shares == {"Overcast": Decimal("0.75"), "AntennaPod": Decimal("0.25")}
    assert (summary.unknown, summary.source, summary.as_of) == (Decimal("0.2"), "podigee", date(2026, 2, 28))


def test_what_the_file_does_not_say_is_asked_with_what_its_name_suggests(show):
    run = bring_in(MEGAPHONE, name="report_2026-03-01_to_2026-03-10.csv", dry_run=True)

    assert (run.status, run.metadata["code"]) == ("failed", "answers_needed")
    assert run.metadata["asked"]["asks"] == ["as_of"]
    assert run.metadata["asked"]["suggested"] == {"as_of": "2026-03-10"}
    assert not EpisodeSnapshot.objects.exists()


# --- pages ------------------------------------------------------------------------------------------------------------
@pytest.fixture
def staff(client, login, ops_user, monkeypatch):
    monkeypatch.setenv("ENABLE_ETL_CSV_UPLOAD", "1")
    return login(client, ops_user)


def followed(staff, answer) -> str:
    """Let the worker run, then read the page that the answer leads to."""
    run_waiting_imports()
    return staff.get(answer.headers["Location"]).text


def test_an_unknown_header_is_mapped_on_a_screen_and_known_the_next_time(staff, show):
    make_episode(show, title="One")
    text = "Report of the week\n\nFolge;Tag;Abrufe\nOne;3/4/2026;1.204\n"
    sent = staff.post("/imports/upload", {"file": upload(text, name="mine.csv")})
    page = followed(staff, sent)
    assert "Which column means what?" in page
    assert "1.204" in page

    mapping = {"source": "acast", "column_episode": "folge", "column_day": "tag", "column_downloads": "abrufe"}
    mapped = staff.post(f"{sent.headers['Location']}/columns", mapping)
    assert "Choose a show" in followed(staff, mapped)
    shown = staff.post(f"{mapped.headers['Location']}/check-again", {"podcast": str(show.pk), "time_zone": "UTC"})
    assert "In 3/9, the 3 is" in followed(staff, shown)
    ordered = staff.post(f"{shown.headers['Location']}/check-again", {"day_first": "day"})
    assert "Import 1 row" in followed(staff, ordered)
    staff.post(f"{ordered.headers['Location']}/import")
    run_waiting_imports()

    figure = DailyRollup.objects.get()
    assert (figure.day, figure.source, figure.downloads) == (date(2026, 4, 3), "acast", 1204)
    again = bring_in(text, name="mine.csv", answers=answers(show, day_first="day", time_zone="UTC"))
    assert (again.status, again.metadata["unchanged"]) == ("completed", 1)


def test_an_unknown_episode_is_linked_or_created_by_one_click_and_remembered(staff, show):
    salt = make_episode(show, title="Das Salz")
    text = OP3_EPISODES.format(asof="2024-04-01", salt=900)
    checked = bring_in(text, name="op3.tsv", answers=answers(show), dry_run=True)
    names = [one["name"] for one in checked.metadata["unmatched"]]
    place = {name: n for n, name in enumerate(names)}

    choice = {
        f"episode_{place['11: Salt']}": str(salt.pk),
        f"episode_{place['12: Tides, maps and ' + chr(34) + 'dead' + chr(34) + ' reckoning']}": "new",
    }
    linked = staff.post(f"/imports/{checked.pk}/link", choice)

    assert "Import 6 rows" in followed(staff, linked)
    assert EpisodeAlias.objects.count() == 2
    assert show.episodes.count() == 2


# --- pure -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1,204", 1204),
        ("1.204", 1204),
        ("1.000", 1000),
        ("1 204 000", 1204000),
        ("1'204", 1204),
        ("12.0", 12),
        ("0", 0),
        ("-1", None),
    ],
)
def test_counts_are_read_with_any_thousands_mark(text, value):
    assert count_of(text) == value


@pytest.mark.parametrize("text", ["1,2", "1.20.4", "(12)", "-5", "12k", "1,204.50", "٣"])
def test_what_is_no_count_is_refused(text):
    with pytest.raises(CellError):
        count_of(text)


@pytest.mark.parametrize(("text", "share"), [("25 %", "0.25"), ("25,5%", "0.255"), ("0.25", "0.25"), ("100%", "1")])
def test_shares_are_read_as_parts_or_percent(text, share):
    assert share_of_one(text) == Decimal(share)


@pytest.mark.parametrize(
    ("text", "day_first", "day"),
    [
        ("2026-03-09", None, date(2026, 3, 9)),
        ("20260309", None, date(2026, 3, 9)),
        ("9.3.2026", None, date(2026, 3, 9)),
        ("05-03-2025", True, date(2025, 3, 5)),
        ("3/9/26", False, date(2026, 3, 9)),
        ("13/2/2026", None, date(2026, 2, 13)),
        ("01/31/2021 24:00:00", False, date(2021, 1, 31)),
    ],
)
def test_days_are_read_in_the_forms_of_hosts(text, day_first, day):
    assert day_of(text, day_first=day_first, latest=TODAY) == day


def test_a_day_that_could_be_two_is_asked_not_guessed():
    with pytest.raises(CellError) as refusal:
        day_of("3/9/2026", day_first=None, latest=TODAY)

    assert refusal.value.code == "order_unknown"


@given(st.text(max_size=20))
def test_any_text_is_read_or_refused(text):
    for read in (count_of, share_of_one, lambda cell: day_of(cell, day_first=True, latest=TODAY)):
        words = "."
        try:
            read(text)
        except CellError as refusal:
            words = refusal.reason
        assert re.search(r"[.?]$", words)


def test_titles_match_without_numbers_and_case_and_near_ones_by_their_day():
    known = [
        Known(make_id(1), "12 · Tides and Maps", "", date(2026, 3, 1)),
        Known(make_id(2), "Salt", "guid-2", date(2026, 3, 8)),
        Known(make_id(3), "Salt", "", date(2026, 3, 15)),
    ]
    matcher = Matcher(known, {name_key("Das Salz"): make_id(2)})

    assert matcher.find(Hint("tides and maps")).episode_id == make_id(1)
    assert matcher.find(Hint("guid-2")).episode_id == make_id(2)
    assert matcher.find(Hint("das  SALZ")).episode_id == make_id(2)
    assert matcher.find(Hint("Salt")) is None
    assert matcher.find(Hint("Salt", date(2026, 3, 15))).episode_id == make_id(3)
    near = matcher.find(Hint("Tides and Mapps", date(2026, 3, 2)))
    assert (near.episode_id, 0.9 <= near.confidence < 1) == (make_id(1), True)
    assert matcher.find(Hint("Tides and Mapps", date(2026, 4, 2))) is None
    assert matcher.find(Hint("Something else", date(2026, 3, 1))) is None


# An address that anybody can open: a public repository with the file in it, or a page.
ADDRESS = re.compile(r"github\.com/[\w.-]+/[\w.-]+, \S+|https://[a-z0-9-]+(\.[a-z0-9-]+)+")


@pytest.mark.parametrize("profile", [*SHIPPED, *ORDER_PROFILES], ids=lambda profile: profile.key)
def test_each_profile_names_its_public_source(profile):
    assert ADDRESS.search(profile.reference)
    assert profile.fits(list(profile.header))
    assert not profile.fits(list(profile.header)[1:])


def make_id(n: int):
    from uuid import UUID

    return UUID(int=n)


def test_snapshots_of_a_source_that_takes_back_give_no_figure(show):
    from metrics.reports import SnapshotOf, record_snapshots

    episode = make_episode(show)
    at = datetime(2026, 3, 5, tzinfo=UTC)
    for day, downloads in ((1, 100), (2, 90)):
        record_snapshots(rows=[SnapshotOf(episode.pk, "x", None, date(2026, 3, day), downloads)], import_id=None, at=at)

    assert not DailyRollup.objects.exists()
    assert AudienceShare.objects.count() == 0
