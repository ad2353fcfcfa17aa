"""What an advertiser does from their page: ask for a plan, sign an order; what the side bar counts."""

from datetime import timedelta

import pytest
import time_machine

from bookings.models import BookingCopy, InsertionOrder
from bookings.services import send_order
from deals.models import Campaign
from tests.factories import (
    NOON,
    make_ad_unit,
    make_booking,
    make_campaign,
    make_episode,
    make_podcast,
    make_sponsor,
    make_user,
)
from tracker.lib.actors import SYSTEM

PAGE = "/dashboard/advertiser"


@pytest.fixture(autouse=True)
def _at_noon(monkeypatch):
    for flag in ("ENABLE_NEW_DASHBOARD_CARDS", "ENABLE_IO_BOOKINGS", "ENABLE_DEAL_PIPELINE"):
        monkeypatch.setenv(flag, "1")
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def pine(tenant):
    return make_sponsor(name="Harbor & Pine")


@pytest.fixture
def buyer(pine):
    return make_user(role="advertiser", name="Jonas Pell", bindings={"sponsor": [pine.pk]})


def sent_order(sponsor):
    booking = make_booking(campaign=make_campaign(stage="won", sponsor=sponsor))
    send_order(order=booking.order, to=["buyer@pine.example"], by=SYSTEM, at=NOON)
    return InsertionOrder.objects.get(pk=booking.order_id)


def test_a_free_slot_leads_to_a_wish_that_becomes_a_lead(client, login, pine, buyer):
    show = make_podcast(title="Slow Signal", release_weekdays=[1])
    make_ad_unit(show, position="mid")
    login(client, buyer)
    html = client.get(PAGE).content.decode()
    address = f"/dashboard/advertiser/plan?advertiser_id={pine.pk}&podcast={show.pk}&position=mid&week=2026-11-30"
    assert address.replace("&", "&amp;") in html

    form = client.get(address).content.decode()
    assert 'value="2026-11-30"' in form
    wish = {"podcast": str(show.pk), "position": "mid", "week": "2026-11-30", "weeks": 2, "message": "No rivals."}
    answer = client.post(address, wish)

    assert answer.status_code == 302
    lead = Campaign.objects.get(sponsor=pine)
    assert (lead.stage, lead.name) == ("lead", "Plan for Slow Signal, mid-roll")
    assert (str(lead.flight_first_day), str(lead.flight_last_day)) == ("2026-11-30", "2026-12-13")
    assert list(lead.wanted_podcasts.all()) == [show]
    assert "No rivals." in lead.notes
    assert "Jonas Pell" in lead.notes
    assert lead.next_step == "Answer with a plan"


def test_a_wish_in_the_past_is_refused_with_a_reason(client, login, pine, buyer):
    show = make_podcast()
    login(client, buyer)
    wish = {"podcast": str(show.pk), "position": "mid", "week": "2026-11-02", "weeks": 2}

    refused = client.post("/dashboard/advertiser/plan", wish)

    assert refused.status_code == 400
    assert "That week is over." in refused.content.decode()
    assert not Campaign.objects.exists()


def test_only_an_advertiser_asks_and_only_for_themselves(client, login, pine, buyer, administrator):
    other = make_sponsor(name="Quillo")

    assert login(client, buyer).get(f"/dashboard/advertiser/plan?advertiser_id={other.pk}").status_code == 404
    assert login(client, administrator).get("/dashboard/advertiser/plan").status_code == 403


def test_an_order_to_sign_opens_at_its_private_address(client, login, pine, buyer):
    order = sent_order(pine)
    login(client, buyer)
    html = client.get(PAGE).content.decode()
    assert f"/dashboard/advertiser/orders/{order.pk}/sign" in html
    assert '<span class="count">1<span class="vh"> waiting</span></span>' in html

    opened = client.post(f"/dashboard/advertiser/orders/{order.pk}/sign")

    assert opened.status_code == 302
    assert "/sign/" in opened["Location"]
    paper = client.get(opened["Location"].split(client.tenant.host, 1)[1].split("/", 1)[1].join(["/", ""]))
    assert paper.status_code == 200
    assert order.number in paper.content.decode()


def test_nobody_opens_the_order_of_another(client, login, pine, buyer, creator_user, administrator):
    theirs = sent_order(make_sponsor(name="Quillo"))

    assert login(client, buyer).post(f"/dashboard/advertiser/orders/{theirs.pk}/sign").status_code == 404
    assert login(client, creator_user).post(f"/dashboard/advertiser/orders/{theirs.pk}/sign").status_code == 403
    assert login(client, administrator).post(f"/dashboard/advertiser/orders/{theirs.pk}/sign").status_code == 403


def test_next_reads_tell_what_to_say(client, login):
    show = make_podcast(title="Slow Signal")
    episode = make_episode(show, drops_at=NOON + timedelta(days=3))
    booking = make_booking(
        ad_unit=make_ad_unit(show, delivery="baked_in"), episode=episode, booking_fields={"status": "scheduled"}
    )
    BookingCopy.objects.create(
        booking=booking, number=1, talking_points="Wool that walks.", must_say="Code TRAIL20.",
        status="approved", written_by={}, written_at=NOON, decided_by={}, decided_at=NOON,
    )  # fmt: skip
    host = make_user(role="creator", bindings={"podcast": [show.pk]})

    html = login(client, host).get("/dashboard/creator").content.decode()

    assert "Wool that walks." in html
    assert "Code TRAIL20." in html
