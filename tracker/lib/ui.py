"""The template tags of every page, mail and admin screen: figures, days, pills, bars and charts in one look.

Registered as a builtin in settings, so no template needs {% load %}. Filters write None as the word "unknown".
"""

from collections.abc import Iterable
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from django import template
from django.forms import BoundField
from django.http import HttpRequest
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from tracker.lib import charts, drawing, words
from tracker.lib.dates import last_day_of, local_day

register = template.Library()

# kind -> value -> (icon, tone, word); DESIGN, status pill. An empty tone is the neutral pill, "off" the outlined one.
PILLS: dict[str, dict[str, tuple[str, str, Any]]] = {
    "stage": {
        "lead": ("lead", "", _("Lead")),
        "qualified": ("qualified", "", _("Qualified")),
        "proposal": ("proposal", "", _("Proposal")),
        "negotiation": ("negotiation", "", _("Negotiation")),
        "won": ("won", "good", _("Won")),
        "lost": ("lost", "off", _("Lost")),
    },
    "credit": {
        "open": ("done", "", _("Credit open")),
        "watch": ("alert", "watch", _("Credit on watch")),
        "hold": ("stop", "bad", _("Credit on hold")),
    },
    "booking": {
        "draft": ("lead", "", _("Draft")),
        "held": ("clock", "watch", _("Held")),
        "scheduled": ("scheduled", "info", _("Scheduled")),
        "active": ("play", "info", _("Active")),
        "paused": ("pause", "watch", _("Paused")),
        "makegood": ("again", "over", _("Makegood")),
        "completed": ("done", "good", _("Completed")),
        "cancelled": ("stop", "off", _("Cancelled")),
        "expired": ("expired", "off", _("Expired")),
    },
    "band": {
        "on_track": ("done", "", _("On track")),
        "watch": ("alert", "watch", _("Watch")),
        "behind": ("behind", "bad", _("Behind")),
        "over": ("over", "over", _("Over")),
        "unknown": ("clock", "off", _("Unknown")),
        "first_day": ("clock", "off", _("First day")),
        "no_data": ("clock", "off", _("No data")),
        "not_started": ("clock", "off", _("Not started")),
        "not_out": ("clock", "off", _("Not out")),
        "no_curve": ("clock", "off", _("No curve yet")),
        "nothing_expected": ("clock", "off", _("Nothing due yet")),
    },
    "makegood": {
        "proposed": ("info", "watch", _("Proposed")),
        "opened": ("info", "watch", _("Opened")),
        "offered": ("clock", "", _("Offered")),
        "accepted": ("check", "info", _("Accepted")),
        "scheduled": ("scheduled", "info", _("Scheduled")),
        "fulfilled": ("done", "good", _("Fulfilled")),
        "declined": ("stop", "off", _("Declined")),
        "credited": ("stop", "off", _("Credited")),
        "waived": ("stop", "off", _("Waived")),
        "withdrawn": ("stop", "off", _("Withdrawn")),
    },
    "copy": {
        "proposed": ("clock", "watch", _("Waiting for the creator")),
        "change_asked": ("pen", "watch", _("Change asked for")),
        "approved": ("done", "good", _("Approved")),
        "replaced": ("stop", "off", _("Replaced")),
    },
    "import": {
        "pending": ("clock", "", _("Pending")),
        "processing": ("again", "info", _("Processing")),
        "completed": ("done", "", _("Completed")),
        "failed": ("stop", "bad", _("Failed")),
    },
    "source": {
        "healthy": ("done", "", _("Healthy")),
        "degraded": ("alert", "watch", _("Degraded")),
        "unhealthy": ("stop", "bad", _("Unhealthy")),
    },
    "order": {
        "draft": ("lead", "", _("Draft")),
        "sent": ("clock", "watch", _("To sign")),
        "signed": ("done", "", _("Signed")),
        "cancelled": ("stop", "off", _("Cancelled")),
    },
    "job": {
        "queued": ("clock", "", _("Queued")),
        "running": ("again", "info", _("Running")),
        "completed": ("done", "", _("Completed")),
        "failed": ("stop", "bad", _("Failed")),
        "skipped": ("pause", "off", _("Skipped")),
    },
}
# Neutral pills whose glyph alone carries the good news.
GREEN_GLYPH = {("band", "on_track"), ("import", "completed"), ("source", "healthy"), ("order", "signed")}


# --- figures ----------------------------------------------------------------------------------------------------------
def _or_unknown(value: Any, text: str) -> str | SafeString:
    return unknown() if value is None or value == "" else text


@register.simple_tag
def unknown(text: str = "") -> SafeString:
    """The word for a figure nobody knows: {% unknown %}, or with other words {% unknown "not out" %}."""
    return format_html('<i class="unknown">{}</i>', text or words.unknown())


@register.filter
def number(value: Any, decimals: int = 0) -> str:
    """12840 -> 12,840."""
    return _or_unknown(value, words.number(value or 0, decimals))


