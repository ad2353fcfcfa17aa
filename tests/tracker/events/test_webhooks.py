"""Partners hear of everything at least once, in order for each object, signed, and see what was sent."""

import time
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone
from django_tenants.utils import tenant_context
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.factories import make_user
from tests.tracker.events.receiver import Receiver, answer, drip, hang, late, reset
from tracker.events import exchange, sending
from tracker.events.models import Attempt, Delivery, Endpoint, Event
from tracker.events.relay import relay
from tracker.events.sending import LEASE, claim_next, send_due
from tracker.events.services import emit
from tracker.events.webhooks import create_endpoint
from tracker.lib.actors import SYSTEM

HOOKS = "/api/v1/webhooks"


@pytest.fixture(autouse=True)
def _compressed(settings, monkeypatch):
    settings.WEBHOOK_ALLOW_LOOPBACK = True
    settings.WEBHOOK_RETRY_SCHEDULE = [0] * 5
    monkeypatch.setattr(sending, "post", lambda *args, **kwargs: exchange.post(*args, **kwargs, seconds=0.5))


def listen(url: str, **fields):
    return create_endpoint(url=url, by=SYSTEM, at=timezone.now(), **fields)


def tell(*subjects, kind: str = "thing.done") -> None:
    for n, subject in enumerate(subjects):
        emit(kind, subject=subject, by=SYSTEM, at=timezone.now(), data={"n": n})
    relay(at=timezone.now())


def send_all(*, rounds: int = 40) -> None:
    for _ in range(rounds):
        send_due()
        if not Delivery.objects.filter(status="pending").exists():
            return
        time.sleep(0.02)


def test_a_webhook_carries_the_event_and_a_signature_that_an_independent_library_accepts(salesperson):
    with Receiver() as receiver:
        _endpoint, secret = listen(receiver.url)
        tell(salesperson)
        send_all()

    (got,) = receiver.got
    event = Event.objects.get()
    assert Webhook(secret).verify(got["raw"].decode(), got["headers"]) == got["body"]
    assert got["headers"]["webhook-id"] == got["body"]["id"] == str(event.event_id)
    assert got["body"]["subject"] == {"type": "user", "id": str(salesperson.pk)}
    assert (got["body"]["type"], got["body"]["sequence"], got["body"]["data"]) == ("thing.done", event.seq, {"n": 0})
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + "A" * 44).verify(got["raw"].decode(), got["headers"])


def test_an_endpoint_hears_only_what_it_asked_for(salesperson):
    with Receiver() as receiver:
        listen(receiver.url, event_types=["thing.begun"])
        tell(salesperson)
        tell(salesperson, kind="thing.begun")
        send_all()

    assert [one["body"]["type"] for one in receiver.got] == ["thing.begun"]


def test_a_receiver_that_fails_hangs_and_answers_late_loses_nothing_and_keeps_the_order(salesperson, administrator):
    script = [answer(500), hang(0.8), late(0.2), reset, answer(404), drip, answer(503)]
    with Receiver(*script) as receiver:
        listen(receiver.url)
        tell(*[salesperson, administrator] * 10)
        send_all()

    ids = [one["body"]["id"] for one in receiver.got]
    finished: dict[str, list] = {}
    done = {str(event): at for event, at in Delivery.objects.values_list("event__event_id", "finished_at")}
    for subject in (salesperson, administrator):
        events = Event.objects.filter(subject_id=str(subject.pk)).order_by("seq")
        finished[str(subject.pk)] = [done[str(event.event_id)] for event in events]
    assert set(ids) == {str(event.event_id) for event in Event.objects.all()}
    assert Delivery.objects.filter(status="delivered").count() == 20
    assert all(times == sorted(times) for times in finished.values())


def test_a_receiver_that_restarts_gets_what_it_missed(salesperson, settings):
    settings.WEBHOOK_RETRY_SCHEDULE = [60]
    with Receiver() as receiver:
        listen(receiver.url)
        tell(salesperson)
        send_all()
        port = receiver.port
    tell(salesperson)
    send_due()
    assert Delivery.objects.filter(status="pending").count() == 1

    Delivery.objects.update(next_attempt_at=timezone.now())
    Endpoint.objects.update(busy_until=None)
    with Receiver(port=port) as again:
        send_all()

    assert len(again.got) == 1


def test_every_try_has_the_same_id_and_body_and_a_fresh_stamp(salesperson):
    with Receiver(answer(500), answer(500)) as receiver:
        _endpoint, secret = listen(receiver.url)
        tell(salesperson)
        send_all()

    assert len(receiver.got) == 3
    assert len({(one["headers"]["webhook-id"], one["raw"]) for one in receiver.got}) == 1
    for one in receiver.got:
        Webhook(secret).verify(one["raw"].decode(), one["headers"])


