"""The same request with the same key has one effect and one answer: in a row, at once, and after a refusal."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.client import HTTPConnection
from itertools import count
from json import dumps

import pytest
from django.utils import timezone

from tests.factories import make_campaign, make_sponsor
from tracker.api.idempotency import forget_old_answers
from tracker.api.models import IdempotentAnswer
from tracker.automation.models import JobRun
from tracker.flags.services import switch

RUN_ALL = "/api/v1/automation/run-all"
DEALS = "/api/v1/deals"


@pytest.fixture(autouse=True)
def _on(switch_on_all):
    return None


def post(client, path, body=None, key="k1"):
    return client.post(path, body, content_type="application/json", headers={"idempotency-key": key})


def test_a_second_request_gets_the_first_answer_and_has_no_effect(api):
    sponsor = make_sponsor()
    body = {"name": "Autumn", "advertiser_id": str(sponsor.pk)}

    first = post(api, DEALS, body)
    second = post(api, DEALS, body)

    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json() == first.json()
    assert (second["Idempotency-Replayed"], second["ETag"]) == ("true", first["ETag"])
    assert sponsor.campaigns.count() == 1


def test_another_key_is_another_request(api):
    post(api, RUN_ALL, key="k1")
    before = JobRun.objects.count()
    post(api, RUN_ALL, key="k2")

    assert JobRun.objects.count() == 2 * before > 0


@pytest.mark.parametrize(("path", "body"), [(DEALS, {"name": "other"}), (RUN_ALL, None)])
def test_the_same_key_with_another_request_is_a_422(api, path, body):
    post(api, DEALS, {"name": "Autumn", "advertiser_id": str(make_sponsor().pk)})

    answer = post(api, path, body)

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


def test_a_refusal_is_the_first_answer_too(api):
    deal = make_campaign(stage="lead")
    path, key = f"{DEALS}/{deal.pk}/stage", {"idempotency-key": "k"}

    first = api.patch(path, {"stage": "won"}, content_type="application/json", headers=key)
    api.patch(path, {"stage": "qualified"}, content_type="application/json")
    second = api.patch(path, {"stage": "won"}, content_type="application/json", headers=key)

    assert first.status_code == 409
    assert second.json() == first.json()


def test_an_answer_that_says_try_again_is_not_kept(api):
    switch(flag="ENABLE_AUTOMATION_JOBS", on=False)
    refused = post(api, RUN_ALL)
    switch(flag="ENABLE_AUTOMATION_JOBS", on=True)

    assert refused.status_code == 403
    assert post(api, RUN_ALL).status_code == 202


def test_a_crash_takes_the_key_back_with_the_effect(api, monkeypatch):
    from tracker.automation import api as automation

    real = automation.request_run
    calls = count()

    def crash_late(**wanted):
        run = real(**wanted)
        if next(calls) == 1:
            raise RuntimeError("power cut")
        return run

    monkeypatch.setattr(automation, "request_run", crash_late)
    api.raise_request_exception = False

    assert post(api, RUN_ALL).status_code == 500
    assert JobRun.objects.count() == 0
    assert post(api, RUN_ALL).status_code == 202


def test_keys_of_two_callers_are_two_keys(api, api_of, tenant):
    first, second = post(api, RUN_ALL), post(api_of(tenant), RUN_ALL)

    assert "Idempotency-Replayed" not in second
    assert first.json() != second.json()


def test_an_answer_is_kept_for_a_day(api):
    post(api, RUN_ALL)
    IdempotentAnswer.objects.update(made_at=timezone.now() - timedelta(hours=24, seconds=1))

    assert "Idempotency-Replayed" not in post(api, RUN_ALL)
    assert forget_old_answers(at=timezone.now() + timedelta(hours=25)) == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "clé"])
def test_a_key_that_is_no_key_is_a_400(api, key):
    assert post(api, RUN_ALL, key=key.encode().decode("latin-1")).status_code == 400


def test_reading_needs_no_key_and_keeps_none(api):
    api.get(DEALS, headers={"idempotency-key": "k"})

    assert not IdempotentAnswer.objects.exists()


def at_once(live_site, api, path, body, *, key, times):
    """Send a request so often with one key, twenty at once; return the (status, body) of the answers, counted."""
    headers = {
        "Host": "acme.localhost",
        "Authorization": api.defaults["HTTP_AUTHORIZATION"],
        "Idempotency-Key": key,
        "Content-Type": "application/json",
    }

    def send(_n: int) -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", live_site.port, timeout=60)
        connection.request("POST", path, dumps(body), headers)
        answer = connection.getresponse()
        found = answer.status, answer.read()
        connection.close()
        return found

    with ThreadPoolExecutor(20) as pool:
        return Counter(pool.map(send, range(times)))


def test_two_hundred_at_once_with_one_key_have_one_effect(live_site, api_of, tenant):
    sponsor = make_sponsor()
    body = {"name": "Autumn", "advertiser_id": str(sponsor.pk)}

    answers = at_once(live_site, api_of(tenant), DEALS, body, key="two-hundred", times=200)

    assert len(answers) == 1, [status for status, _body in answers]
    assert next(iter(answers))[0] == 201
    assert sponsor.campaigns.count() == 1


def test_many_at_once_that_are_refused_get_one_refusal(live_site, api_of, tenant):
    body = {"name": "Autumn", "advertiser_id": str(make_campaign().pk)}

    answers = at_once(live_site, api_of(tenant), DEALS, body, key="refused", times=40)

    assert len(answers) == 1, [status for status, _body in answers]
    assert next(iter(answers))[0] == 404
    assert IdempotentAnswer.objects.get().status == 404
