"""A webhook's page in the admin: what was sent and what came back, a test, sending again, rotating."""

import re

import pytest
from django.utils import timezone

from tests.factories import make_user
from tests.tracker.events.receiver import Receiver, answer
from tracker.events import exchange, sending
from tracker.events.models import Delivery, Endpoint
from tracker.events.relay import relay
from tracker.events.sending import send_due
from tracker.events.services import emit
from tracker.events.webhooks import create_endpoint
from tracker.lib.actors import SYSTEM


@pytest.fixture(autouse=True)
def _here(settings, monkeypatch):
    settings.WEBHOOK_ALLOW_LOOPBACK = True
    settings.WEBHOOK_RETRY_SCHEDULE = []
    monkeypatch.setattr(sending, "post", lambda *args, **kwargs: exchange.post(*args, **kwargs, seconds=1))


@pytest.fixture
def desk(client, administrator, login):
    return login(client, administrator)


def page_of(endpoint: Endpoint) -> str:
    return f"/admin/events/endpoint/{endpoint.pk}/change/"


def tell(subject, receiver: Receiver) -> Endpoint:
    endpoint, _secret = create_endpoint(url=receiver.url, by=SYSTEM, at=timezone.now())
    emit("thing.done", subject=subject, by=SYSTEM, at=timezone.now(), data={"n": 1})
    relay(at=timezone.now())
    send_due()
    return endpoint


def test_the_page_shows_request_and_response_of_each_try(desk, salesperson):
    with Receiver(answer(500, "X-Reason: full\r\n", "<b>broken</b> here")) as receiver:
        endpoint = tell(salesperson, receiver)

    text = desk.get(page_of(endpoint)).text

    assert "Given up" in text
    assert "HTTP 500" in text
    assert "&lt;b&gt;broken&lt;/b&gt; here" in text
    assert "x-reason: full" in text
    assert "webhook-signature: v1," in text
    assert re.search(r"Given up \(1\)", text)


def test_what_was_given_up_is_sent_again_by_a_button(desk, salesperson, django_capture_on_commit_callbacks):
    with Receiver(answer(500)) as receiver:
        endpoint = tell(salesperson, receiver)
        dead = Delivery.objects.get(status="dead")
        where = f"/admin/events/endpoint/deliveries/{dead.pk}/again"
        assert where in desk.get(page_of(endpoint)).text
        with django_capture_on_commit_callbacks(execute=True):
            sent = desk.post(where)

    dead.refresh_from_db()
    assert (sent.status_code, sent["Location"]) == (302, page_of(endpoint) + "#log-head")
    assert dead.status == "delivered"
    assert where not in desk.get(page_of(endpoint)).text


def test_the_test_button_sends_a_test_and_the_page_shows_what_came_back(desk, django_capture_on_commit_callbacks):
    with Receiver(answer(200, body="got it")) as receiver:
        endpoint, _secret = create_endpoint(url=receiver.url, by=SYSTEM, at=timezone.now())
        with django_capture_on_commit_callbacks(execute=True):
            desk.post(f"/admin/events/endpoint/{endpoint.pk}/test")

    text = desk.get(page_of(endpoint)).text
    assert [one["body"]["type"] for one in receiver.got] == ["webhook.test"]
    assert "webhook.test" in text
    assert "got it" in text


def test_a_webhook_that_is_off_says_why_and_takes_no_test(desk):
    endpoint, _secret = create_endpoint(url="https://hooks.example.com/", by=SYSTEM, at=timezone.now())
    Endpoint.objects.update(is_active=False, disabled_reason="Every try has failed for five days.")

    text = desk.post(f"/admin/events/endpoint/{endpoint.pk}/test", follow=True).text

    assert "Every try has failed for five days." in text
    assert "This webhook is switched off. Switch it on first." in text
    assert not Delivery.objects.exists()


def test_rotating_shows_the_new_secret_once(desk):
    endpoint, old = create_endpoint(url="https://hooks.example.com/", by=SYSTEM, at=timezone.now())

    first = desk.post(f"/admin/events/endpoint/{endpoint.pk}/rotate", follow=True).text
    second = desk.get(page_of(endpoint)).text

    assert "whsec_" in first
    assert old not in first
    assert "whsec_" not in second


@pytest.mark.parametrize("act", ["test", "rotate"])
def test_acts_are_posts_of_those_who_may(client, login, act):
    endpoint, _secret = create_endpoint(url="https://hooks.example.com/", by=SYSTEM, at=timezone.now())
    where = f"/admin/events/endpoint/{endpoint.pk}/{act}"

    login(client, make_user(role="administrator"))
    assert client.get(where).status_code == 405
    login(client, make_user(role="salesperson"))
    assert client.post(where).status_code == 403


def test_a_log_is_narrowed_by_state(desk, salesperson):
    with Receiver(answer(500)) as receiver:
        endpoint = tell(salesperson, receiver)
        emit("thing.done", subject=salesperson, by=SYSTEM, at=timezone.now(), data={"n": 2})
        relay(at=timezone.now())
        send_due()

    shown = desk.get(f"{page_of(endpoint)}?state=delivered").context["log"]

    assert [one.status for one in shown] == ["delivered"]
