"""Every block of docs/api.md runs as printed: shell, Python and JavaScript, against a demo house and its webhooks."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.utils import timezone
from django_tenants.utils import schema_context
from jsonschema import Draft202012Validator

from tests.database import database_url
from tracker.events.exchange import post
from tracker.events.models import Endpoint, Event
from tracker.events.schemas import described
from tracker.events.signing import body_of, headers_for, new_secret
from tracker.lib.secrets import seal
from tracker.tenants.models import Domain, Tenant

PROJECT = Path(__file__).resolve().parents[2]
GUIDE = (PROJECT / "docs" / "api.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", GUIDE, re.M | re.S)
# Beside those of the two flows below: tests/tracker/events/test_guide.py has the shell's check, and
# tests/flows/test_generated_client.py makes the client.
ELSEWHERE = ("hexkey", "openapi-python-client")


def blocks(language: str, *, until: str = "", containing: str = "") -> list[str]:
    """Return the blocks of a language, those before a text of the guide, or those that hold a text."""
    before = GUIDE[: GUIDE.index(until)] if until else GUIDE
    return [text for kind, text in BLOCKS if kind == language and text in before and containing in text]


def node() -> str:
    return str(Path(pytest.importorskip("playwright").__file__).parent / "driver" / "node")


@pytest.fixture
def demo(live_site):
    """The demo house, answering on 127.0.0.1 for programs that resolve no *.localhost."""
    with schema_context("public"):
        house = Tenant.objects.get(schema_name="demo")
        Domain.objects.create(domain="127.0.0.1", tenant=house, is_primary=False)
    name = f"t_{os.environ['TRACKER_TEST_RUN']}_{os.environ.get('PYTEST_XDIST_WORKER', 'one')}_own"
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DATABASE_URL": database_url(name),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "NO_PROXY": "*",
        "SITE": f"http://127.0.0.1:{live_site.port}",
    }


@pytest.mark.demo_house
def test_first_import_and_first_booking_in_three_languages(demo):
    shell = "set -e\n" + "\n".join(blocks("sh", until="**Be told**")) + "\n" + blocks("sh", containing="/webhooks")[0]
    shell = shell.replace("http://demo.localhost:8000", demo["SITE"])
    shell = shell.replace("curl -s", "curl -sS --fail-with-body -w '\n'") + "\necho $KEY\n"

    first = subprocess.run(["bash", "-c", shell], cwd=PROJECT, env=demo, capture_output=True, text=True, timeout=240)
    assert first.returncode == 0, first.stdout[-2000:] + first.stderr
    answers, key = first.stdout.strip().splitlines()[:-1], first.stdout.strip().splitlines()[-1]
    asked = {**demo, "HOST": demo["SITE"], "KEY": key}
    python = "\n".join(blocks("python", until="## Hear of what happens"))
    script = "\n".join(blocks("javascript", until="## Hear of what happens"))
    second = subprocess.run([sys.executable, "-c", python], cwd=PROJECT, env=asked, capture_output=True, text=True)
    third = subprocess.run([node(), "-e", script], cwd=PROJECT, env=asked, capture_output=True, text=True)

    upload, history, line, feed, webhook = (json.loads(one) for one in answers)
    assert upload["import_id"] == history["imports"][0]["import_id"]
    assert (line["status"], line["gross_cents"]) == ("scheduled", 14_400)
    assert line["io_id"] in {one["data"]["io_id"] for one in feed["results"]}
    assert webhook["secret"].startswith("whsec_")
    # The same file again is completed and brings nothing; the bookings are for other weeks.
    for ran in (second, third):
        assert ran.returncode == 0, ran.stdout + ran.stderr
        told = [one.split() for one in ran.stdout.splitlines()]
        assert told[0] == ["completed", "0", "0"]
        assert told[1][1:3] == ["scheduled", "14400"]


@pytest.mark.parametrize("language", ["python", "javascript"])
def test_a_receiver_takes_what_is_signed_and_refuses_the_rest(tenant, tmp_path, language):
    secret = new_secret()
    event = Event(type="thing.done", subject_type="a.thing", subject_id="1", at=timezone.now(), data={"n": 1}, seq=1)
    endpoint = Endpoint(url="https://x.example/", secret=seal(secret))
    body = body_of(event)
    headers = headers_for(endpoint=endpoint, event=event, body=body, at=timezone.now())
    script = tmp_path / "receiver"
    script.write_text("\n".join(blocks(language)[-2:]))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = {"python": sys.executable, "javascript": node()}[language]
    environment = {**os.environ, "SECRET": secret, "PORT": str(port)}
    receiver = subprocess.Popen([program, script], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}/"
        taken = wait_for(lambda: post(url, body=body, headers=headers, loopback=True))
        changed = post(url, body=body + b" ", headers=headers, loopback=True)
        bare = post(url, body=body, headers={}, loopback=True)
    finally:
        receiver.kill()
        said = receiver.communicate()[0].decode()

    assert (taken.status, changed.status, bare.status) == (204, 400, 400)
    assert said.strip() == body.decode()


def test_the_payload_that_is_shown_fits_its_schema():
    (shown,) = blocks("json")
    payload = json.loads(shown)

    assert list(Draft202012Validator(described(payload["type"]).schema()).iter_errors(payload)) == []


def test_no_block_of_the_guide_goes_untested():
    flows = [*blocks("sh", until="**Be told**"), blocks("sh", containing="/webhooks")[0], *blocks("json")]
    flows += [one for kind in ("python", "javascript") for one in blocks(kind)]

    rest = [text for _kind, text in BLOCKS if text not in flows]

    assert len(rest) == len(ELSEWHERE)
    assert all(any(mark in text for text in rest) for mark in ELSEWHERE)


def wait_for(ask, seconds: float = 20.0):
    """Ask until somebody listens."""
    until = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer.status is not None or time.monotonic() > until:
            return answer
        time.sleep(0.2)
