"""A real Chromium before a real server: `live_site` serves the test's own database, `page` is a tab."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from django.conf import settings

from tests.database import database_url
from tests.servers import STATE
from tests.sessions import session_of
from tracker.stack.state import PROJECT

# A page of the site on which nothing happens.
STILL = "/static/img/favicon.svg"
# The first is Chromium without windows and menus, which it draws for nobody here: a third less work of the processor.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)


@dataclass
class LiveSite:
    """A running web server over the database of the test."""

    port: int
    tenant: object = None

    def url(self, path: str = "/", *, tenant: object = None) -> str:
        return f"http://{(tenant or self.tenant).host}:{self.port}{path}"

    def login(self, page, user, *, tenant: object = None) -> None:
        """Sign a person in by a session cookie, as if they had come through the sign-in page."""
        tenant = tenant or self.tenant
        key = session_of(user, tenant).session_key
        page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": key, "url": self.url(tenant=tenant)}])


@pytest.fixture(scope="session")
def web_server() -> Iterator[int]:
    """Gunicorn, started once; each test puts a fresh copy of the template under it. Yields its port."""
    name = f"t_{os.environ['TRACKER_TEST_RUN']}_{os.environ.get('PYTEST_XDIST_WORKER', 'one')}_own"
    port = _free_port()
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DATABASE_URL": database_url(name),
        "SITE_PORT": str(port),
        "MEDIA_ROOT": str(STATE.folder / f"media-{port}"),
        # Programs of tests ask as fast as they can.
        "API_RATE": "100000/min",
    }
    command = [sys.executable, "-m", "gunicorn", "tracker.wsgi", "--bind", f"127.0.0.1:{port}", "--workers", "1"]
    command += ["--worker-class", "gthread", "--threads", "4", "--no-control-socket", "--log-level", "warning"]
    log = STATE.logs / f"live-site-{port}.log"
    with log.open("wb") as output:
        server = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + 60
        while not _listens(port):
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"The web server did not start:\n{log.read_text()}")
            time.sleep(0.1)
        yield port
    finally:
        server.terminate()
        server.wait(30)
        shutil.rmtree(environment["MEDIA_ROOT"], ignore_errors=True)
        log.unlink(missing_ok=True)


@pytest.fixture
def live_site(tenant, web_server) -> LiveSite:
    """The web server over this test's own copy of the database; `tenant` is acme, entered."""
    return LiveSite(port=web_server, tenant=tenant)


@pytest.fixture(scope="session")
def _chromium() -> Iterator[object]:
    if CHROMIUM is None:
        reason = "no Chromium on this machine: install it with `apt-get install chromium`"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    # Playwright keeps an event loop in this thread from here on, which Django takes for asynchronous code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    # One process for pages is enough for one tab: the browser would keep a second one ready for the next page.
    options = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--renderer-process-limit=1"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def _window(_chromium, web_server) -> Iterator[tuple[object, list[str]]]:
    """One window for all tests; and what it complains about: script errors and content that the policy refused."""
    window = _chromium.new_context(base_url=f"http://acme.localhost:{web_server}")
    complaints: list[str] = []
    window.on("weberror", lambda error: complaints.append(str(error.error)))
    window.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
    yield window, complaints
    window.close()


@pytest.fixture
def page(live_site, _window) -> Iterator[object]:
    """A tab of 1440 by 900 pixels. The test fails at its end if a script broke or the policy refused content.

    Tests take the same one in turn: to open a tab costs more than what most of them do in it.
    """
    window, complaints = _window
    complaints.clear()
    tab = window.pages[0] if window.pages else window.new_page()
    tab.set_default_timeout(30_000)
    tab.set_viewport_size({"width": 1440, "height": 900})
    tab.emulate_media(media="screen", color_scheme="light", reduced_motion="reduce")
    yield tab
    _forget(tab)
    assert complaints == []


def _forget(tab) -> None:
    """Leave nothing of a test in the window: neither who was signed in nor what pages keep in the browser.

    The tab stays on the site: whatever page follows an empty one, the browser starts another process for it.
    """
    from playwright.sync_api import Error

    tab.context.clear_cookies()
    try:
        if tab.url.startswith("http"):
            tab.evaluate("localStorage.clear(), sessionStorage.clear()")
        tab.mouse.move(0, 0)
        site = urlsplit(tab.url)
        tab.goto(f"{site.scheme}://{site.netloc}{STILL}" if site.scheme == "http" else "about:blank")
    except Error:
        # Crashed, or on its way elsewhere: the next test opens another.
        tab.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
