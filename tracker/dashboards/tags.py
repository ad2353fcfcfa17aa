"""Template tags that know the addresses of our pages; registered as a builtin beside tracker.lib.ui."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import template
from django.urls import NoReverseMatch, reverse

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
    """Where a booking opens for this person: its page, or the admin for staff; "" where neither is open to them."""
    for name, is_open in (("bookings:booking-detail", True), ("admin:bookings_iobooking_change", _is_staff(context))):
        if is_open:
            try:
                return reverse(name, args=[booking.pk])
            except NoReverseMatch:
                continue
    return ""


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
