"""Whose address is it that speaks to us?"""

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """Return the address of the caller, unmoved by what a caller claims.

    With TRUSTED_PROXIES = n, the last n hops of X-Forwarded-For were written by proxies of ours, so the n-th from the
    end is the caller; anything before it is the caller's own say. With 0 the header is not looked at.
    """
    peer = request.META.get("REMOTE_ADDR") or "local"
    if not settings.TRUSTED_PROXIES:
        return peer
    hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
    return hops[-settings.TRUSTED_PROXIES] if len(hops) >= settings.TRUSTED_PROXIES else peer
