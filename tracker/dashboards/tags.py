"""Template tags that know the addresses of our pages; registered as a builtin beside tracker.lib.ui."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django import template
from django.urls import NoReverseMatch, reverse
from django.utils.html import strip_tags
from django.utils.translation import gettext_lazy as _

from tracker.lib import words
from tracker.lib.ui import PILLS

register = template.Library()


@register.inclusion_tag("ui/card_tools.html", takes_context=True)
def card_tools(context: template.Context) -> dict[str, Any]:
    """The tools in the head of the card that is drawn: table view where it has one, CSV, alone for printing."""
    card, dashboard = context["card"], context["dashboard"]
    return {
        "card": card.name,
        "title": card.title,
        "table_id": f"{card.name}-table" if card.has_chart else "",
        "csv": reverse(f"dashboards:{dashboard.name}-csv", args=[card.name]) if card.as_table else "",
        "request": context["request"],
    }


@register.simple_tag(takes_context=True)
def booking_url(context: template.Context, booking: Any) -> str:
    """Where a booking opens for this person: its page; "" while bookings are switched off."""
    if "ENABLE_IO_BOOKINGS" not in context["features"]:
        return ""
    return _reverse("bookings:booking-detail", booking.pk)


@register.simple_tag(takes_context=True)
def deal_url(context: template.Context, deal: Any) -> str:
    """Where a deal opens for this person; "" where it is not open to them."""
    return _reverse("admin:deals_campaign_change", deal.pk) if _is_staff(context) else ""


@register.simple_tag(takes_context=True)
def deals_url(context: template.Context) -> str:
    """Where the deals stand: the board, or the list of the admin; "" where they are not open to this person."""
    if not _is_staff(context):
        return ""
    return _reverse("deals:board") or _reverse("admin:deals_campaign_changelist")


@register.simple_tag(takes_context=True)
def plan_url(context: template.Context, row: Any = None, cell: Any = None) -> str:
    """Where a person bound to an advertiser asks for a plan; "" for others, and while deals are switched off."""
    user, scope = context["request"].user, context["scope"]
    if scope.sponsor is None or user.role.bound_to != "sponsor" or "ENABLE_DEAL_PIPELINE" not in context["features"]:
        return ""
    wish = {"advertiser_id": scope.sponsor.pk}
    if row is not None:
        wish |= {"podcast": row.podcast.pk, "position": row.position, "week": cell.week.isoformat()}
    return f"{_reverse('dashboards:plan-ask')}?{urlencode(wish)}"


def _reverse(name: str, *args: Any) -> str:
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


@register.filter
def source_name(source: str) -> Any:
    """upload -> by hand; where data comes from, in the words of people."""
    return {"upload": _("upload"), "google_sheets": _("Google Sheets"), "api": _("API")}.get(source, source)


@register.filter
def kind_name(kind: str) -> Any:
    """metrics -> Metrics files."""
    names = {"metrics": _("Metrics files"), "metrics_daily": _("Metrics files"), "io_bookings": _("Bookings files")}
    return names.get(kind, kind or _("Files"))


@register.filter
def told_once(parts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The parts of a path without one that is called as the next: Deals › deals › Board is Deals › Board."""
    following = [str(part["title"]).casefold() for part in parts[1:]] + [""]
    return [part for part, after in zip(parts, following, strict=True) if str(part["title"]).casefold() != after]


def _is_staff(context: template.Context) -> bool:
    return bool(getattr(context["request"].user, "is_staff", False))


@dataclass(frozen=True)
class Option:
    pk: Any
    label: str
    query: str


@register.inclusion_tag("ui/picker.html", takes_context=True)
def pick(
    context: template.Context, param: str, options: Sequence[Any], chosen: Any, all_label: str, label: str
) -> dict[str, Any]:
    """A choice of one object that keeps the rest of the address: segments for a few, a list to narrow for many."""
    query = context["request"].GET.copy()
    query.pop(param, None)

    def with_choice(value: str) -> str:
        kept = query.copy()
        if value:
            kept[param] = value
        return f"?{kept.urlencode()}" if kept else ""

    return {
        "param": param,
        "options": [Option(option.pk, str(option), with_choice(str(option.pk))) for option in options],
        "all_query": with_choice(""),
        "chosen": chosen,
        "all_label": all_label,
        "label": label,
        "request": context["request"],
    }


# Fills of the pacing bands in the light theme: mails know no custom properties.
BAND_FILLS = {"watch": "#ad710e", "behind": "#cf3b31", "over": "#7d52c0"}


@register.inclusion_tag("dashboards/mail/bar.html")
def mail_bar(pace: Any) -> dict[str, Any]:
    """Delivered of booked as two table cells: the bar that every mail program draws."""
    share = None if pace.delivered_share is None else min(100, round(float(pace.delivered_share) * 100))
    return {"share": share, "colour": BAND_FILLS.get(pace.band, "#2450c8")}


@register.simple_tag
def mail_band(band: str) -> Any:
    """The word of a band, beside its figure: colour never stands alone."""
    return PILLS["band"][band][2]


@register.inclusion_tag("dashboards/mail/figures.html")
def mail_figure(label: Any, figure: Any, share: Any = None) -> dict[str, Any]:
    """One of the three figures of a mail, with its change on the days before where there is one."""
    note = _("%(change)s on the days before") % {"change": words.change(share)} if share is not None else ""
    return {"label": label, "figure": strip_tags(str(figure)), "note": note}
