"""How an order's values are written on paper: dates, sums, colours, QR codes. Pure."""

from collections.abc import Iterable
from datetime import date
from itertools import groupby
from typing import Any
from urllib.parse import urlsplit

import segno
from django.utils.dates import MONTHS, MONTHS_3
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bookings.document import DocumentLine, OrderDocument, Standing

NBSP = "\u00a0"
MINUS = "\u2212"
# More lines than this are grouped by the month in which their flight begins, which is the month of the invoice.
GROUPED_FROM = 13
DEFAULT_BRAND = "#17473c"
READABLE = 4.5


def paper_context(document: OrderDocument, standing: Standing) -> dict[str, Any]:
    """Return what the order's template prints, all of it text."""
    lines = [_line(line) for line in document.lines]
    return {
        "document": document,
        "standing": standing,
        "title": document.number or _("Draft order"),
        "brand": brand_colours(standing.brand_colour),
        "digest": document.digest,
        "digest_short": _in_fours(document.digest[:16]),
        "digest_long": _in_eights(document.digest),
        "state": _state(standing),
        "is_draft": standing.state == "draft",
        "meta": _meta(document, standing),
        "parties": _parties(document),
        "figures": _figures(document),
        "groups": _groups(document.lines, lines),
        "is_long": len(lines) >= GROUPED_FROM,
        "reckoning": _reckoning(document),
        "changes": standing.changes,
        "gross": money(document.gross_cents),
        "commission": money(-document.commission_cents),
        "commission_percent": percent(document.commission_permille),
        "has_commission": document.commission_permille > 0,
        "net": money(document.net_cents),
        "agreed_rows": _in_rows(_agreed(document), 3),
        "codes": _codes(document.lines),
        "clause_pairs": _in_rows([(number, clause) for number, clause in enumerate(document.clauses, 1)], 2),
        "sides": _sides(document, standing),
    }


def money(cents: int) -> str:
    """Return an amount in cents with thousands and two decimals, and a true minus: -95400 is −954.00."""
    whole, part = divmod(abs(cents), 100)
    return f"{MINUS if cents < 0 else ''}{whole:,}.{part:02d}"


def percent(permille: int) -> str:
    """Return a share in per mille as percent with a hard space: 150 is 15 %, 125 is 12.5 %."""
    whole, rest = divmod(permille, 10)
    return f"{whole}.{rest}{NBSP}%" if rest else f"{whole}{NBSP}%"


def day(text: str) -> str:
    """Return an ISO date as 11 Jan 2027, with hard spaces; the month is a word, so that 4/1 is never guessed."""
    when = date.fromisoformat(text)
    return f"{when.day}{NBSP}{MONTHS_3[when.month].title()}{NBSP}{when.year}"


def span(first: str, last: str) -> str:
    """Return 11 Jan – 7 Feb 2027: what is common is said once."""
    begin, end = date.fromisoformat(first), date.fromisoformat(last)
    if begin == end:
        return day(first)
    if begin.year != end.year:
        return f"{day(first)} – {day(last)}"
    month = "" if begin.month == end.month else f"{NBSP}{MONTHS_3[begin.month].title()}"
    return f"{begin.day}{month}{NBSP}– {day(last)}"


def brand_colours(colour: str) -> dict[str, str]:
    """Return the five colours of a brand; one that could not be read on white gives way to the default green."""
    if _contrast_with_white(colour) < READABLE:
        colour = DEFAULT_BRAND
    return {
        "brand": colour,
        "deep": mixed(colour, "#000000", 0.28),
        "soft": mixed(colour, "#ffffff", 0.91),
        "line": mixed(colour, "#ffffff", 0.68),
        "on": "#ffffff",
    }


def _state(standing: Standing) -> str:
    if standing.state == "replaced":
        return _("Replaced by version %(version)s") % {"version": standing.replaced_by}
    return {
        "draft": _("Draft"),
        "sent": _("Sent, waiting for signature"),
        "signed": _("Signed"),
        "cancelled": _("Cancelled"),
    }[standing.state]


def _meta(document: OrderDocument, standing: Standing) -> list[tuple[str, str]]:
    version = str(document.version)
    if standing.replaces:
        version = _("%(version)s, replaces %(before)s") % {"version": version, "before": standing.replaces}
    rows = [(_("Version"), version), (_("Issued"), day(standing.issued_on) if standing.issued_on else _("not yet"))]
    if standing.signed_on:
        rows.append((_("Signed"), day(standing.signed_on)))
    elif standing.sign_by:
        rows.append((_("Sign by"), day(standing.sign_by)))
    rows += [(_("Currency"), document.currency), (_("Time zone"), document.time_zone)]
    if document.buyer_reference:
        rows.append((_("Your reference"), document.buyer_reference))
    return rows


