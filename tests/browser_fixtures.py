"""A real Chromium before a real server: `live_site` serves the test's own database, `page` is a tab."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from django.conf import settings

from tests.database import database_url
from tests.servers import STATE
from tests.sessions import session_of
from tracker.stack.state import PROJECT

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


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


@dataclass
class Complaints:
    """What the browser complained about: script errors, refused content, failed requests."""

    words: list[str] = field(default_factory=list)


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
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture
def page(live_site, _chromium) -> Iterator[object]:
    """A tab of 1440 by 900 pixels. The test fails at its end if a script broke or the policy refused content."""
    context = _chromium.new_context(viewport={"width": 1440, "height": 900}, base_url=live_site.url("/"))
    complaints = Complaints()
    context.on("weberror", lambda error: complaints.words.append(str(error.error)))
    context.on("console", lambda said: complaints.words.append(said.text) if "Content Security" in said.text else None)
    context.set_default_timeout(30_000)
    yield context.new_page()
    context.close()
    assert complaints.words == []


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
