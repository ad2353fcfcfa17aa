"""Webhooks on their way: a slot for each endpoint, tries at growing gaps, a log of each try.

A claim is a lease in the endpoint's row, so a sender that is killed loses nothing: when the lease is over, the
delivery, still waiting, is claimed again. Exchanges run in threads that touch no database; the sender alone does.
"""

import email.utils
import logging
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import CharField, Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone
from django.utils.translation import gettext as _

from tracker.accounts.models import Role, User
from tracker.events.exchange import DEADLINE_SECONDS, Answer, post
from tracker.events.models import ENDPOINT_PREFIX, Attempt, Delivery, Endpoint
from tracker.events.relay import due
from tracker.events.signing import body_of, headers_for

logger = logging.getLogger(__name__)

AT_ONCE = 16
LEASE = timedelta(seconds=DEADLINE_SECONDS + 10)
# A sender gives its worker back after this long; what is due then is taken by the next.
LONGEST_SECONDS = 120.0
WARN_AFTER = timedelta(days=1)
OFF_AFTER = timedelta(days=5)
# An endpoint that did not answer rests a while, so that its backlog does not keep a worker waiting again and again.
REST_SECONDS = 30
LOGGED_BODY = 4096
MOST_PATIENCE = timedelta(days=1)


@dataclass(frozen=True)
class Claim:
    """A delivery that this sender may try now, with all that the exchange needs."""

    delivery: Delivery
    endpoint: Endpoint
    at: datetime
    headers: dict[str, str]
    body: bytes


def send_due(*, longest: float = LONGEST_SECONDS) -> int:
    """Send what is due to the endpoints of the entered tenant, many at once, one at a time for each. Returns tries."""
    tries, began = 0, time.monotonic()
    with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="webhook") as pool:
        running: dict[Future[Answer], Claim] = {}
        while True:
            open_for_more = time.monotonic() - began < longest
            while open_for_more and len(running) < AT_ONCE and (claim := claim_next(at=timezone.now())):
                running[pool.submit(_exchange, claim)] = claim
            if not running:
                return tries
            # Looked at often, so that a good endpoint's next delivery does not wait for a bad one's deadline.
            done, _waiting = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
            for future in done:
                record(claim=running.pop(future), answer=future.result(), at=timezone.now())
                tries += 1


def webhooks_due() -> bool:
    """Return whether an endpoint of the entered tenant waits for something that is due."""
    at = timezone.now()
    active = [endpoint.listener for endpoint in Endpoint.objects.filter(is_active=True)]
    return bool(active) and due(at).filter(listener__in=active).exists()


@transaction.atomic
def claim_next(*, at: datetime) -> Claim | None:
    """Take the next delivery that is due, and the slot of its endpoint, for the time of one exchange."""
    waiting = due(at).filter(listener=Concat(Value(ENDPOINT_PREFIX), Cast(OuterRef("pk"), CharField())))
    free = Q(busy_until__isnull=True) | Q(busy_until__lt=at)
    candidates = Endpoint.objects.filter(free, Exists(waiting), is_active=True)
    endpoint = candidates.select_for_update(skip_locked=True).order_by(F("busy_until").asc(nulls_first=True)).first()
    if endpoint is None:
        return None
    delivery = oldest_of(endpoint.listener, at=at).first()
    if delivery is None:
        return None
    endpoint.busy_until = at + LEASE
    endpoint.save(update_fields=["busy_until"])
    body = body_of(delivery.event)
    headers = headers_for(endpoint=endpoint, event=delivery.event, body=body, at=at)
    return Claim(delivery=delivery, endpoint=endpoint, at=at, headers=headers, body=body)


def oldest_of(listener: str, *, at: datetime) -> QuerySet[Delivery]:
    """Return what is due at one endpoint, the oldest first."""
    theirs = due(at).filter(listener=listener, listener__startswith=ENDPOINT_PREFIX)  # the latter names the index
    return theirs.select_related("event").order_by("event_id")


