"""What will go says so with every answer and in the description, and a year before it goes."""

import json
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
from django.core.management import call_command

from metrics.api import PodcastViewSet
from tests.factories import make_podcast
from tracker.api.deprecation import Deprecation
from tracker.automation.api import RunListView

PODCASTS = "/api/v1/podcasts"
PAGE = "https://docs.example.com/shows"
GOING = Deprecation(since=date(2026, 11, 1), sunset=date(2027, 11, 1), instead=PAGE)
HEADERS = ("Deprecation", "Sunset", "Link")


def told(answer) -> list[str | None]:
    return [answer.get(name) for name in HEADERS]


def test_what_stays_says_nothing(api):
    assert told(api.get(PODCASTS)) == [None, None, None]


def test_an_act_that_will_go_says_since_when_until_when_and_what_instead(api, monkeypatch):
    monkeypatch.setattr(PodcastViewSet, "deprecated", {"retrieve": GOING})
    show = make_podcast()

    answer = api.get(f"{PODCASTS}/{show.pk}")

    since = int(answer["Deprecation"].removeprefix("@"))
    assert answer.status_code == 200
    assert datetime.fromtimestamp(since, UTC) == datetime(2026, 11, 1, tzinfo=UTC)
    assert parsedate_to_datetime(answer["Sunset"]) == datetime(2027, 11, 1, tzinfo=UTC)
    assert answer["Link"] == f'<{PAGE}>; rel="deprecation"; type="text/html"'
    assert told(api.get(PODCASTS)) == [None, None, None]


@pytest.mark.parametrize("headers", [{}, {"if-none-match": "*"}])
def test_a_whole_resource_that_will_go_says_so_in_refusals_and_304s_too(api, monkeypatch, headers):
    monkeypatch.setattr(PodcastViewSet, "deprecated", {"*": GOING})

    answers = [api.get(PODCASTS, headers=headers), api.get(f"{PODCASTS}/{GOING.since}"), api.post(PODCASTS)]

    assert [None in told(one) for one in answers if one.status_code != 404] == [False, False]


def test_a_view_that_is_no_list_names_the_method(api, monkeypatch, switch_on_all):
    monkeypatch.setattr(RunListView, "deprecated", {"GET": GOING})

    assert api.get("/api/v1/automation/runs")["Sunset"] == "Mon, 01 Nov 2027 00:00:00 GMT"


def test_the_description_marks_what_will_go(monkeypatch, tmp_path):
    monkeypatch.setattr(PodcastViewSet, "deprecated", {"create": GOING})
    made = tmp_path / "openapi.json"

    # Written in a tenth of the time that YAML takes.
    call_command("spectacular", file=str(made), format="openapi-json")

    paths = json.loads(made.read_text())["paths"]
    marked = {
        (path, method)
        for path, operations in paths.items()
        for method, operation in operations.items()
        if operation.get("deprecated")
    }
    assert marked == {(PODCASTS, "post")}


def test_nothing_goes_sooner_than_a_year_after_it_was_said():
    with pytest.raises(ValueError, match="365"):
        Deprecation(since=date(2026, 11, 1), sunset=date(2027, 10, 31), instead=PAGE)


def test_the_policy_is_written_where_partners_read():
    words = (Path(__file__).resolve().parents[3] / "docs" / "api.md").read_text()

    assert all(f"`{name}:" in words for name in ("Deprecation", "Sunset", "Link"))
    assert "at least 365 days" in words