def test_after_the_last_try_it_is_given_up_the_next_follows_and_it_can_be_sent_again(salesperson, api):
    with Receiver(*[answer(500)] * 6) as receiver:
        listen(receiver.url)
        tell(salesperson, salesperson)
        send_all()
        dead = Delivery.objects.get(status="dead")
        assert [one["body"]["data"]["n"] for one in receiver.got] == [0] * 6 + [1]

        answered = api.post(f"{HOOKS}/deliveries/{dead.pk}/resend")
        send_all()

    assert answered.status_code == 202
    assert receiver.got[-1]["body"]["data"]["n"] == 0
    dead.refresh_from_db()
    assert dead.status == "delivered"


def test_a_sender_that_dies_in_the_middle_is_followed_by_another(salesperson):
    with Receiver() as receiver:
        listen(receiver.url)
        tell(salesperson)
        now = timezone.now()
        claimed = claim_next(at=now)  # and then its process is killed: nothing is recorded

        assert claim_next(at=now) is None
        taken_over = claim_next(at=now + LEASE + timedelta(seconds=1))
        assert taken_over.delivery == claimed.delivery
        sending.record(claim=taken_over, answer=sending._exchange(taken_over), at=timezone.now())

    assert len(receiver.got) == 1
    assert Delivery.objects.get().status == "delivered"


def test_bad_receivers_cost_only_themselves(salesperson, monkeypatch):
    monkeypatch.setattr(sending, "post", lambda *args, **kwargs: exchange.post(*args, **kwargs, seconds=2))
    bad = [Receiver(*[behave] * 20) for behave in (hang(3), drip, reset, hang(3), answer(500))]
    with Receiver() as good, bad[0], bad[1], bad[2], bad[3], bad[4]:
        for receiver in [*bad, good]:
            listen(receiver.url)
        tell(*[salesperson] * 5)
        began = time.monotonic()
        send_due(longest=1.5)
        took = time.monotonic() - began

    good_ones = Delivery.objects.filter(listener=Endpoint.objects.get(url=good.url).listener)
    when_told = Event.objects.latest("seq").at
    slowest = max(one.finished_at for one in good_ones) - when_told
    assert set(good_ones.values_list("status", flat=True)) == {"delivered"}
    assert slowest < timedelta(seconds=2)
    assert took < 6


@pytest.mark.parametrize(("status", "header"), [(429, "120"), (503, "Fri, 31 Dec 2099 23:59:59 GMT")])
def test_a_receiver_that_asks_for_patience_gets_it(salesperson, status, header):
    with Receiver(answer(status, f"Retry-After: {header}\r\n")) as receiver:
        listen(receiver.url)
        tell(salesperson)
        send_due()

    wait = Delivery.objects.get().next_attempt_at - timezone.now()
    assert timedelta(seconds=110) < wait <= timedelta(days=1)


def test_an_endpoint_that_is_gone_is_switched_off_with_a_letter(
    salesperson, administrator, django_capture_on_commit_callbacks
):
    with Receiver(answer(410)) as receiver, django_capture_on_commit_callbacks(execute=True):
        listen(receiver.url)
        tell(salesperson)
        send_due()

    endpoint = Endpoint.objects.get()
    assert not endpoint.is_active
    assert "410" in endpoint.disabled_reason
    assert mail.outbox[0].to == [administrator.email]


def test_five_days_of_failure_switch_an_endpoint_off_and_one_day_is_a_warning(
    salesperson, administrator, django_capture_on_commit_callbacks
):
    with Receiver(*[answer(500)] * 10) as receiver:
        endpoint, _secret = listen(receiver.url)
        for days, active in ((1, True), (5, False)):
            tell(salesperson)
            Endpoint.objects.update(failing_since=timezone.now() - timedelta(days=days))
            with django_capture_on_commit_callbacks(execute=True):
                claim = claim_next(at=timezone.now())
                sending.record(claim=claim, answer=sending._exchange(claim), at=timezone.now())
            endpoint.refresh_from_db()
            assert endpoint.is_active is active

    assert [letter.subject for letter in mail.outbox] == ["A webhook is failing", "A webhook was switched off"]


def test_a_success_forgets_the_failures(salesperson):
    with Receiver(answer(500)) as receiver:
        endpoint, _secret = listen(receiver.url)
        tell(salesperson)
        send_all()

    endpoint.refresh_from_db()
    assert (endpoint.failing_since, endpoint.is_active) == (None, True)


def test_a_rotated_secret_signs_beside_the_old_one_for_a_day(api, salesperson):
    with Receiver() as receiver:
        endpoint, old = listen(receiver.url)
        new = api.post(f"{HOOKS}/{endpoint.pk}/rotate-secret").json()["secret"]
        tell(salesperson)
        send_all()
        Endpoint.objects.update(previous_until=timezone.now() - timedelta(seconds=1))
        tell(salesperson)
        send_all()

    during, after = receiver.got
    for secret in (old, new):
        Webhook(secret).verify(during["raw"].decode(), during["headers"])
    Webhook(new).verify(after["raw"].decode(), after["headers"])
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(after["raw"].decode(), after["headers"])


def test_secrets_are_encrypted_at_rest_and_shown_once(api):
    made = api.post(HOOKS, {"url": "https://hooks.example.com/x"}, content_type="application/json").json()

    assert made["secret"].startswith("whsec_")
    assert made["secret"] not in str(Endpoint.objects.values().get())
    assert "secret" not in api.get(f"{HOOKS}/{made['webhook_id']}").json()


