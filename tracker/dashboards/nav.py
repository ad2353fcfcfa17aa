"""The entries of the side bar: which page is for whom, and which feature it belongs to."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from tracker.dashboards.waiting import Waiting, waiting_for
from tracker.flags.pages import features_of

CARDS = "ENABLE_NEW_DASHBOARD_CARDS"
PIPELINE = "ENABLE_DEAL_PIPELINE"
BOOKINGS = "ENABLE_IO_BOOKINGS"
MATCHES = "ENABLE_MATCHMAKING"
UPLOAD = "ENABLE_ETL_CSV_UPLOAD"


@dataclass(frozen=True)
class Entry:
    """One page: its words, icon and URL names, of which the first that exists is taken.

    permission: what the role must grant; flag: the feature without which it is not there; bound: only for people bound
    to that kind of object, "-" for people who are bound to none; key: the letter that follows "g" on the keyboard;
    waiting: the name of what is counted beside it (waiting.py).
    """

    label: Any
    icon: str
    url_names: tuple[str, ...]
    permission: str = ""
    flag: str = ""
    bound: str = ""
    key: str = ""
    waiting: str = ""


@dataclass(frozen=True)
class Link:
    label: Any
    icon: str
    url: str
    key: str
    is_current: bool
    count: Waiting | None = None


@dataclass(frozen=True)
class Group:
    title: Any
    links: list[Link]


GROUPS: list[tuple[Any, list[Entry]]] = [
    (
        "",
        [
            Entry(_("Overview"), "home", ("dashboards:ops",), "dashboards.view_ops", CARDS, "-", "o"),
            Entry(_("Overview"), "home", ("dashboards:creator",), "dashboards.view_creator", CARDS, "podcast", "o"),
            Entry(
                _("Overview"), "home", ("dashboards:advertiser",), "dashboards.view_advertiser", CARDS, "sponsor", "o"
            ),
            Entry(
                _("Deals"),
                "board",
                ("deals:board", "admin:deals_campaign_changelist"),
                "deals.view_campaign",
                PIPELINE,
                "-",
                "d",
                "deals",
            ),
            Entry(_("Sponsors"), "users", ("admin:deals_sponsor_changelist",), "deals.view_sponsor", "", "-"),
            Entry(_("Shows"), "mic", ("admin:metrics_podcast_changelist",), "metrics.view_podcast", "", "-"),
            Entry(
                _("Inventory"),
                "calendar",
                ("bookings:calendar", "bookings:inventory"),
                "bookings.view_adunit",
                BOOKINGS,
            ),
            Entry(
                _("Bookings"),
                "file",
                ("bookings:bookings", "bookings:booking-list", "admin:bookings_iobooking_changelist"),
                "bookings.view_iobooking",
                BOOKINGS,
                "-",
                "b",
            ),
            Entry(_("Inventory"), "calendar", ("bookings:calendar",), "bookings.view_iobooking", BOOKINGS, "sponsor"),
            Entry(_("Copy"), "mic", ("bookings:copies",), "bookings.view_iobooking", BOOKINGS, "podcast"),
            Entry(
                _("Makegoods"),
                "again",
                ("bookings:makegoods", "admin:bookings_makegood_changelist"),
                "bookings.view_makegood",
                BOOKINGS,
                "-",
                waiting="makegoods",
            ),
            Entry(
                _("To sign"),
                "pen",
                ("dashboards:documents",),
                "dashboards.view_advertiser",
                CARDS,
                "sponsor",
                waiting="to_sign",
            ),
            Entry(
                _("Matches"),
                "target",
                ("matchmaking:matches", "admin:matchmaking_match_changelist"),
                "matchmaking.view_match",
                MATCHES,
                "-",
                "m",
            ),
        ],
    ),
    (
        _("Views"),
        [
            Entry(
                _("Pacing and earnings"), "chart", ("dashboards:creator",), "dashboards.view_creator", CARDS, "-", "p"
            ),
            Entry(_("Advertisers"), "bars", ("dashboards:advertiser",), "dashboards.view_advertiser", CARDS, "-", "a"),
        ],
    ),
    (_("Data"), [Entry(_("Imports"), "upload", ("etl:imports",), "etl.view_import", UPLOAD, "", "i", "imports")]),
    (_("House"), [Entry(_("Sales desk"), "sliders", ("admin:index",), "deals.view_campaign", "", "-", "s")]),
]


def groups_for(request: HttpRequest) -> list[Group]:
    """Return the side bar of the signed-in person: a group without entries is left out."""
    user = request.user
    if not user.is_authenticated:
        return []
    features = features_of(request)
    counts = waiting_for(user, features)
    groups = []
    for title, entries in GROUPS:
        links = [
            link
            for entry in entries
            if _is_for(user, entry, features) and (link := _link(entry, request.path, counts)) is not None
        ]
        if links:
            groups.append(Group(title, links))
    return groups


def _is_for(user: Any, entry: Entry, features: frozenset[str]) -> bool:
    is_bound_right = not entry.bound or entry.bound == (user.role.bound_to or "-")
    return is_bound_right and (not entry.flag or entry.flag in features) and user.has_perm(entry.permission)


def _link(entry: Entry, here: str, counts: dict[str, Waiting]) -> Link | None:
    for name in entry.url_names:
        try:
            url = reverse(name)
        except NoReverseMatch:
            continue
        is_current = here == url or (name != "admin:index" and here.startswith(f"{url.rstrip('/')}/"))
        return Link(entry.label, entry.icon, url, entry.key, is_current, counts.get(entry.waiting))
    return None
