"""The life of a key after it was made: rotation with an overlap, and its end."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from tracker.accounts.models import ApiKey
from tracker.accounts.services import create_api_key
from tracker.lib.actors import Actor, HasActor
from tracker.lib.errors import Conflict

OVERLAP = timedelta(days=1)


@transaction.atomic
def revoke(*, key: ApiKey, at: datetime) -> ApiKey:
    """End a key now. A second call changes nothing."""
    key = ApiKey.objects.select_for_update().get(pk=key.pk)
    if key.revoked_at is None:
        key.revoked_at = at
        key.save(update_fields=["revoked_at"])
    return key


@transaction.atomic
def change(*, key: ApiKey, at: datetime, **changes: Any) -> ApiKey:
    """Change name, scopes, allowed_networks or expires_at. Raises Conflict("key_ended") for one that has ended."""
    key = ApiKey.objects.select_for_update().get(pk=key.pk)
    if not key.is_usable(at):
        raise Conflict("key_ended", _("This key has ended; make a new one."))
    if "scopes" in changes:
        changes["scopes"] = sorted(set(changes["scopes"]))
    for name in ("name", "scopes", "allowed_networks", "expires_at"):
        if name in changes:
            setattr(key, name, changes[name])
    key.save(update_fields=["name", "scopes", "allowed_networks", "expires_at"])
    return key


@transaction.atomic
def rotate(*, key: ApiKey, by: HasActor | Actor, at: datetime, overlap: timedelta = OVERLAP) -> tuple[ApiKey, str]:
    """Make a key with the same role, scopes, networks and bindings; the old one ends after `overlap`.

    Returns the new key and its secret text. Raises Conflict("key_ended") for one that is revoked or expired.
    """
    key = ApiKey.objects.select_for_update().get(pk=key.pk)
    if not key.is_usable(at):
        raise Conflict("key_ended", _("This key has ended; make a new one."))
    bindings: dict[str, list] = {}
    for binding in key.bindings.all():
        bindings.setdefault(binding.kind, []).append(binding.object_id)
    fresh, secret = create_api_key(
        name=key.name,
        scopes=key.scopes,
        role=key.role_id,
        bindings=bindings,
        expires_at=key.expires_at,
        allowed_networks=key.allowed_networks,
        by=by,
        at=at,
    )
    ends = at + overlap
    key.expires_at = min(key.expires_at, ends) if key.expires_at else ends
    key.save(update_fields=["expires_at"])
    return fresh, secret


def networks(given: Iterable[str]) -> list[str]:
    """Return networks in their usual spelling. Raises ValidationError naming the one that is none."""
    found = []
    for one in given:
        try:
            found.append(str(ip_network(one, strict=False)))
        except ValueError as error:
            raise ValidationError(_("%(network)s is not a network.") % {"network": one}) from error
    return found