def _parties(document: OrderDocument) -> list[tuple[str, Any]]:
    columns = [(_("Publisher"), document.publisher), (_("Advertiser"), document.advertiser)]
    if document.agency:
        columns.append((_("Agency"), document.agency))
    label = _("Invoice to") if document.agency else _("Invoice to (direct)")
    return [*columns, (label, document.invoice_to)]


def _figures(document: OrderDocument) -> dict[str, str]:
    lines = document.lines
    return {
        "flight": span(min(line.first_day for line in lines), max(line.last_day for line in lines)) if lines else "–",
        "impressions": f"{sum(line.impressions for line in lines):,}",
        "gross": money(document.gross_cents),
        "net": money(document.net_cents),
    }


def _line(line: DocumentLine) -> dict[str, Any]:
    days = (date.fromisoformat(line.last_day) - date.fromisoformat(line.first_day)).days + 1
    return {
        "number": line.number,
        "podcast": line.podcast,
        "language": line.language,
        "unit": " · ".join((line.unit, f"{line.duration_seconds}{NBSP}s", line.read_type, line.delivery)),
        "episode": line.episode,
        "code": " · ".join(text for text in (_spoken(line), _shown(line.vanity_url)) if text),
        "flight": span(line.first_day, line.last_day),
        "days": ngettext("%(days)s day", "%(days)s days", days) % {"days": days},
        "impressions": f"{line.impressions:,}",
        "is_estimate": line.rate_type == "flat",
        "rate": money(line.gross_cents if line.rate_type == "flat" else line.cpm_cents),
        "rate_kind": _rate_kind(line),
        "gross": money(line.gross_cents),
        "repairs": line.repairs,
    }


def _rate_kind(line: DocumentLine) -> str:
    if line.repairs:
        return _("makegood")
    return _("flat") if line.rate_type == "flat" else _("CPM")


def _spoken(line: DocumentLine) -> str:
    return _("Code %(code)s") % {"code": line.promo_code} if line.promo_code else ""


def _shown(address: str) -> str:
    """Return an address as it is said: without its scheme."""
    parts = urlsplit(address)
    return f"{parts.netloc}{parts.path}".rstrip("/")


