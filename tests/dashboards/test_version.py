"""An unchanged page is a 304, and nothing that changed ever is."""

from datetime import date, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.models import IOBooking
from tests.factories import NOON, make_booking, make_episode, make_podcast, make_rollup, make_user
from tracker.dashboards.version import data_version

# Rows are told apart by the transaction that wrote them, so these tests commit for real.
pytestmark = pytest.mark.own_database

PAGE = "/dashboard/creator"


@pytest.fixture(autouse=True)
def _at_noon(monkeypatch):
    monkeypatch.setenv("ENABLE_NEW_DASHBOARD_CARDS", "1")
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def see(client, login, administrator):
    """Ask for the page, with the tag that came last time."""
    login(client, administrator)
    kept = {}

    def ask(path=PAGE, **data):
        answer = client.get(path, data, headers=kept)
        if "ETag" in answer:
            kept["If-None-Match"] = answer["ETag"]
        return answer

    return ask


def test_an_unchanged_page_is_not_sent_again(see):
    first, second = see(), see()

    assert (first.status_code, first["Cache-Control"]) == (200, "private, no-cache")
    assert (second.status_code, second.content) == (304, b"")


def test_an_unchanged_page_reads_no_figures(see, tenant):
    make_booking()
    see()

    with CaptureQueriesContext(connection) as queries:
        see()

    assert not any("metrics_daily_rollup" in query["sql"] for query in queries)


def test_new_figures_are_never_hidden_by_an_old_page(see):
    episode = make_episode(make_podcast(), drops_at=NOON - timedelta(days=30))
    see()

    make_rollup(episode=episode, day=date(2026, 11, 20), downloads=4_321)

    after = see()
    assert after.status_code == 200
    assert "4,321" in after.content.decode()
    assert see().status_code == 304


def test_a_change_past_the_services_counts_too(see):
    booking = make_booking()
    see()

    IOBooking.objects.filter(pk=booking.pk).update(status="cancelled")
    assert see().status_code == 200

    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM slot_claims")
        cursor.execute("UPDATE io_bookings SET booked_cpm_cents = booked_cpm_cents")
    assert see().status_code == 200
    assert see().status_code == 304


def test_another_address_another_person_another_theme_is_another_page(see, client, login):
    see()
    assert see(days="7").status_code == 200
    see()

    client.cookies["theme"] = "dark"
    assert see().status_code == 200

    login(client, make_user(role="administrator"))
    assert see().status_code == 200


def test_a_page_gets_old_by_the_clock(see):
    see()
    with time_machine.travel(NOON + timedelta(minutes=6), tick=False):
        assert see().status_code == 200


def test_the_api_answers_304_as_well(api):
    first = api.get("/api/v1/dashboard/creator")
    again = api.get("/api/v1/dashboard/creator", headers={"If-None-Match": first["ETag"]})
    make_podcast()
    after = api.get("/api/v1/dashboard/creator", headers={"If-None-Match": first["ETag"]})

    assert (first.status_code, again.status_code, after.status_code) == (200, 304, 200)


def test_a_row_that_comes_and_one_that_goes_both_change_the_stamp(tenant):
    stamps = [data_version([IOBooking])]
    booking = make_booking()
    stamps.append(data_version([IOBooking]))
    booking.claim.delete()
    IOBooking.objects.filter(pk=booking.pk).delete()
    stamps.append(data_version([IOBooking]))

    assert stamps[0] != stamps[1]
    assert stamps[0] == stamps[2]
