"""Where vanity links live: the base, and how a path on it is spelled."""

import re
import unicodedata
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.utils.text import slugify
from django.utils.translation import gettext as _

from tracker.lib.errors import DomainError
from tracker.tenants.context import current_tenant
from tracker.tenants.routing import first_host_of

PATH = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,78}[a-z0-9])?")
OWN_PREFIX = "/go/"
SPOKEN_CODE = 12
ARTICLES = frozenset({"the", "a", "an", "der", "die", "das", "le", "la", "les", "el"})
COMPANY_ENDINGS = frozenset(
    {"ab", "ag", "gmbh", "inc", "llc", "ltd", "limited", "sa", "se", "plc", "co", "kg", "oy", "bv"}
)


def vanity_base() -> str:
    """Return the address below which this house's vanity links live, with a slash at its end.

    VANITY_URL_BASE may hold {tenant}; without it, the house's own host and /go/. Source: DOMAIN, attribution.
    """
    tenant = current_tenant()
    base = settings.VANITY_URL_BASE.replace("{tenant}", tenant.slug) or f"{site_address()}{OWN_PREFIX}"
    return base if base.endswith("/") else f"{base}/"


def site_address() -> str:
    """Return scheme, host and port of the entered tenant's own site, without a slash at the end."""
    tenant = current_tenant()
    host = first_host_of(tenant) or f"{tenant.slug}.{settings.SITE_HOST}"
    usual = {"http": "80", "https": "443"}.get(settings.SITE_SCHEME)
    port = "" if str(settings.SITE_PORT) in ("", usual) else f":{settings.SITE_PORT}"
    return f"{settings.SITE_SCHEME}://{host}{port}"


def address_of(path: str) -> str:
    return f"{vanity_base()}{path}"


def own_path(address: str) -> str | None:
    """Return the path of an address on our own base as it is compared, or None for a foreign address.

    Scheme, case and slashes around the path do not matter. Raises DomainError("vanity_url_invalid").
    """
    given, base = urlsplit(address), urlsplit(vanity_base())
    folder = base.path.rstrip("/") + "/"
    if given.netloc.casefold() != base.netloc.casefold() or not (given.path + "/").startswith(folder):
        return None
    if given.query or given.fragment:
        raise _invalid(address)
    path = unicodedata.normalize("NFKC", unquote(given.path[len(folder) :])).strip("/").casefold()
    if not PATH.fullmatch(path):
        raise _invalid(address)
    return path


def checked_address(address: str, *, field: str, https_only: bool = False) -> str:
    """Return a web address as it is kept; https is added where no scheme was written.

    Raises DomainError("vanity_url_invalid") or DomainError("landing_url_invalid").
    """
    address = address.strip()
    if "://" not in address and not re.match(r"[a-z][a-z0-9+.-]*:(?!\d)", address, re.IGNORECASE):
        address = f"https://{address}"
    try:
        parts = urlsplit(address)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        raise _invalid(address, field) from None
    allowed = {"https"} if https_only else {"http", "https"}
    plain = not any(char.isspace() or unicodedata.category(char) in ("Cc", "Cf") for char in address)
    is_host = "." in host or host == "localhost"
    if (
        parts.scheme not in allowed
        or not is_host
        or parts.username
        or not plain
        or "\\" in address
        or len(address) > 500
    ):
        raise _invalid(address, field)
    return address


def suggested_path(sponsor: str, podcast: str) -> str:
    """Return a path that can be said aloud, from the names of sponsor and show."""
    parts = (_words(sponsor, COMPANY_ENDINGS), _words(podcast, frozenset()))
    return "-".join("-".join(words)[:30].strip("-") for words in parts if words) or "offer"


def suggested_code(podcast: str) -> str:
    """Return a promo code that can be said aloud, from the name of the show."""
    code = ""
    for word in _words(podcast, frozenset()):
        if code and len(code) + len(word) > SPOKEN_CODE:
            break
        code += word.upper()
    return code[:SPOKEN_CODE] or "SHOW"


def _words(name: str, endings: frozenset[str]) -> list[str]:
    words = [word for word in slugify(name).split("-") if word]
    spoken = [word for place, word in enumerate(words) if word not in ARTICLES and not (place and word in endings)]
    return spoken or words


def _invalid(address: str, field: str = "vanity_url") -> DomainError:
    if field == "landing_url":
        message = _(
            "“%(address)s” cannot be a landing page. Write a full https address, such as https://example.com/offer."
        )
        return DomainError("landing_url_invalid", message % {"address": address[:200]}, field=field)
    message = _("“%(address)s” cannot be a vanity link. Write an address with letters, digits, - and _ in its path.")
    return DomainError("vanity_url_invalid", message % {"address": address[:200]}, field=field)
