"""Who is calling: a program with a key, or a browser with a session. Both end as a principal with a role."""

from datetime import timedelta
from ipaddress import ip_address, ip_network

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.authentication import SessionAuthentication as DrfSessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from tracker.accounts.audit import note_actor
from tracker.accounts.models import ApiKey, User
from tracker.accounts.services import find_api_key
from tracker.lib.addresses import client_address

# "Last used" is a help for people who tidy up: once a minute is exact enough and spares a write a request.
LAST_USED_STEP = timedelta(minutes=1)


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer KEY`. The key stands in the schema of the tenant that the host names, or nowhere."""

    keyword = "Bearer"

    def authenticate(self, request: Request) -> tuple[ApiKey, ApiKey] | None:
        scheme, _space, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != self.keyword.lower():
            return None
        now = timezone.now()
        key = find_api_key(secret.strip())
        if key is None or not key.is_usable(now) or not _comes_from_allowed_network(key, request):
            raise AuthenticationFailed(_("This key is not valid here."), code="invalid_key")
        if key.last_used_at is None or now - key.last_used_at > LAST_USED_STEP:
            ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
        note_actor(key.as_actor())
        return key, key

    def authenticate_header(self, request: Request) -> str:
        return self.keyword


class SessionAuthentication(DrfSessionAuthentication):
    """The session of a person who signed in on this host; writes need the CSRF token."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        found = super().authenticate(request)
        if found:
            note_actor(found[0].as_actor())
        return found

    def authenticate_header(self, request: Request) -> str:
        return KeyAuthentication.keyword


class KeyScheme(OpenApiAuthenticationExtension):
    target_class = "tracker.api.authentication.KeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A key of this tenant: Authorization: Bearer KEY"}


class SessionScheme(OpenApiAuthenticationExtension):
    target_class = "tracker.api.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "session", "description": "The session of a signed-in person"}


def _comes_from_allowed_network(key: ApiKey, request: Request) -> bool:
    if not key.allowed_networks:
        return True
    try:
        address = ip_address(client_address(request))
    except ValueError:
        return False
    return any(address in ip_network(network, strict=False) for network in key.allowed_networks)
