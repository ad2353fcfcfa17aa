"""The lines of docs/api.md that verify a webhook do so, and refuse what was changed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.utils import timezone

from tracker.events.models import Endpoint, Event
from tracker.events.signing import body_of, headers_for, new_secret
from tracker.lib.secrets import seal

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "api.md"


def snippet(language: str, containing: str) -> str:
    blocks = re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(), re.S)
    return next(block for block in blocks if containing in block)


@pytest.fixture
def webhook() -> tuple[str, dict[str, str], str]:
    secret = new_secret()
    event = Event(type="thing.done", subject_type="a.thing", subject_id="1", at=timezone.now(), data={"n": 1}, seq=1)
    endpoint = Endpoint(url="https://x.example/", secret=seal(secret))
    body = body_of(event)
    return secret, headers_for(endpoint=endpoint, event=event, body=body, at=timezone.now()), body.decode()


@pytest.mark.parametrize("tampered", [False, True])
def test_the_python_lines(webhook, tampered):
    secret, headers, body = webhook
    code = (
        snippet("python", "def verify") + f"\nverify({secret!r}, {headers!r}, {body.encode()!r} + {b' ' * tampered!r})"
    )

    assert (subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0) is not tampered


@pytest.mark.parametrize("tampered", [False, True])
def test_the_javascript_lines(webhook, tampered, tmp_path):
    import json

    node = shutil.which("node") or str(Path(pytest.importorskip("playwright").__file__).parent / "driver" / "node")
    secret, headers, body = webhook
    script = tmp_path / "verify.js"
    call = f"verify({json.dumps(secret)}, {json.dumps(headers)}, {json.dumps(body + ' ' * tampered)});"
    script.write_text(f"{snippet('javascript', 'function verify')}\n{call}\n")

    assert (subprocess.run([node, str(script)], capture_output=True).returncode == 0) is not tampered


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl on this machine")
@pytest.mark.parametrize("tampered", [False, True])
def test_the_shell_lines(webhook, tampered):
    secret, headers, body = webhook
    environment = {
        **os.environ,
        "SECRET": secret,
        "BODY": body + " " * tampered,
        "WEBHOOK_ID": headers["webhook-id"],
        "WEBHOOK_TIMESTAMP": headers["webhook-timestamp"],
        "WEBHOOK_SIGNATURE": headers["webhook-signature"],
    }
    ran = subprocess.run(["sh", "-c", snippet("sh", "hexkey")], env=environment, capture_output=True, text=True)

    assert (ran.stdout.strip() == "verified") is not tampered