@transaction.atomic
def record(*, claim: Claim, answer: Answer, at: datetime) -> None:
    """Write a try into the log, free the endpoint's slot, and decide what comes next."""
    Attempt.objects.create(
        delivery=claim.delivery,
        at=claim.at,
        milliseconds=answer.milliseconds,
        request={"url": claim.endpoint.url, "headers": claim.headers, "body": claim.body.decode()},
        status=answer.status,
        response={"headers": answer.headers, "body": answer.body[:LOGGED_BODY]},
        error=answer.error[:500],
    )
    endpoint = Endpoint.objects.select_for_update().get(pk=claim.endpoint.pk)
    if endpoint.busy_until == claim.at + LEASE:
        endpoint.busy_until = at + _rest() if answer.status is None else None
    delivery = Delivery.objects.select_for_update().get(pk=claim.delivery.pk)
    if answer.is_success:
        _succeed(delivery, endpoint, at)
    else:
        _fail(delivery, endpoint, answer, at)
    endpoint.save(update_fields=["busy_until", "failing_since", "warned_at", "is_active", "disabled_reason"])


def _exchange(claim: Claim) -> Answer:
    return post(claim.endpoint.url, body=claim.body, headers=claim.headers, loopback=settings.WEBHOOK_ALLOW_LOOPBACK)


def _rest() -> timedelta:
    return timedelta(seconds=min([REST_SECONDS, *settings.WEBHOOK_RETRY_SCHEDULE[-1:]]))


def _succeed(delivery: Delivery, endpoint: Endpoint, at: datetime) -> None:
    delivery.status = Delivery.Status.DELIVERED
    delivery.attempts += 1
    delivery.finished_at = at
    delivery.last_error = ""
    delivery.save(update_fields=["status", "attempts", "finished_at", "last_error"])
    endpoint.failing_since = endpoint.warned_at = None


def _fail(delivery: Delivery, endpoint: Endpoint, answer: Answer, at: datetime) -> None:
    gaps = settings.WEBHOOK_RETRY_SCHEDULE
    delivery.attempts += 1
    delivery.last_error = answer.error or f"HTTP {answer.status}"
    if delivery.attempts > len(gaps):
        delivery.status = Delivery.Status.DEAD
        delivery.finished_at = at
    else:
        gap = timedelta(seconds=gaps[delivery.attempts - 1])
        delivery.next_attempt_at = at + max(gap, _asked_patience(answer, at))
    delivery.save(update_fields=["status", "attempts", "finished_at", "next_attempt_at", "last_error"])
    endpoint.failing_since = endpoint.failing_since or at
    if answer.status == 410:
        _switch_off(endpoint, _("The endpoint answered 410: it is gone."))
    elif at - endpoint.failing_since >= OFF_AFTER:
        _switch_off(endpoint, _("Every try has failed for five days."))
    elif at - endpoint.failing_since >= WARN_AFTER and endpoint.warned_at is None:
        endpoint.warned_at = at
        _write_to_administrators(
            _("A webhook is failing"), _("Every try to reach %(url)s has failed for a day.") % {"url": endpoint.url}
        )


def _asked_patience(answer: Answer, at: datetime) -> timedelta:
    """Return how long a 429 or 503 asks us to wait (Retry-After, seconds or a date), a day at most."""
    asked = answer.headers.get("retry-after", "")
    if answer.status not in (429, 503) or not asked:
        return timedelta(0)
    if asked.isdigit():
        return min(timedelta(seconds=min(int(asked), 10**6)), MOST_PATIENCE)
    try:
        moment = email.utils.parsedate_to_datetime(asked)
    except ValueError:
        return timedelta(0)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(moment - at, timedelta(0)), MOST_PATIENCE)


def _switch_off(endpoint: Endpoint, reason: str) -> None:
    endpoint.is_active = False
    endpoint.disabled_reason = reason
    message = _("%(url)s gets no more events. %(reason)s Switch it on again once it works; what waited is sent then.")
    _write_to_administrators(_("A webhook was switched off"), message % {"url": endpoint.url, "reason": reason})


def _write_to_administrators(subject: str, message: str) -> None:
    people = User.objects.filter(role=Role.Code.ADMINISTRATOR, is_active=True).values_list("email", flat=True)
    recipients = list(people)

    def send() -> None:
        try:
            send_mail(subject, message, None, recipients)
        except OSError:
            logger.exception("The letter about a webhook could not be sent.")

    transaction.on_commit(send)
