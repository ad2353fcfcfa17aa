"""The scripts an operator runs, run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from tests.database import database_url
from tests.factories import make_booking
from tests.tracker.tenants.test_fleet import before_the_last_migrations
from tracker.stack.state import PROJECT
from tracker.tenants import fleet


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    surroundings = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    return subprocess.run(
        [*command], cwd=PROJECT, env=surroundings | environment, capture_output=True, text=True, timeout=240
    )


@pytest.mark.own_database
def test_back_to_a_point_and_forth_again_by_the_scripts_with_a_log_of_each(tenant, tmp_path: Path, settings):
    make_booking()
    point = before_the_last_migrations("etl")
    point.write(tmp_path / "backups" / "points")
    surroundings = {
        "DATABASE_URL": database_url(connection.settings_dict["NAME"]),
        "RUN_LOGS": str(tmp_path / "logs"),
        "BACKUPS": str(tmp_path / "backups"),
        "MEDIA_ROOT": settings.MEDIA_ROOT,
        "PYTHON": sys.executable,
    }

    back = run("scripts/db_rollback.sh", point.name, **surroundings)
    assert back.returncode == 0, back.stdout + back.stderr
    undone = fleet.pending("acme")
    assert {app for app, _name in undone} == {"etl"}

    forth = run("scripts/db_migrate.sh", **surroundings)
    assert forth.returncode == 0, forth.stdout + forth.stderr
    assert fleet.pending("acme") == []
    assert "verified: public and 3 tenants" in forth.stdout + forth.stderr

    logs = {path.name.split("_", 1)[1]: path.read_text() for path in sorted((tmp_path / "logs").iterdir())}
    assert set(logs) == {"rollback.md", "migrate.md"}
    for text in logs.values():
        assert re.findall(r"^## (\w+)$", text, re.MULTILINE)[:2] == ["Checked", "Planned"]
        assert "Ended well" in text
    assert "## Done" in logs["migrate.md"]
    assert f"{undone[0][0]}.{undone[0][1]}" in logs["migrate.md"]
    assert "## Verified" in logs["migrate.md"]
    kept = [path for path in (tmp_path / "backups").iterdir() if (path / "manifest.json").exists()]
    assert len(kept) == 2


DAMAGE = {
    "DROP TABLE acme.matches CASCADE": "table acme.matches",
    "ALTER TABLE acme.campaigns RENAME COLUMN notes TO remarks": "column acme.campaigns.notes",
    "DROP INDEX acme.ux_metrics_daily_day_ep_source": "unique index acme.ux_metrics_daily_day_ep_source",
    "DROP FUNCTION acme.refresh_metrics_daily()": "function acme.refresh_metrics_daily()",
    "CREATE TABLE public.podcasts (x int)": "table podcasts stands both in public and in a tenant",
    "ALTER TABLE acme.users DISABLE TRIGGER ALL": "audit trigger on acme.users",
}


@pytest.mark.own_database
def test_verification_names_what_is_missing(tenant):
    surroundings = {"DATABASE_URL": database_url(connection.settings_dict["NAME"])}
    command = (sys.executable, "-m", "tracker.stack", "psql", "-X", "-q", "-f", "scripts/verify_run.sql")
    whole = run(*command, **surroundings)
    with connection.cursor() as cursor:
        cursor.execute(";".join(DAMAGE))

    damaged = run(*command, **surroundings)

    assert (whole.returncode, damaged.returncode) == (0, 3)
    said = damaged.stderr.partition("Missing: ")[2]
    assert [words for words in DAMAGE.values() if words not in said] == []


def test_going_back_to_a_moment_brings_every_row_back(tmp_path):
    drilled = run(sys.executable, "scripts/drill_point_in_time.py", "--folder", str(tmp_path / "drill"))

    assert drilled.returncode == 0, drilled.stdout + drilled.stderr
    assert drilled.stdout.splitlines()[-1] == "the same rows"
    assert "accident: 1500 orders deleted" in drilled.stdout
