"""Vanity links as listeners meet them, and the clicks that are kept of them."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.db import connections
from django.utils import timezone
from django_tenants.utils import tenant_context

from bookings import clicks, redirects
from bookings.automation import count_clicks
from bookings.clicks import drain_clicks, keep_click
from bookings.models import ClickSpool, IOBooking, LinkClicks, VanityLink
from bookings.services import move_booking
from tests.factories import make_ad_unit, make_booking, make_campaign, make_podcast, make_sponsor
from tracker.lib.actors import SYSTEM

DAY = timedelta(days=1)
BROWSER = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1"


@pytest.fixture(autouse=True)
def _fresh_map():
    redirects.forget()
    clicks._files.clear()
    yield
    redirects.forget()
    clicks._files.clear()


@pytest.fixture
def listener(client):
    """Somebody with a telephone; nobody is signed in, bookings are switched off."""
    client.defaults["HTTP_USER_AGENT"] = BROWSER
    return client


def a_link(**fields) -> IOBooking:
    now = timezone.now()
    fields.setdefault("landing_url", "https://halden.example/de/cargo?x=1")
    fields.setdefault("flight_start", now - DAY)
    fields.setdefault("flight_end", now + 27 * DAY)
    if "campaign" not in fields:
        fields["campaign"] = make_campaign(sponsor=make_sponsor(name="Halden"), name="Winter launch")
    if "ad_unit" not in fields:
        fields["ad_unit"] = make_ad_unit(make_podcast(title="The Long Commute", slug="long-commute"))
    return make_booking(at=now, is_record=True, **fields)


def counted() -> int:
    drain_clicks(at=timezone.now())
    return sum(LinkClicks.objects.values_list("clicks", flat=True))


def test_a_link_leads_to_the_bookings_landing_page_with_its_source_named(tenant, listener):
    a_link()

    answer = listener.get("/go/halden-long-commute")

    assert answer.status_code == 302
    assert answer["Location"] == (
        "https://halden.example/de/cargo?x=1&utm_source=long-commute&utm_medium=podcast&utm_campaign=winter-launch"
    )
    assert answer["Cache-Control"] == "no-store"
    assert counted() == 1


@pytest.mark.parametrize(
    "path", ["/go/HALDEN-Long-Commute", "/go/halden-long-commute/", "/go/halden-long-commute?next=https://evil.example"]
)
def test_spelling_does_not_matter_and_nothing_of_the_request_reaches_the_address(tenant, listener, path):
    a_link()

    assert listener.get(path)["Location"].startswith("https://halden.example/de/cargo?x=1&utm_")
    assert "evil" not in listener.get(path)["Location"]


@pytest.mark.parametrize(
    "path", ["/go/nobody", "/go/", "/go//evil.example", "/go/..%2f..", "/go/a%0d%0ab", "/go/" + "x" * 300]
)
def test_an_address_that_is_nobodys_is_a_friendly_page(tenant, listener, path):
    answer = listener.get(path)

    assert answer.status_code == 404
    assert "There is no offer at this address" in answer.content.decode()


def test_another_houses_link_is_nobodys_here(tenant, other_tenant, listener):
    with tenant_context(other_tenant):
        a_link()

    assert listener.get("/go/halden-long-commute").status_code == 404


def test_a_link_lives_through_its_flight_and_the_houses_grace(tenant, listener):
    now = timezone.now()
    booking = a_link(flight_start=now - 60 * DAY, flight_end=now - 27 * DAY)
    assert listener.get("/go/halden-long-commute").status_code == 302

    IOBooking.objects.filter(pk=booking.pk).update(flight_end=now - 29 * DAY)
    redirects.forget()

    over = listener.get("/go/halden-long-commute")
    assert over.status_code == 410
    assert "This link has ended" in over.content.decode()
    assert counted() == 1


def test_the_booking_that_runs_now_decides_where_a_shared_link_leads(tenant, listener):
    now = timezone.now()
    first = a_link(flight_start=now - 40 * DAY, flight_end=now - 10 * DAY, landing_url="https://halden.example/autumn")
    a_link(
        campaign=first.campaign,
        ad_unit=first.ad_unit,
        flight_start=now + 10 * DAY,
        flight_end=now + 20 * DAY,
        landing_url="https://halden.example/spring",
    )
    assert "autumn" not in listener.get("/go/halden-long-commute")["Location"]

    a_link(
        campaign=first.campaign,
        ad_unit=first.ad_unit,
        flight_start=now - 5 * DAY,
        flight_end=now + 5 * DAY,
        landing_url="https://halden.example/winter",
    )
    redirects.forget()
    assert listener.get("/go/halden-long-commute")["Location"].startswith("https://halden.example/winter?")


def test_a_booking_cancelled_before_it_began_takes_its_link_along(tenant, listener):
    now = timezone.now()
    booking = a_link(flight_start=now + DAY, flight_end=now + 9 * DAY)
    move_booking(booking=booking, to="cancelled", by=SYSTEM, at=now, reason="budget cut")

    assert listener.get("/go/halden-long-commute").status_code == 410


@pytest.mark.parametrize(
    "stored",
    [
        "http://halden.example/",
        "javascript:alert(1)",
        "//evil.example/",
        "https://user:pw@evil.example/",
        "https://halden.example/\r\nSet-Cookie: a=b",
        "https://",
        "data:text/html,x",
        "ftp://halden.example/",
        "https:\\\\evil.example",
    ],
)
def test_a_landing_page_that_is_no_plain_https_address_is_never_followed(tenant, listener, stored):
    booking = a_link()
    IOBooking.objects.filter(pk=booking.pk).update(landing_url=stored)

    assert listener.get("/go/halden-long-commute").status_code == 410


@pytest.mark.parametrize("agent", ["Googlebot/2.1", "facebookexternalhit/1.1", "curl/8.1", "python-requests/2", ""])
def test_programs_are_led_on_and_not_counted(tenant, listener, agent):
    a_link()

    assert listener.get("/go/halden-long-commute", headers={"user-agent": agent}).status_code == 302
    assert listener.head("/go/halden-long-commute").status_code == 302
    assert listener.get("/go/halden-long-commute", headers={"sec-purpose": "prefetch"}).status_code == 302
    assert counted() == 0


def test_other_methods_are_not_for_links(tenant, listener):
    assert listener.post("/go/halden-long-commute").status_code == 405


def test_a_redirect_asks_the_database_once_and_then_not_at_all(tenant, listener, django_assert_num_queries):
    a_link()
    listener.get("/go/halden-long-commute")

    with django_assert_num_queries(0):
        assert listener.get("/go/halden-long-commute").status_code == 302


def test_a_base_shared_by_houses_names_the_house_in_its_address(tenant, listener, settings):
    settings.VANITY_URL_BASE = "https://golisten.example/{tenant}/"
    settings.ALLOWED_HOSTS = ["*"]
    booking = a_link()

    answer = listener.get("/acme/halden-long-commute", headers={"host": "golisten.example"})

    assert booking.vanity_url == "https://golisten.example/acme/halden-long-commute"
    assert answer["Location"].startswith("https://halden.example/")


def test_nothing_of_the_listener_is_kept(tenant, listener, settings):
    a_link()
    listener.get("/go/halden-long-commute", REMOTE_ADDR="203.0.113.77")

    kept = b"".join(path.read_bytes() for path in Path(settings.MEDIA_ROOT).rglob("*.clicks"))
    link = VanityLink.objects.get()
    assert kept.split()[0] == link.pk.hex.encode()
    assert b"203.0.113.77" not in kept
    assert len(kept.split()) == 2


# --- the drain ---
def a_kept_link(tenant) -> VanityLink:
    a_link()
    return VanityLink.objects.get()


def test_clicks_are_counted_once_by_day(tenant):
    link = a_kept_link(tenant)
    for _click in range(5):
        keep_click("acme", link.pk)

    assert count_clicks(at=timezone.now()).counts == {"clicks": 5}
    assert count_clicks(at=timezone.now()).counts == {"clicks": 0}
    keep_click("acme", link.pk)
    assert counted() == 6
    assert LinkClicks.objects.get().day == datetime.now(tz=timezone.get_default_timezone()).date()


def test_a_drain_that_dies_before_it_commits_counts_nothing_twice(tenant, monkeypatch):
    link = a_kept_link(tenant)
    keep_click("acme", link.pk)
    with monkeypatch.context() as patched:
        patched.setattr(ClickSpool, "save", lambda *_a, **_k: os.fsencode(1 / 0))
        with pytest.raises(ZeroDivisionError):
            drain_clicks(at=timezone.now())

    assert counted() == 1


def test_half_a_line_waits_for_its_other_half_and_a_broken_one_is_left_out(tenant, settings):
    link = a_kept_link(tenant)
    keep_click("acme", link.pk)
    path = next(Path(settings.MEDIA_ROOT).rglob("*.clicks"))
    with path.open("ab") as file:
        file.write(b"nonsense\n" + link.pk.hex.encode())
    assert counted() == 1

    with path.open("ab") as file:
        file.write(b" 1763724000\n")
    assert counted() == 2


def test_files_that_are_read_and_quiet_are_removed(tenant, settings):
    link = a_kept_link(tenant)
    keep_click("acme", link.pk)
    path = next(Path(settings.MEDIA_ROOT).rglob("*.clicks"))
    assert counted() == 1

    drain_clicks(at=timezone.now())
    assert path.exists()
    os.utime(path, (1, 1))
    drain_clicks(at=timezone.now())

    assert not path.exists()
    assert not ClickSpool.objects.exists()


WRITER = """
import os, sys, uuid
from pathlib import Path
sys.path.insert(0, {root!r})
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
import django
from django.conf import settings
django.setup()
settings.MEDIA_ROOT = {media!r}
from bookings.clicks import keep_click
link = uuid.UUID({link!r})
while True:
    keep_click("acme", link)
    os.write(1, b".")
