"""The README's lines, run as printed against a demo house."""

import re
import subprocess
from pathlib import Path

import pytest

pytestmark = [pytest.mark.own_database, pytest.mark.demo_house]

PROJECT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.M | re.S)


def test_the_tour_works_as_printed(live_site, tmp_path):
    blocks = BLOCK.findall((PROJECT / "README.md").read_text())
    script = "set -e\n" + "\n".join(blocks)
    # Only the port differs, and an answer that is an error ends the tour.
    script = script.replace(":8000", f":{live_site.port}").replace("curl -s", "curl -sS --fail-with-body -w '\\n'")
    script = script.replace("-o order.pdf", f"-o {tmp_path}/order.pdf")

    tour = subprocess.run(["bash", "-c", script], cwd=PROJECT, capture_output=True, text=True, timeout=240)

    assert tour.returncode == 0, tour.stdout[-2000:] + tour.stderr
    assert '"stage": "won"' in tour.stdout.replace('":"', '": "')
    assert (tmp_path / "order.pdf").read_bytes().startswith(b"%PDF-")
