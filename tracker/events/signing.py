"""Signatures of webhooks, as Standard Webhooks has them, and the body that is signed."""

import base64
import json
import secrets
from datetime import datetime
from typing import Any

from standardwebhooks.webhooks import Webhook

from tracker.events.models import Endpoint, Event
from tracker.lib.secrets import unseal

PAYLOAD_VERSION = 1


def new_secret() -> str:
    """Return a fresh signing secret in the known spelling: whsec_ and 256 random bits."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def payload_of(event: Event) -> dict[str, Any]:
    """Return an event as the outside knows it: in a webhook's body, and in the feed."""
    return {
        "id": str(event.event_id),
        "type": event.type,
        "version": PAYLOAD_VERSION,
        "sequence": event.seq,
        "timestamp": event.at.isoformat(),
        "subject": {"type": event.subject_type.partition(".")[2], "id": event.subject_id},
        "actor": {"kind": event.actor.get("kind", ""), "label": event.actor.get("label", "")},
        "data": event.data,
    }


def body_of(event: Event) -> bytes:
    """Return the body of a webhook: the same bytes on every try."""
    return json.dumps(payload_of(event), separators=(",", ":"), sort_keys=True).encode()


def headers_for(*, endpoint: Endpoint, event: Event, body: bytes, at: datetime) -> dict[str, str]:
    """Return the headers of one try, freshly stamped; while a rotation lasts, signed with both secrets."""
    sealed = [endpoint.secret]
    if endpoint.previous_until is not None and at < endpoint.previous_until:
        sealed.append(endpoint.previous_secret)
    signatures = [Webhook(unseal(one)).sign(str(event.event_id), at, body.decode()) for one in sealed]
    return {
        "Content-Type": "application/json",
        "User-Agent": "PodcastSponsorshipTracker-Webhooks/1",
        "webhook-id": str(event.event_id),
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
