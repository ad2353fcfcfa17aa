"""What an installation is made of: checked as far as it can be without a container engine."""

import json
import os
import re
import secrets
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator

from tracker.stack.state import PROJECT

COMPOSE = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
APP = ("migrate", "web", "worker", "keeper", "beat")


def test_the_compose_file_fits_the_compose_schema():
    schema = json.loads(files("check_jsonschema.builtin_schemas.vendor").joinpath("compose-spec.json").read_text())

    assert [error.message for error in Draft7Validator(schema).iter_errors(COMPOSE)] == []


def test_the_compose_file_holds_every_part():
    assert set(SERVICES) == {"db", "queue", "cache", "migrate", "web", "worker", "keeper", "beat", "proxy"}
    assert SERVICES["db"]["image"] == "postgres:18"
    assert SERVICES["db"]["volumes"] == ["db:/var/lib/postgresql"]


@pytest.mark.parametrize("name", [name for name in SERVICES if name not in ("migrate", "beat", "proxy")])
def test_every_lasting_part_has_a_health_check_a_limit_and_comes_back(name):
    service = SERVICES[name]

    assert service["healthcheck"]["test"]
    assert service["deploy"]["resources"]["limits"]["memory"]
    assert service["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", APP)
def test_the_products_own_parts_run_with_few_rights(name):
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "USER tracker" in (PROJECT / "Dockerfile").read_text()


def test_no_password_stands_in_the_compose_file():
    for name, service in SERVICES.items():
        for key, value in (service.get("environment") or {}).items():
            if re.search(r"SECRET|PASSWORD|KEY|DATABASE_URL|TOKEN", key):
                assert key.endswith("_FILE"), f"{name}: {key}"
                assert value.startswith("/run/secrets/")
    assert all("file" in secret for secret in COMPOSE["secrets"].values())
    assert "deploy/secrets/" in (PROJECT / ".gitignore").read_text()


def test_everything_waits_for_the_migrations():
    for name in ("web", "worker", "keeper", "beat"):
        assert SERVICES[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_only_those_who_make_tables_know_the_owners_password():
    knowing = {name for name, service in SERVICES.items() if "owner_url" in service.get("secrets", [])}

    assert knowing == {"migrate", "keeper"}
    assert {SERVICES[name]["environment"]["OWNER_QUEUE"] for name in APP} == {"owner"}
    for name in ("web", "worker", "beat"):
        assert SERVICES[name]["environment"]["DATABASE_URL_FILE"] == "/run/secrets/database_url"


def test_the_image_installs_by_digest():
    dockerfile = (PROJECT / "Dockerfile").read_text()

    assert "pip install --require-hashes" in dockerfile
    assert "requirements-dev" not in dockerfile


@pytest.mark.parametrize("path", sorted((PROJECT / "deploy/systemd").glob("*.service")), ids=lambda path: path.name)
def test_service_units_name_commands_that_exist(path: Path):
    unit = path.read_text()

    assert "User=tracker" in unit
    words = re.search(r"^ExecStart=(\S+) (\S+)", unit, re.MULTILINE)
    assert words[1] == "/opt/tracker/deploy/entrypoint.sh"
    assert words[2] in ("web", "worker", "keeper", "beat", "bash")


@pytest.mark.parametrize(
    "path", [*sorted((PROJECT / "scripts").glob("*.sh")), PROJECT / "deploy/entrypoint.sh"], ids=str
)
def test_scripts_are_valid_shell(path: Path):
    assert subprocess.run(["bash", "-n", str(path)], capture_output=True, text=True).stderr == ""


def test_a_setting_may_come_from_a_file(tmp_path):
    (tmp_path / "key").write_text("from a file")
    environment = {"PATH": os.environ["PATH"], "SECRET_KEY_FILE": str(tmp_path / "key")}

    said = subprocess.run(
        [PROJECT / "deploy/entrypoint.sh", "sh", "-c", 'echo "$SECRET_KEY${SECRET_KEY_FILE:-}"'],
        env=environment,
        capture_output=True,
        text=True,
    )

    assert said.stdout == "from a file\n"


def test_djangos_deployment_checks_have_nothing_to_say_in_production():
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")},
        "SECRET_KEY": secrets.token_urlsafe(48),
        "SITE_SCHEME": "https",
        "SITE_HOST": "tracker.example.com",
        "TRUSTED_PROXIES": "1",
    }

    checked = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
    )

    assert checked.returncode == 0, checked.stderr


def test_every_setting_of_the_environment_is_listed_for_operators():
    read = set(re.findall(r"env(?:\.\w+)?\(\s*\"(\w+)\"", (PROJECT / "tracker/settings.py").read_text()))
    listed = set(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=", (PROJECT / ".env.example").read_text(), re.MULTILINE))

    assert read - listed == set()
