"""What the shell of every page needs: the house, its kind of access, the side bar, the theme."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from tracker.dashboards.nav import Group, groups_for

THEMES = ("light", "dark")


@dataclass(frozen=True)
class Shell:
    """house: the tenant's name; access: what kind of access this person has; theme: "light", "dark" or "" (system)."""

    house: str
    access: str
    person: str
    role: str
    groups: list[Group]
    theme: str
    single_keys: bool
    language: str


def shell(request: HttpRequest) -> dict[str, Any]:
    """Context processor; lazy, so that a fragment without the shell asks the database nothing."""
    return {"shell": SimpleLazyObject(lambda: _shell(request)), "theme": theme_of(request)}


def theme_of(request: HttpRequest) -> str:
    theme = request.COOKIES.get("theme", "")
    return theme if theme in THEMES else ""


def _shell(request: HttpRequest) -> Shell:
    tenant = getattr(request, "tenant", None)
    user = getattr(request, "user", None)
    signed_in = user is not None and user.is_authenticated
    role = user.role_id if signed_in else ""  # type: ignore[union-attr]
    return Shell(
        house=getattr(tenant, "name", "") or str(_("Podcast Sponsorship Tracker")),
        access=_("Partner access") if role == "advertiser" else _("Sponsorship house"),
        person=str(user) if signed_in else "",
        role=str(user.role) if signed_in else "",  # type: ignore[union-attr]
        groups=groups_for(request),
        theme=theme_of(request),
        single_keys=request.COOKIES.get("keys") != "off",
        language=settings.LANGUAGE_CODE,
    )
