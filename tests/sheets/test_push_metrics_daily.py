"""The sheet-side script under Node, against a running server."""

import json
import subprocess
from pathlib import Path

import playwright
import pytest
from django.utils import timezone

from metrics.models import DailyRollup
from tests.factories import make_episode
from tracker.accounts.services import create_api_key
from tracker.flags.models import FlagOverride
from tracker.lib.actors import SYSTEM
from tracker.stack.state import PROJECT

NODE = Path(playwright.__file__).parent / "driver" / "node"
NAMES = ["day", "episode_id", "source", "downloads", "note"]

pytestmark = [pytest.mark.own_database, pytest.mark.browser]


@pytest.fixture
def sheet(tenant, live_site):
    """`sheet(call, rows)` runs a menu entry over a sheet of these rows; returns what was told, and the sheet after."""
    FlagOverride.objects.create(flag="ENABLE_ETL_CSV_UPLOAD", is_on=True)
    _key, secret = create_api_key(
        name="sheet", scopes=["etl:read", "etl:write"], role="ops", by=SYSTEM, at=timezone.now()
    )

    def run(call, rows, *, key=secret):
        given = {
            "script": str(PROJECT / "docs" / "sheets" / "push_metrics_daily.gs"),
            "call": call,
            "values": rows,
            "address": live_site.url("").rstrip("/"),
            "key": key,
            "port": live_site.port,
        }
        done = subprocess.run(
            [str(NODE), str(Path(__file__).parent / "apps_script.js")],
            input=json.dumps(given),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        return answer["told"], answer["values"]

    return run


def test_rows_are_pushed_and_each_is_told_what_became_of_it(sheet):
    episode = str(make_episode().pk)
    rows = [
        NAMES,
        [{"date": "2026-03-01T00:00:00Z"}, episode, "host, the first", 12, 'said "hi"\nand left'],
        ["2026-02-30", episode, "host", 5, ""],
        ["", "", "", "", ""],
        ["2026-03-02", episode, "host", "1.204", ""],
    ]

    told, after = sheet("pushMetricsDaily", rows)

    assert told == "1 rows changed, 2 refused."
    assert [row[5] for row in after] == [
        "tracker",
        "taken",
        "day: February 2026 has 28 days.",
        "",
        "downloads: Whole numbers only. Is the point a thousands mark?",
    ]
    assert DailyRollup.objects.get().source == "host, the first"


def test_a_check_writes_nothing(sheet):
    told, after = sheet("checkMetricsDaily", [NAMES, ["2026-03-01", str(make_episode().pk), "host", 12, ""]])

    assert (told, after[1][5]) == ("1 rows would change, 0 refused.", "would be taken")
    assert not DailyRollup.objects.exists()


def test_a_wrong_key_and_missing_columns_are_told(sheet):
    row = ["2026-03-01", str(make_episode().pk), "host", 12, ""]

    assert sheet("pushMetricsDaily", [NAMES, row], key="nonsense")[0] == "This key is not valid here."
    assert sheet("pushMetricsDaily", [NAMES, row], key="")[0] == "Choose Tracker > Settings first."
    assert sheet("pushMetricsDaily", [["a"], [1]])[0] == "The first row does not name: day, episode_id, source."