def _groups(lines: Iterable[DocumentLine], shown: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if len(shown) < GROUPED_FROM:
        return [{"head": "", "lines": shown, "subtotal": ""}]
    pairs = sorted(zip(lines, shown, strict=True), key=lambda pair: (pair[0].first_day[:7], pair[0].number))
    groups = []
    for month, members in groupby(pairs, key=lambda pair: pair[0].first_day[:7]):
        rows = list(members)
        count = ngettext("%(count)s line", "%(count)s lines", len(rows)) % {"count": len(rows)}
        name = f"{MONTHS[int(month[5:])]} {month[:4]}"
        groups.append(
            {
                "head": name,
                "count": count,
                "lines": [row for _line, row in rows],
                "subtotal_label": _("Subtotal %(month)s") % {"month": name},
                "subtotal_impressions": f"{sum(line.impressions for line, _row in rows):,}",
                "subtotal": money(sum(line.gross_cents for line, _row in rows)),
            }
        )
    return groups


def _reckoning(document: OrderDocument) -> str:
    counted = _("One impression is one ad delivered in a counted download.")
    if len(document.lines) == 1 and document.lines[0].rate_type == "cpm" and not document.lines[0].repairs:
        line = document.lines[0]
        return f"{counted} {line.impressions:,} ÷ 1,000 × {money(line.cpm_cents)} = {money(line.gross_cents)}."
    rounding = _(
        "Each line is impressions ÷ 1,000 × CPM, rounded once to the cent, halves up; the totals add the printed sums."
    )
    return f"{counted} {rounding}"


def _agreed(document: OrderDocument) -> list[tuple[str, str, str]]:
    """Return (label, bold part, rest) of the twelve values."""
    agreed = document.agreed
    figures = _figures(document)
    people = agreed.report_to or document.advertiser.name
    separation = {
        "episode": _("Same episode"),
        "flight": _("Same show in the flight"),
        "none": _("None"),
    }[agreed.separation if agreed.category else "none"]
    category = _(", category %(category)s") % {"category": agreed.category} if agreed.category else ""
    maximum = f"{document.currency}{NBSP}{figures['net']}"
    return [
        (
            _("Measurement of record"),
            agreed.measurement_of_record or _("Named before the first read"),
            _("; no other source is billed on"),
        ),
        (_("Counting method"), "", _("IAB Tech Lab podcast guidelines 2.3: filtered, one minute of media, per 24 h")),
        (_("Guarantee window"), *_guarantee(document)),
        (
            _("Tolerance"),
            percent(agreed.tolerance_permille),
            _("; what is missing beyond it is made good or credited"),
        ),
        (
            _("Makegood"),
            "",
            _("Free reads or credit; shortfall notice by %(day)s") % {"day": day(agreed.shortfall_notice_by)}
            if agreed.shortfall_notice_by
            else _("Free reads or credit"),
        ),
        (_("Cancellation notice"), _("%(days)s days") % {"days": agreed.notice_days}, _(", in writing")),
        (
            _("Payment"),
            _("%(days)s days") % {"days": agreed.payment_days},
            _(" from receipt, invoiced monthly"),
        ),
        (_("Reports"), _("Every week"), _(", by day and read, to %(people)s") % {"people": people}),
        (_("Competitive separation"), separation, category),
        (
            _("Maximum spend"),
            _("%(sum)s net") % {"sum": maximum},
            _(", %(gross)s gross, before VAT") % {"gross": figures["gross"]},
        ),
        (_("Orders and ad operations"), "", agreed.order_contact or document.publisher.name),
        (
            _("Materials due"),
            day(agreed.materials_due) if agreed.materials_due else "",
            _(", %(days)s working days before the first read") % {"days": agreed.materials_days},
        ),
    ]


def _guarantee(document: OrderDocument) -> tuple[str, str]:
    deliveries = {line.delivery_kind for line in document.lines}
    flight = _(", %(flight)s; days run midnight to midnight, %(zone)s") % {
        "flight": _figures(document)["flight"],
        "zone": document.time_zone,
    }
    days = _("%(days)s days") % {"days": document.agreed.guarantee_days}
    if deliveries == {"dynamic"}:
        return _("The flight"), flight
    if "dynamic" in deliveries:
        return days, _(" after each baked-in read comes out; the flight for dynamic lines")
    return days, _(" after each read comes out, %(zone)s") % {"zone": document.time_zone}


def _codes(lines: Iterable[DocumentLine]) -> list[dict[str, Any]]:
    """Return one card for each show: its code, its link, until when they hold, and where they are spoken."""
    cards: dict[tuple[str, str, str], dict[str, Any]] = {}
    for line in lines:
        if not line.promo_code and not line.vanity_url:
            continue
        key = (line.podcast, line.promo_code, line.vanity_url)
        card = cards.setdefault(
            key,
            {
                "podcast": line.podcast,
                "language": line.language,
                "code": line.promo_code,
                "url": _shown(line.vanity_url),
                "address": line.vanity_url,
                "leads_to": _shown(line.landing_url),
                "first": line.first_day,
                "last": line.valid_until or line.last_day,
                "numbers": [],
            },
        )
        card["first"] = min(card["first"], line.first_day)
        card["last"] = max(card["last"], line.valid_until or line.last_day)
        card["numbers"].append(str(line.number))
    for card in cards.values():
        card["valid"] = span(card["first"], card["last"])
        one, many = "Spoken in every read of line %(numbers)s", "Spoken in every read of lines %(numbers)s"
        card["spoken"] = ngettext(one, many, len(card["numbers"])) % {"numbers": ", ".join(card["numbers"])}
        card["qr"] = _qr(card["address"]) if card["address"] else ""
    return list(cards.values())


def _qr(address: str) -> str:
    return segno.make(address, error="l", micro=False).svg_data_uri(border=0)


def _sides(document: OrderDocument, standing: Standing) -> list[dict[str, Any]]:
    buyer, role = document.advertiser.name, _("Advertiser")
    if document.agency:
        buyer = document.agency.name
        role = _("Agency, for and on behalf of %(advertiser)s") % {"advertiser": document.advertiser.name}
    signed = {signature.side: signature for signature in standing.signatures}
    return [
        {"name": document.publisher.name, "role": _("Publisher"), "signature": signed.get("publisher")},
        {"name": buyer, "role": role, "signature": signed.get("buyer")},
    ]


def _in_rows(items: list[Any], width: int) -> list[list[Any]]:
    return [items[start : start + width] for start in range(0, len(items), width)]


def _in_fours(text: str) -> str:
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def _in_eights(text: str) -> str:
    return " ".join(text[start : start + 8] for start in range(0, len(text), 8))


def _channels(colour: str) -> list[int]:
    return [int(colour[place : place + 2], 16) for place in (1, 3, 5)]


def mixed(colour: str, other: str, share: float) -> str:
    """Return a colour with a share (0 to 1) of another mixed in: #rrggbb."""
    pairs = zip(_channels(colour), _channels(other), strict=True)
    return "#" + "".join(f"{round(one * (1 - share) + two * share):02x}" for one, two in pairs)


def _contrast_with_white(colour: str) -> float:
    """Return the contrast of a colour to white, 1 to 21. Source: WCAG 2.2, relative luminance."""
    parts = [value / 255 for value in _channels(colour)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 1.05 / (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)
