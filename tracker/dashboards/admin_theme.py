"""The admin in the product's own look: colours, title, and a menu in the words of a sales desk.

Imported by settings before any app is ready, so nothing here imports models at the top.
"""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

SHADES = ("50", "100", "200", "300", "400", "500", "600", "700", "800", "900", "950")
# The same blue and greys as static/css/tokens.css.
BLUE = [
    "#ebf0fd",
    "#d9e3fb",
    "#b7c9f7",
    "#93b2ff",
    "#7da2ff",
    "#3a63dc",
    "#2450c8",
    "#1c41a8",
    "#1b3886",
    "#1b2f69",
    "#1a2440",
]
GREY = [
    "#f7f7f5",
    "#f1f1ee",
    "#e6e5e1",
    "#cfcfca",
    "#85878d",
    "#676a72",
    "#4c4f56",
    "#2b2e34",
    "#1d2024",
    "#16181b",
    "#0e0f11",
]


@dataclass(frozen=True)
class Item:
    """One line of the menu: its words, a Material symbol, a URL name, the permission and the flag it needs."""

    title: Any
    icon: str
    url_name: str
    permission: str = ""
    flag: str = ""


MENU: list[tuple[Any, list[Item]]] = [
    (
        "",
        [
            Item(_("Overview"), "home", "admin:index"),
            Item(_("Pages for everyone"), "open_in_new", "dashboards:root", "", "ENABLE_NEW_DASHBOARD_CARDS"),
        ],
    ),
    (
        _("Sell"),
        [
            Item(
                _("Board"), "view_kanban", "admin:deals_campaign_board", "deals.view_campaign", "ENABLE_DEAL_PIPELINE"
            ),
            Item(_("Deals"), "sell", "admin:deals_campaign_changelist", "deals.view_campaign"),
            Item(
                _("Numbers"),
                "query_stats",
                "admin:deals_campaign_numbers",
                "deals.view_campaign",
                "ENABLE_DEAL_PIPELINE",
            ),
            Item(_("Sponsors"), "storefront", "admin:deals_sponsor_changelist", "deals.view_sponsor"),
            Item(_("Agencies"), "handshake", "admin:deals_agency_changelist", "deals.view_agency"),
            Item(_("Contacts"), "contacts", "admin:deals_contact_changelist", "deals.view_contact"),
            Item(
                _("Matches"),
                "join_inner",
                "admin:matchmaking_match_changelist",
                "matchmaking.view_match",
                "ENABLE_MATCHMAKING",
            ),
        ],
    ),
    (
        _("Book"),
        [
            Item(_("Bookings"), "event_available", "admin:bookings_iobooking_changelist", "bookings.view_iobooking"),
            Item(
                _("Orders"), "description", "admin:bookings_insertionorder_changelist", "bookings.view_insertionorder"
            ),
            Item(
                _("Calendar"),
                "calendar_month",
                "admin:bookings_adunit_calendar",
                "bookings.view_adunit",
                "ENABLE_IO_BOOKINGS",
            ),
            Item(_("Copy"), "record_voice_over", "admin:bookings_bookingcopy_changelist", "bookings.view_iobooking"),
            Item(
                _("Late copy"), "running_with_errors", "admin:bookings_copyalert_changelist", "bookings.view_iobooking"
            ),
            Item(_("Makegoods"), "autorenew", "admin:bookings_makegood_changelist", "bookings.view_makegood"),
        ],
    ),
    (
        _("Shows"),
        [
            Item(_("Shows"), "podcasts", "admin:metrics_podcast_changelist", "metrics.view_podcast"),
            Item(_("Episodes"), "mic", "admin:metrics_episode_changelist", "metrics.view_episode"),
            Item(_("Ad units"), "view_timeline", "admin:bookings_adunit_changelist", "bookings.view_adunit"),
        ],
    ),
    (
        _("Data"),
        [
            Item(_("Imports"), "upload_file", "admin:etl_import_changelist", "etl.view_import"),
            Item(_("Daily figures"), "monitoring", "admin:metrics_dailymetric_changelist", "metrics.view_dailymetric"),
            Item(_("Jobs"), "schedule", "admin:automation_jobrun_changelist", "automation.view_jobrun"),
            Item(_("Events"), "notifications", "admin:events_event_changelist", "events.view_event"),
            Item(_("Webhooks"), "webhook", "admin:events_endpoint_changelist", "events.view_endpoint"),
        ],
    ),
    (
        _("House"),
        [
            Item(
                _("Rules of the pipeline"),
                "rule",
                "admin:deals_campaign_rules",
                "deals.change_stagerule",
                "ENABLE_DEAL_PIPELINE",
            ),
            Item(_("People"), "group", "admin:accounts_user_changelist", "accounts.view_user"),
            Item(_("Invitations"), "mail", "admin:accounts_invitation_changelist", "accounts.view_invitation"),
            Item(_("Weekly mail"), "schedule_send", "admin:dashboards_mailplan_changelist", "dashboards.view_mailplan"),
            Item(_("Roles"), "badge", "admin:accounts_role_changelist", "accounts.view_role"),
            Item(_("API keys"), "key", "admin:accounts_apikey_changelist", "accounts.view_apikey"),
            Item(
                _("Features"),
                "toggle_on",
                "admin:feature_flags_flagoverride_changelist",
                "feature_flags.view_flagoverride",
            ),
        ],
    ),
]
PLATFORM_MENU: list[tuple[Any, list[Item]]] = [
    (
        "",
        [
            Item(_("Overview"), "home", "platform_admin:index"),
            Item(_("Houses"), "apartment", "platform_admin:tenants_tenant_changelist"),
            Item(_("Addresses"), "dns", "platform_admin:tenants_domain_changelist"),
            Item(_("Schedules"), "schedule", "platform_admin:django_celery_beat_periodictask_changelist"),
        ],
    )
]


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the menu of the signed-in person: what they may not do, or what is switched off here, is not there."""
    is_platform = getattr(getattr(request, "tenant", None), "is_platform", False)
    groups = []
    menu = PLATFORM_MENU if is_platform else MENU
    # The board lies below the deals by its address: the closest entry alone is the current one.
    here = max(
        (url for _title, items in menu for url in map(_url, items) if _is_here(request.path, url)), key=len, default=""
    )
    for title, items in menu:
        shown = [
            {"title": item.title, "icon": item.icon, "link": url, "active": url == here}
            for item in items
            if _may_see(request, item) and (url := _url(item))
        ]
        if shown:
            groups.append({"title": title, "separator": bool(title), "items": shown})
    return groups


def _may_see(request: HttpRequest, item: Item) -> bool:
    from tracker.flags.pages import features_of

    granted = not item.permission or request.user.has_perm(item.permission)  # type: ignore[union-attr]
    return granted and (not item.flag or item.flag in features_of(request))


def _url(item: Item) -> str:
    try:
        return reverse(item.url_name)
    except NoReverseMatch:
        return ""


def _is_here(path: str, url: str) -> bool:
    return path == url or (url.count("/") > 2 and path.startswith(url))


def house_name(request: HttpRequest) -> str:
    return getattr(getattr(request, "tenant", None), "name", "")


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": _("Sponsorship Tracker"),
    "SITE_HEADER": _("Sponsorship Tracker"),
    "SITE_SUBHEADER": house_name,
    "SITE_URL": "/",
    "SITE_ICON": lambda request: static("img/favicon.svg"),
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("img/favicon.svg")},
    ],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": False,
    "BORDER_RADIUS": "6px",
    "COLORS": {
        "base": dict(zip(SHADES, GREY, strict=True)),
        "primary": dict(zip(SHADES, BLUE, strict=True)),
        "font": {
            "subtle-light": "var(--color-base-500)",
            "subtle-dark": "#8e929b",
            "default-light": "var(--color-base-600)",
            "default-dark": "#b1b4bc",
            "important-light": "#17181b",
            "important-dark": "#eeeef1",
        },
    },
    "STYLES": [lambda request: static("css/tokens.css"), lambda request: static("css/admin.css")],
    "SCRIPTS": [lambda request: static("js/admin.js")],
    "SIDEBAR": {"show_search": False, "show_all_applications": False, "navigation": navigation},
    "DASHBOARD_CALLBACK": "tracker.dashboards.desk.desk_context",
    "COMMAND": {"search_models": True},
}
