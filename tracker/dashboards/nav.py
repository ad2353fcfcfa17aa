"""The entries of the side bar: which page is for whom, and which feature it belongs to."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from tracker.flags.services import is_on

STAFF = ("administrator", "sales_manager", "salesperson", "ops")
SALES = ("administrator", "sales_manager", "salesperson")


@dataclass(frozen=True)
class Entry:
    """One page: its words, icon and URL name, the roles that see it, and the flag without which it is not there."""

    label: Any
    icon: str
    url_name: str
    roles: tuple[str, ...]
    flag: str = ""
    # The letter that follows "g" on the keyboard.
    key: str = ""


@dataclass(frozen=True)
class Link:
    label: Any
    icon: str
    url: str
    key: str
    is_current: bool


@dataclass(frozen=True)
class Group:
    title: Any
    links: list[Link]


CARDS = "ENABLE_NEW_DASHBOARD_CARDS"
GROUPS: list[tuple[Any, list[Entry]]] = [
    (
        "",
        [
            Entry(_("Overview"), "home", "dashboards:ops", STAFF, CARDS, "o"),
            Entry(_("Overview"), "home", "dashboards:creator", ("creator",), CARDS, "o"),
            Entry(_("Overview"), "home", "dashboards:advertiser", ("advertiser",), CARDS, "o"),
        ],
    ),
    (_("Data"), [Entry(_("Imports"), "upload", "etl:imports", STAFF, "ENABLE_ETL_CSV_UPLOAD", "u")]),
    (_("House"), [Entry(_("Sales desk"), "sliders", "admin:index", STAFF, "", "a")]),
]


def groups_for(request: HttpRequest) -> list[Group]:
    """Return the side bar of the signed-in person: a group without entries is left out."""
    user = request.user
    if not user.is_authenticated:
        return []
    flags: dict[str, bool] = {}
    shown = []
    for title, entries in GROUPS:
        links = [
            link
            for entry in entries
            if user.role_id in entry.roles and _is_on(entry.flag, flags) and (link := _link(entry, request.path))
        ]
        if links:
            shown.append(Group(title, links))
    return shown


def _is_on(flag: str, seen: dict[str, bool]) -> bool:
    if flag and flag not in seen:
        seen[flag] = is_on(flag)
    return not flag or seen[flag]


def _link(entry: Entry, here: str) -> Link | None:
    try:
        url = reverse(entry.url_name)
    except NoReverseMatch:
        return None
    is_current = here == url or (entry.url_name != "admin:index" and here.startswith(f"{url.rstrip('/')}/"))
    return Link(entry.label, entry.icon, url, entry.key, is_current)
