"""Paper is typeset in a process beside the one that is asked, which may die without anybody losing more than time."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bookings import pdf, typesetting
from bookings.typesetter import ORDER_SHEET, Page
from tests.factories import make_booking
from tests.paper import needs_pango
from tracker.stack.state import PROJECT

pytestmark = [
    needs_pango,
    pytest.mark.usefixtures("real_paper"),
]

HELLO = Page(html="<html lang=en><title>Hello</title><p>Hello", sheets=(ORDER_SHEET,), identifier="hello")
OUTSIDE = Page(html="<html lang=en><title>x</title><img src='http://127.0.0.1:9/x.png'>", sheets=(), identifier="x")


def test_a_typesetter_that_was_killed_is_replaced_and_the_paper_is_the_same():
    before = typesetting.typeset(HELLO)
    killed = typesetting.own_process()
    os.kill(killed, signal.SIGKILL)

    assert typesetting.typeset(HELLO) == before
    assert typesetting.own_process() != killed


def test_a_page_that_asks_for_something_outside_is_refused_and_the_next_is_made():
    with pytest.raises(typesetting.NotTypeset, match="Paper asks for nothing outside"):
        typesetting.typeset(OUTSIDE)

    assert typesetting.typeset(HELLO).startswith(b"%PDF-")


def test_a_page_that_takes_too_long_is_given_up_with_its_typesetter(monkeypatch):
    typesetting.typeset(HELLO)
    slow = typesetting.own_process()
    monkeypatch.setattr(typesetting, "MOST_SECONDS", 0)

    with pytest.raises(typesetting.NotTypeset, match="not done after 0 s"):
        typesetting.typeset(HELLO)

    assert not Path(f"/proc/{slow}").exists()


def test_an_order_that_cannot_be_typeset_is_told_with_the_way_out(tenant, api, monkeypatch):
    monkeypatch.setenv("ENABLE_IO_BOOKINGS", "1")
    booking = make_booking()
    monkeypatch.setattr(pdf, "typeset", lambda _page: typesetting.typeset(OUTSIDE))

    answer = api.get(f"/api/v1/io/{booking.pk}/export/pdf")

    assert (answer.status_code, answer.json()["code"]) == (503, "pdf_failed")
    assert "print view" in answer.json()["detail"]


@pytest.mark.parametrize("last_words", ["", "time.sleep(60)"], ids=["which ends", "which is killed"])
def test_a_typesetter_ends_with_the_process_that_started_it_and_leaves_no_files(last_words, tmp_path):
    code = (
        "import time; from bookings import typesetter, typesetting\n"
        "typesetting.typeset(typesetter.Page('<title>x</title>', (typesetter.ORDER_SHEET,), 'x'))\n"
        f"print(typesetting.own_process(), flush=True); {last_words}"
    )
    alone = {**os.environ, "TMPDIR": str(tmp_path)}
    started = subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT, env=alone, stdout=subprocess.PIPE)
    typesetter = Path(f"/proc/{int(started.stdout.readline())}")
    if last_words:
        started.kill()
    started.wait(20)
    started.stdout.close()

    deadline = time.monotonic() + 20
    while typesetter.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not typesetter.exists()
    assert list(tmp_path.iterdir()) == []