@register.filter
def short_number(value: Any) -> str:
    """82300 -> 82.3k; ranges and axes only."""
    return _or_unknown(value, words.short_number(value or 0))


@register.filter
def percent(share: Any, decimals: int = 1) -> str:
    """A share of 0 to 1 as percent: 0.857 -> 85.7 %."""
    return _or_unknown(share, words.percent(share or 0, decimals))


@register.filter
def pct(value: Any, decimals: int = 1) -> str:
    """A value that is percent already: 85.7 -> 85.7 %."""
    return _or_unknown(value, words.pct(value or 0, decimals))


@register.filter
def change(share: Any) -> str:
    """A change against before: 0.082 -> +8.2 %."""
    return _or_unknown(share, words.change(share or 0))


@register.filter
def money(cents: Any, currency: str = "") -> str:
    """Integer cents with two decimals: 45619 -> €456.19 (tables)."""
    return _or_unknown(cents, words.money(cents or 0, currency))


@register.filter
def money_whole(cents: Any, currency: str = "") -> str:
    """Integer cents without decimals: 1335658 -> €13,357 (key figures, pipeline)."""
    return _or_unknown(cents, words.money_whole(cents or 0, currency))


@register.filter
def currency_sign(currency: str) -> str:
    """EUR -> €; a currency without a sign of its own keeps its code."""
    return words.SYMBOLS.get(currency, currency)


@register.filter
def money_iso(cents: Any, currency: str = "") -> str:
    """Integer cents with the ISO code: 45619 -> EUR 456.19 (pages with more than one currency)."""
    return _or_unknown(cents, words.money(cents or 0, currency, iso=True))


# --- days and times ---------------------------------------------------------------------------------------------------
def _time(value: date | datetime | None, text: str) -> SafeString:
    if value is None:
        return unknown()
    return mark_safe(f'<time datetime="{words.stamp(value)}">{text}</time>')  # noqa: S308 (words of our own)


@register.filter
def day(value: Any) -> SafeString:
    """20 Nov; with its year when that is not the current one."""
    return _time(value, words.day(value))


@register.filter
def day_full(value: Any) -> SafeString:
    """20 Nov 2026."""
    return _time(value, words.day(value, year=True))


@register.filter
def weekday(value: Any) -> SafeString:
    """Wed 25 Nov: where a person acts on it."""
    return _time(value, words.day(value, weekday=True))


@register.filter
def weekday_full(value: Any) -> SafeString:
    """Fri 20 Nov 2026: the as-of line."""
    return _time(value, words.day(value, weekday=True, year=True))


@register.filter
def instant(value: Any) -> SafeString:
    """21 Nov, 09:40 in the house's zone."""
    return _time(value, words.instant(value))


@register.filter
def clock(value: Any) -> SafeString:
    """09:40 in the house's zone."""
    return _time(value, words.clock(value))


@register.filter
def ago(value: Any) -> str:
    """How long ago an instant was: 6 h 38 min. Stands beside the absolute time, never alone."""
    return _or_unknown(value, words.span(timezone.now() - value) if value else "")


@register.filter
def days_away(value: Any) -> str:
    """in 4 days, today, 2 days late."""
    return _or_unknown(value, words.days_away(words.local(value)) if value else "")  # type: ignore[arg-type]


@register.filter
def span(value: Any) -> str:
    """A timedelta: 2 d 17 h."""
    return _or_unknown(value, words.span(value) if value is not None else "")


@register.simple_tag
def day_range(first: Any, last: Any) -> str:
    """28 Oct – 25 Dec; both days are inside."""
    return unknown() if first is None or last is None else words.day_range(first, last)


@register.simple_tag
def flight_range(booking: Any) -> str:
    """The days of a flight as people say them; reads flight_start and flight_end (half-open instants)."""
    zone = words.house_zone()
    return words.day_range(local_day(booking.flight_start, zone), last_day_of(booking.flight_end, zone))


@register.simple_tag
def zone_name() -> str:
    return words.zone_name()


# --- icons and pills --------------------------------------------------------------------------------------------------
@register.simple_tag
def icon(name: str, css: str = "", label: str = "") -> SafeString:
    """A glyph of icons.svg. Decorative unless it has a label; css adds classes such as "icon-s tone-good"."""
    return _drawn_icon(name, css, str(label))


@lru_cache(maxsize=2048)
def _drawn_icon(name: str, css: str, label: str) -> SafeString:
    """A page draws the same few icons again and again."""
    classes = f"icon {css}".strip()
    if label:
        return format_html(
            '<svg class="{}" role="img" aria-label="{}"><use href="{}#i-{}"/></svg>', classes, label, _sprite(), name
        )
    return format_html('<svg class="{}" aria-hidden="true"><use href="{}#i-{}"/></svg>', classes, _sprite(), name)


def _sprite() -> str:
    return static("img/icons.svg")


