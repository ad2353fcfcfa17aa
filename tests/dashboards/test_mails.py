"""The weekly mail: the page's own numbers, once a week, only where it is wanted, and stopped by one click."""

from datetime import UTC, date, datetime, timedelta
from io import BytesIO

import pytest
import time_machine
from django.core import mail
from django.db import IntegrityError, transaction
from django_tenants.utils import tenant_context
from PIL import Image

from bookings.models import IOBooking
from tests.factories import (
    NOON,
    make_ad_unit,
    make_booking,
    make_campaign,
    make_episode,
    make_podcast,
    make_rollup,
    make_sponsor,
    make_user,
)
from tracker.automation.services import run_job
from tracker.dashboards.mails.picture import line_picture
from tracker.dashboards.mails.services import is_due, letter_for, people_due, send_week, stop_token
from tracker.dashboards.models import MailPlan, MailStop, WeeklyMail
from tracker.dashboards.tasks import send_weekly_mail
from tracker.lib.actors import SYSTEM

# A Monday, 8 in the morning.
MONDAY = datetime(2026, 11, 23, 8, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _on_monday(monkeypatch):
    for flag in ("ENABLE_NEW_DASHBOARD_CARDS", "ENABLE_MATCHMAKING", "ENABLE_IO_BOOKINGS"):
        monkeypatch.setenv(flag, "1")
    with time_machine.travel(MONDAY, tick=False):
        yield


@pytest.fixture
def people(tenant):
    """A creator and an advertiser with a line of 30,000 downloads that runs 10 % behind, 900 a day."""
    show, sponsor = make_podcast(title="Slow Signal"), make_sponsor(name="Harbor & Pine")
    start = datetime(2026, 11, 3, tzinfo=UTC)
    make_booking(
        at=start - timedelta(days=5),
        ad_unit=make_ad_unit(show, delivery="dynamic"),
        campaign=make_campaign(stage="won", sponsor=sponsor),
        flight_start=start,
        flight_end=start + timedelta(days=30),
        booked_impressions=30_000,
        booked_cpm_cents=2_000,
        order_fields={"currency": "USD", "measurement_of_record": "host", "time_zone": "UTC"},
        booking_fields={"status": IOBooking.Status.ACTIVE},
    )
    episode = make_episode(show, drops_at=NOON - timedelta(days=60))
    for offset in range(20):
        make_rollup(
            episode=episode,
            day=date(2026, 11, 3) + timedelta(days=offset),
            source="host",
            downloads=900,
            revenue_cents=500,
        )
    creator = make_user(role="creator", email="mara@show.example", bindings={"podcast": [show.pk]})
    advertiser = make_user(role="advertiser", email="jonas@brand.example", bindings={"sponsor": [sponsor.pk]})
    return creator, advertiser


def test_the_creators_mail_holds_the_numbers_of_the_page(people):
    creator, _advertiser = people

    letter = letter_for(user=creator, at=MONDAY)

    # 20 of 30 days: 20,000 expected, 18,000 delivered: 90.0 %. 18,000 + 10 x 900 = 27,000: 3,000 short, 60.00.
    assert letter.subject == "Harbor & Pine on Slow Signal is behind"
    for body in (letter.text, letter.html):
        assert "3,000 downloads short ($60.00)" in body
        assert "90.0\xa0%" in body
    # 7 x 900 x 20.00 / 1,000 = 126.00 earned; 7 x 5.00 = 35.00 attributed; 6,300 downloads.
    assert "Earned, 7 days: $126.00" in letter.text
    assert "Attributed, at least: $35.00" in letter.text
    assert "Downloads, 7 days: 6,300" in letter.text
    assert "18,000 of 30,000" in letter.html
    assert "as of" in letter.html


def test_the_advertisers_mail_tells_of_their_own_campaigns(people):
    _creator, advertiser = people
    sold_by_other = make_sponsor(name="Quillo")

    letter = letter_for(user=advertiser, at=MONDAY)

    assert letter.subject == "Your week: Harbor & Pine"
    assert "Delivered, live flights: 18,000" in letter.text
    assert "unknown" in letter.text
    assert sold_by_other.name not in letter.html


def test_a_mail_goes_once_a_week_to_each_person(people):
    creator, _advertiser = people

    assert send_week(user=creator, at=MONDAY) is True
    assert send_week(user=creator, at=MONDAY + timedelta(minutes=5)) is False
    assert send_week(user=creator, at=MONDAY + timedelta(days=7)) is True

    assert [letter.to for letter in mail.outbox] == [["mara@show.example"]] * 2
    assert WeeklyMail.objects.count() == 2


def test_a_mail_that_fails_is_not_taken_for_sent(people, monkeypatch):
    creator, _advertiser = people
    monkeypatch.setattr("django.core.mail.EmailMultiAlternatives.send", lambda self: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        send_week(user=creator, at=MONDAY)

    assert not WeeklyMail.objects.exists()


def test_the_mail_carries_its_picture_and_the_way_out(people):
    creator, _advertiser = people

    send_week(user=creator, at=MONDAY)

    (letter,) = mail.outbox
    assert letter.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert letter.extra_headers["List-Unsubscribe"].startswith("<http://acme.localhost")
    html = letter.alternatives[0][0]
    assert 'src="cid:revenue"' in html
    assert "http" not in html.replace(letter.extra_headers["List-Unsubscribe"][1:-1], "").replace(
        "http://acme.localhost:8000/dashboard/creator", ""
    )
    picture = Image.open(BytesIO(letter.attachments[0].get_payload(decode=True)))
    assert picture.size == (1072, 280)


def test_one_click_stops_it_without_signing_in(people, client):
    creator, _advertiser = people
    address = f"/mails/stop/{stop_token(creator)}"

    looked = client.get(address)
    assert looked.status_code == 200
    assert not MailStop.objects.exists()

    client.post(address, {"List-Unsubscribe": "One-Click"})
    assert client.post(address).status_code == 200
    assert MailStop.objects.get().user == creator
    assert send_week(user=creator, at=MONDAY) is False
    assert creator.pk not in people_due(at=MONDAY)

    client.post(address, {"again": "1"})
    assert creator.pk in people_due(at=MONDAY)


def test_a_link_of_another_house_or_a_broken_one_is_not_found(people, client, other_tenant):
    creator, _advertiser = people
    with tenant_context(other_tenant):
        foreign = stop_token(make_user(role="creator"))

    assert client.post(f"/mails/stop/{foreign}").status_code == 404
    assert client.post(f"/mails/stop/{stop_token(creator)[:-2]}").status_code == 404


def test_nobody_gets_it_until_the_house_switches_it_on(people):
    assert run_job(name="weekly-mails", by=SYSTEM, at=MONDAY).result["asked"] == 0

    MailPlan.objects.create(is_on=True, weekday=0, hour=7)

    assert run_job(name="weekly-mails", by=SYSTEM, at=MONDAY).result["asked"] == 2


@pytest.mark.parametrize(
    ("at", "due"),
    [
        (MONDAY, True),
        (MONDAY.replace(hour=6), False),
        (MONDAY + timedelta(days=1), False),
        (MONDAY.replace(hour=22), True),
    ],
)
def test_it_goes_on_the_houses_day_from_the_houses_hour_on(tenant, at, due):
    assert is_due(plan=MailPlan(is_on=True, weekday=0, hour=7), at=at) is due
    assert is_due(plan=MailPlan(is_on=False), at=at) is False
    assert is_due(plan=None, at=at) is False


def test_staff_the_closed_and_the_unbound_get_none(people):
    creator, advertiser = people
    make_user(role="ops")
    make_user(role="creator")
    make_user(role="creator", bindings={"podcast": [make_podcast().pk]}, is_active=False)

    assert set(people_due(at=MONDAY)) == {creator.pk, advertiser.pk}


def test_the_task_passes_over_people_who_are_gone(tenant):
    send_weekly_mail(str(make_podcast().pk))

    assert mail.outbox == []


def test_the_database_holds_that_a_week_comes_once(people):
    creator, _advertiser = people
    WeeklyMail.objects.create(user=creator, week=date(2026, 11, 23), sent_at=MONDAY)

    with pytest.raises(IntegrityError), transaction.atomic():
        WeeklyMail.objects.create(user=creator, week=date(2026, 11, 23), sent_at=MONDAY)


def test_a_gap_stays_a_gap_in_the_picture():
    def inked(values):
        picture = Image.open(BytesIO(line_picture([values]))).convert("RGB")
        return sum(count for count, (red, _green, blue) in picture.getcolors(1 << 20) if blue > red + 60)

    assert inked([5, 5, 5, 5]) > inked([5, None, None, 5]) > 0