def test_the_log_shows_each_try_with_request_and_response(api, salesperson):
    with Receiver(answer(500, body="broken here")) as receiver:
        endpoint, _secret = listen(receiver.url)
        tell(salesperson)
        send_all()

    (delivery,) = api.get(f"{HOOKS}/{endpoint.pk}/deliveries").json()["results"]
    tries = api.get(f"{HOOKS}/deliveries/{delivery['delivery_id']}").json()["tries"]
    assert (delivery["status"], delivery["attempts"]) == ("delivered", 2)
    assert sorted((one["status"], one["response"]["body"]) for one in tries) == [(200, ""), (500, "broken here")]
    assert tries[0]["request"]["headers"]["webhook-id"] == delivery["event"]["id"]


def test_the_test_button_sends_a_test_to_that_endpoint_alone(api, salesperson):
    with Receiver() as tested, Receiver() as other:
        endpoint, _secret = listen(tested.url, event_types=["thing.begun"])
        listen(other.url)
        assert api.post(f"{HOOKS}/{endpoint.pk}/test").status_code == 202
        send_all()

    assert [one["body"]["type"] for one in tested.got] == ["webhook.test"]
    assert other.got == []


def test_a_span_can_be_sent_again(api, salesperson):
    with Receiver() as receiver:
        endpoint, _secret = listen(receiver.url)
        tell(salesperson, salesperson)
        send_all()
        now = timezone.now()
        span = {"since": (now - timedelta(hours=1)).isoformat(), "until": (now + timedelta(hours=1)).isoformat()}
        answered = api.post(f"{HOOKS}/{endpoint.pk}/replay", span, content_type="application/json")
        send_all()

    assert answered.json() == {"deliveries": 2}
    assert [one["body"]["data"]["n"] for one in receiver.got] == [0, 1, 0, 1]


@pytest.mark.parametrize(
    "url", ["https://10.0.0.1/", "http://example.com/", "https://metadata.google.internal/", "x", ""]
)
def test_an_address_inside_is_refused(api, settings, url):
    settings.WEBHOOK_ALLOW_LOOPBACK = False

    answer = api.post(HOOKS, {"url": url}, content_type="application/json")

    # No address at all is a 400; one that must not be asked is well formed.
    assert answer.status_code == (422 if "://" in url else 400)
    assert not Endpoint.objects.exists()


def test_an_endpoint_is_changed_switched_off_and_removed(api, salesperson):
    endpoint, _secret = listen("https://hooks.example.com/x")
    path = f"{HOOKS}/{endpoint.pk}"

    off = api.patch(path, {"is_active": False, "description": "old"}, content_type="application/json").json()
    tell(salesperson)
    removed = api.delete(path)

    assert (off["is_active"], off["description"], off["disabled_reason"]) == (False, "old", "Switched off by hand.")
    assert not Delivery.objects.exists()
    assert (removed.status_code, api.get(path).status_code) == (204, 404)


def test_webhooks_of_one_tenant_hear_nothing_of_another(salesperson, other_tenant):
    with Receiver() as receiver:
        listen(receiver.url)
        with tenant_context(other_tenant):
            tell(make_user())
            send_due()
        send_due()

    assert receiver.got == []
    assert not Attempt.objects.exists()


@pytest.mark.parametrize("role", ["creator", "advertiser", "salesperson", "sales_manager"])
def test_people_who_do_not_look_after_webhooks_are_kept_out(tenant, api_of, role):
    caller = api_of(tenant, role=role)

    assert caller.get(HOOKS).status_code == 403
    assert caller.post(HOOKS, {"url": "https://x.example/"}, content_type="application/json").status_code == 403


def test_the_feed_goes_on_where_the_reader_was(api, salesperson):
    tell(*[salesperson] * 5)

    first = api.get("/api/v1/events?page_size=2").json()
    rest = api.get(f"/api/v1/events?after={first['last_sequence']}").json()

    assert [one["data"]["n"] for one in [*first["results"], *rest["results"]]] == [0, 1, 2, 3, 4]
    assert api.get(f"/api/v1/events?after={rest['last_sequence']}").json()["results"] == []
    assert api.get("/api/v1/events?type=thing.begun").json()["results"] == []
    assert api.get("/api/v1/events?after=x").status_code == 400


def test_the_feed_is_not_for_bound_people(tenant, api_of):
    assert api_of(tenant, role="creator").get("/api/v1/events").status_code == 403


def test_the_settings_of_an_integrators_machine_are_refused_on_a_site(settings):
    from tracker.events.checks import check_webhook_settings

    assert [one.id for one in check_webhook_settings(None)] == ["events.E001", "events.E002"]
    settings.WEBHOOK_ALLOW_LOOPBACK, settings.WEBHOOK_RETRY_SCHEDULE = False, settings.WEBHOOK_DEFAULT_SCHEDULE
    assert check_webhook_settings(None) == []