@register.simple_tag
def pill(kind: str, value: Any, text: Any = "") -> SafeString:
    """A status as glyph, word and tone: {% pill "booking" booking.status %}. `text` replaces the word."""
    glyph, tone, word = PILLS[kind][str(value)]
    svg = icon(glyph, "tone-good" if (kind, str(value)) in GREEN_GLYPH else "")
    attribute = format_html(' data-tone="{}"', tone) if tone else mark_safe("")
    return format_html('<span class="pill"{}>{}{}</span>', attribute, svg, text or word)


@register.simple_tag
def initials(name: Any) -> str:
    """The two letters of an avatar: "Mara Lindqvist" -> ML."""
    parts = [part for part in str(name).replace("@", " ").split() if part[0].isalnum()]
    letters = parts[0][:2] if len(parts) == 1 else "".join(part[0] for part in [*parts[:1], *parts[-1:]])
    return letters.upper()


# --- bars and charts --------------------------------------------------------------------------------------------------
@register.inclusion_tag("ui/pace.html")
def pace(
    goal: Any,
    delivered: Any,
    expected: Any = None,
    band: str = "",
    projected: Any = None,
    low: Any = None,
    high: Any = None,
    right: str = "",
    short: bool = False,
) -> dict[str, Any]:
    """Delivered against expected of a goal, as a bar with its figures below. All in impressions; None is unknown.

    The whisker (projected with low and high) is for the booking page; `right` replaces the pair on the right;
    `short` leaves its words out where there is little room.
    """
    known = expected is not None and goal
    return {
        "bar": charts.pace_bar(
            goal=goal, delivered=delivered, expected=expected, band=band, projected=projected, low=low, high=high
        ),
        "goal": goal,
        "delivered": delivered,
        "projected": projected,
        "delivered_pct": 100 * (delivered or 0) / goal if known else None,
        "expected_pct": 100 * float(expected) / goal if known else None,
        "right": right,
        "short": short,
    }


@register.inclusion_tag("ui/bar.html")
def bar(value: Any, whole: Any = 1, css: str = "bar-fill") -> dict[str, Any]:
    """A plain bar of value / whole; None is a dashed bar, "no data". Decorative: the figure stands beside it."""
    share = None if value is None else min(max(float(value) / float(whole or 1), 0.0), 1.0)
    return {"share": None if share is None else charts.at(100 * share), "css": css}


@register.inclusion_tag("ui/spark.html")
def spark(values: Any, usual: Any = None, wide: bool = False) -> dict[str, Any]:
    """A line the size of a word; `usual` is dashed behind it, on one scale. Decorative: the figure stands beside."""
    both = [float(v) for v in [*(values or []), *(usual or [])] if v is not None]
    low, high = (min(both), max(both)) if both else (0.0, 1.0)
    return {
        "line": charts.path(values or [], low=low, high=high),
        "usual": charts.path(usual or [], low=low, high=high),
        "wide": wide,
    }


@register.inclusion_tag("ui/line_chart.html")
def line_chart(chart: charts.LineChart) -> dict[str, Any]:
    return {"chart": chart}


@register.inclusion_tag("ui/column_chart.html")
def column_chart(chart: charts.ColumnChart) -> dict[str, Any]:
    return {"chart": chart}


@register.simple_tag
def tips(drawn: Iterable[charts.Tip]) -> SafeString:
    return drawing.tips(drawn)


@register.simple_tag
def table_rows(table: Any) -> SafeString:
    """The body of a table: columns with a kind, and rows of raw values."""
    return drawing.table_rows(table.columns, table.rows, currency=table.currency)


# --- pieces of pages --------------------------------------------------------------------------------------------------
@register.inclusion_tag("ui/field.html")
def field(bound: BoundField, hint: str = "", label: str = "", placeholder: bool = True) -> dict[str, Any]:
    """A form field with its label above, hint and error below, wired for screen readers.

    placeholder=False drops the words that a form of a library puts inside the box.
    """
    kind = getattr(bound.field.widget, "input_type", "")
    attrs: dict[str, Any] = {"class": False if kind in {"checkbox", "radio", "file"} else "input"}
    if not placeholder:
        attrs["placeholder"] = False
    return {"bound": bound, "kind": kind, "control": bound.as_widget(attrs=attrs), "hint": hint, "label": label}


@register.inclusion_tag("ui/pager.html", takes_context=True)
def pager(context: template.Context, page: Any) -> dict[str, Any]:
    """Newer and older, with the rest of the address kept. `page` is a Django Page."""
    return {"page": page, "request": context.get("request")}


@register.inclusion_tag("ui/empty.html")
def empty(glyph: str, title: str, text: str = "", url: str = "", action: str = "") -> dict[str, Any]:
    """What is not here, and the one step that fills it."""
    return {"glyph": glyph, "title": title, "text": text, "url": url, "action": action}


@register.simple_tag(takes_context=True)
def current(context: template.Context, url: str) -> SafeString:
    """aria-current="page" when the address is this one or below it."""
    request: HttpRequest | None = context.get("request")
    here = request.path if request else ""
    is_here = here == url or (url != "/" and here.startswith(f"{url.rstrip('/')}/"))
    return mark_safe(' aria-current="page"') if is_here else mark_safe("")
