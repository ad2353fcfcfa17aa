"""A webhook's page in a real browser: on a phone and at a desk, by day and by night."""

import pytest
from django.utils import timezone

from tests.browser.looks import assert_well_made
from tests.factories import make_podcast, make_user
from tests.tracker.events.receiver import Receiver, answer
from tracker.events.relay import relay
from tracker.events.sending import send_due
from tracker.events.services import emit
from tracker.events.webhooks import create_endpoint
from tracker.lib.actors import SYSTEM

pytestmark = pytest.mark.browser


@pytest.fixture
def endpoint(live_site, settings):
    """A webhook with a delivery that arrived and one that was given up."""
    settings.WEBHOOK_ALLOW_LOOPBACK, settings.WEBHOOK_RETRY_SCHEDULE = True, [0]
    script = [answer(200, body='{"ok":true}'), *[answer(503, "X-Reason: maintenance\r\n", "Back soon")] * 2]
    with Receiver(*script) as receiver:
        made, _secret = create_endpoint(url=receiver.url, by=SYSTEM, at=timezone.now(), description="Halden's desk")
        for _ in range(2):
            show = make_podcast()
            emit("thing.done", subject=show, by=SYSTEM, at=timezone.now(), data={"n": 1})
            relay(at=timezone.now())
            send_due()
        send_due()
    return made


def test_the_log_is_read_at_any_width_by_day_and_by_night_and_a_test_is_sent_by_its_button(page, live_site, endpoint):
    live_site.login(page, make_user(role="administrator"))
    page.goto(live_site.url(f"/admin/events/endpoint/{endpoint.pk}/change/"))

    log = page.locator("section[aria-labelledby=log-head]")
    log.locator("details", has_text="Given up").locator("summary").click()

    assert log.get_by_role("button", name="Send a test").is_visible()
    assert log.get_by_role("button", name="Send again").is_visible()
    assert log.get_by_text("x-reason: maintenance").first.is_visible()
    assert_well_made(page, part="section[aria-labelledby=log-head]")

    page.get_by_role("button", name="Send a test").click()

    page.get_by_text("A test is on its way").wait_for()
    assert page.locator("summary", has_text="webhook.test").count() == 1
