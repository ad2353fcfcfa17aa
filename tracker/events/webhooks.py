"""Every write about partners' endpoints: making them, their secrets, their tests, their end."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from tracker.events.exchange import Refused, check_url
from tracker.events.models import Delivery, Endpoint, Event
from tracker.events.relay import send_again
from tracker.events.signing import new_secret
from tracker.lib.actors import Actor, HasActor, actor_of
from tracker.lib.errors import Conflict, DomainError
from tracker.lib.secrets import seal

OVERLAP = timedelta(hours=24)
MOST_ENDPOINTS = 50


@transaction.atomic
def create_endpoint(
    *, url: str, by: HasActor | Actor, at: datetime, event_types: Iterable[str] = (), description: str = ""
) -> tuple[Endpoint, str]:
    """Make an endpoint and return it with its secret, which is shown this once.

    Raises DomainError("bad_url") and Conflict("too_many_endpoints").
    """
    _check(url)
    if Endpoint.objects.count() >= MOST_ENDPOINTS:
        raise Conflict("too_many_endpoints", _("There are %(n)s webhooks already.") % {"n": MOST_ENDPOINTS})
    secret = new_secret()
    endpoint = Endpoint.objects.create(
        url=url,
        description=description,
        event_types=sorted(set(event_types)),
        secret=seal(secret),
        created_at=at,
        created_by=actor_of(by).as_json(),
    )
    return endpoint, secret


@transaction.atomic
def change_endpoint(*, endpoint: Endpoint, **changes: object) -> Endpoint:
    """Change url, description, event_types or is_active. Switching on again forgets the failures."""
    endpoint = Endpoint.objects.select_for_update().get(pk=endpoint.pk)
    if "url" in changes:
        _check(str(changes["url"]))
    for name in ("url", "description", "event_types", "is_active"):
        if name in changes:
            setattr(endpoint, name, changes[name])
    if changes.get("is_active"):
        endpoint.failing_since = endpoint.warned_at = endpoint.busy_until = None
        endpoint.disabled_reason = ""
    elif changes.get("is_active") is False:
        endpoint.disabled_reason = _("Switched off by hand.")
    endpoint.save()
    return endpoint


@transaction.atomic
def rotate_secret(*, endpoint: Endpoint, at: datetime) -> tuple[Endpoint, str]:
    """Give an endpoint a fresh secret; for a day every webhook is signed with both. Returns the secret, once."""
    endpoint = Endpoint.objects.select_for_update().get(pk=endpoint.pk)
    secret = new_secret()
    endpoint.previous_secret, endpoint.previous_until = endpoint.secret, at + OVERLAP
    endpoint.secret = seal(secret)
    endpoint.save(update_fields=["secret", "previous_secret", "previous_until"])
    return endpoint, secret


@transaction.atomic
def delete_endpoint(*, endpoint: Endpoint) -> None:
    """Remove an endpoint with its deliveries and their log."""
    Delivery.objects.filter(listener=endpoint.listener).delete()
    endpoint.delete()


@transaction.atomic
def send_test(*, endpoint: Endpoint, by: HasActor | Actor, at: datetime) -> Delivery:
    """Send `webhook.test` to this endpoint alone, whatever it listens to. Raises Conflict("endpoint_off")."""
    if not endpoint.is_active:
        raise Conflict("endpoint_off", _("This webhook is switched off. Switch it on first."))
    event = Event.objects.create(
        type="webhook.test",
        subject_type=endpoint._meta.label_lower,
        subject_id=str(endpoint.pk),
        actor=actor_of(by).as_json(),
        at=at,
        data={"endpoint_id": str(endpoint.pk)},
        relayed_at=at,
    )
    return Delivery.objects.create(
        event=event, listener=endpoint.listener, subject_key=event.subject_key, next_attempt_at=at
    )


def replay(*, endpoint: Endpoint, since: datetime, until: datetime, at: datetime) -> int:
    """Send again every event of a span that this endpoint wants, delivered or given up. Returns how many."""
    events = Event.objects.filter(at__gte=since, at__lt=until).exclude(type="webhook.test").order_by("seq")
    if endpoint.event_types:
        events = events.filter(type__in=endpoint.event_types)
    known = dict(Delivery.objects.filter(listener=endpoint.listener, event__in=events).values_list("event_id", "pk"))
    with transaction.atomic():
        for event in events:
            if event.pk in known:
                send_again(delivery=Delivery.objects.get(pk=known[event.pk]), at=at)
            else:
                Delivery.objects.create(
                    event=event, listener=endpoint.listener, subject_key=event.subject_key, next_attempt_at=at
                )
    return len(events)


def deliveries_of(endpoint: Endpoint) -> QuerySet[Delivery]:
    """Return an endpoint's deliveries with their events, newest first."""
    return Delivery.objects.filter(listener=endpoint.listener).select_related("event").order_by("-delivery_id")


def _check(url: str) -> None:
    try:
        check_url(url, loopback=settings.WEBHOOK_ALLOW_LOOPBACK)
    except Refused as refusal:
        raise DomainError("bad_url", str(refusal), field="url") from refusal