"""


def test_kill_9_of_a_web_process_loses_no_click_that_was_answered(tenant, settings):
    link = a_kept_link(tenant)
    root = str(Path(__file__).resolve().parents[2])
    program = WRITER.format(root=root, media=str(settings.MEDIA_ROOT), link=str(link.pk))
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    answered = process.stdout.read(500)
    process.send_signal(signal.SIGKILL)
    answered += process.stdout.read()
    process.wait(10)
    process.stdout.close()

    # One more may have been kept whose answer the listener never saw.
    assert len(answered) <= counted() <= len(answered) + 1


DRAINER = """
import os, sys
sys.path.insert(0, {root!r})
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
import django
from django.conf import settings
django.setup()
settings.MEDIA_ROOT = {media!r}
from django.db import connections
connections["default"].settings_dict["NAME"] = {database!r}
from django.utils import timezone
from django_tenants.utils import schema_context
import bookings.clicks as clicks
# Ten clicks a transaction, so that a death has many places to come to.
clicks.A_READ = 440
os.write(1, b"go")
with schema_context("acme"):
    while True:
        clicks.drain_clicks(at=timezone.now())
"""


@pytest.mark.own_database
def test_kill_9_of_the_drainer_neither_loses_nor_doubles_a_click(tenant, settings):
    link = a_kept_link(tenant)
    database = connections["default"].settings_dict["NAME"]
    words = {"root": str(Path(__file__).resolve().parents[2]), "media": str(settings.MEDIA_ROOT)}
    program = DRAINER.format(**words, database=database)
    kept, cut_short = 0, 0
    for round_number in range(3):
        for _click in range(2_000):
            keep_click("acme", link.pk)
        kept += 2_000
        process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
        assert process.stdout.read(2) == b"go"
        time.sleep(0.2 + 0.07 * round_number)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=10)
        cut_short += 0 < sum(LinkClicks.objects.values_list("clicks", flat=True)) < kept

    while drain_clicks(at=timezone.now()):
        pass

    assert sum(LinkClicks.objects.values_list("clicks", flat=True)) == kept
    # The deaths came in the middle of the work, or this would show nothing.
    assert cut_short


@pytest.mark.own_database
def test_two_drains_at_once_count_each_click_once(tenant, settings):
    link = a_kept_link(tenant)
    for _click in range(200):
        keep_click("acme", link.pk)

    def drain(_hand):
        try:
            with tenant_context(tenant):
                return drain_clicks(at=timezone.now())
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(drain, range(4)))

    assert sorted(found) == [0, 0, 0, 200]
    assert counted() == 200
