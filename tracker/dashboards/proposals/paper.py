"""How a proposal's values are written on paper: sums, shares, the calendar, the terms in brief. Pure."""

import base64
import math
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.utils.dates import MONTHS_3
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bookings.paper import NBSP, brand_colours, day, mixed, money, percent, span
from tracker.dashboards.proposals.document import PlanLine, ProposalDocument, shares_of

# More weeks than this do not fit beside each other: the calendar counts months instead.
MOST_WEEKS = 16
# Pieces of the budget bar; what is smaller stands together as the last one.
MOST_PARTS = 6


def paper_context(document: ProposalDocument, *, brand_colour: str) -> dict[str, Any]:
    """Return what the proposal's template prints, all of it text."""
    totals, brand = document.totals, brand_colours(brand_colour)
    shares = shares_of([line.gross_cents for line in document.lines])
    return {
        "document": document,
        "brand": brand,
        "wave": _wave(brand["line"]),
        "title": f"{document.number}, {_('version')} {document.version}",
        "facts": _facts(document),
        "figures": _figures(document),
        "reasons": _reasons(document),
        "parts": _parts(document, brand),
        "rows": [_row(line, share) for line, share in zip(document.lines, shares, strict=True)],
        "impressions": f"{document.impressions:,}",
        "average_cpm": money(document.average_cpm_cents),
        "gross": money(totals.gross_cents),
        "has_commission": document.commission_permille > 0,
        "commission_percent": percent(document.commission_permille),
        "commission": money(-totals.commission_cents),
        "net": money(totals.net_cents),
        "stands_until": day(document.stands_until),
        "shows": _shows(document),
        "has_fit": any(line.score for line in document.lines),
        "counted": _counted(document),
        "calendar": calendar_of(document),
        "promised": _promised(document),
        "asked": _asked(document),
        "steps": _steps(document),
    }


def _facts(document: ProposalDocument) -> list[tuple[str, str]]:
    for_whom = document.prepared_for
    about = for_whom.about if for_whom.about != for_whom.name else ""
    return [
        (_("Proposal"), document.number + (f" · {_('version')} {document.version}" if document.version > 1 else "")),
        (_("Issued"), day(document.issued_on)),
        (_("Offer stands until"), day(document.stands_until)),
        (_("Prepared for"), ", ".join(text for text in (for_whom.name, about) if text)),
        (_("Prepared by"), document.prepared_by.name),
    ]


def _figures(document: ProposalDocument) -> list[tuple[str, str, str]]:
    """Return (label, number, basis) of the four figures."""
    shows = len({line.podcast for line in document.lines})
    weeks = weeks_of(document.first_day, document.last_day)
    after = _("after %(percent)s commission") % {"percent": percent(document.commission_permille)}
    return [
        (
            _("Impressions, guaranteed"),
            f"{document.impressions:,}",
            ngettext("on %(count)s show", "on %(count)s shows", shows) % {"count": shows},
        ),
        (
            _("Flight"),
            ngettext("%(count)s week", "%(count)s weeks", weeks) % {"count": weeks},
            span(document.first_day, document.last_day),
        ),
        (
            _("Average CPM"),
            money(document.average_cpm_cents),
            _("%(currency)s for 1,000 impressions") % {"currency": document.currency},
        ),
        (
            _("Net investment"),
            money(document.totals.net_cents),
            f"{document.currency}, {after}" if document.commission_permille else document.currency,
        ),
    ]


def _reasons(document: ProposalDocument) -> list[tuple[str, str]]:
    """Return three short answers: what you get, how the shows were chosen, how you will know. Only what is so."""
    lines = document.lines
    spoken = len({line.podcast for line in lines if line.is_host_read})
    shows = len({line.podcast for line in lines})
    voice = _("Ads in the host's own voice on %(spoken)s of %(shows)s shows") % {"spoken": spoken, "shows": shows}
    if spoken == shows:
        voice = _("Ads in the host's own voice")
    if not spoken:
        voice = _("Produced spots, placed for you")
    get = _("%(voice)s, a code and a short link of your own on each") % {"voice": voice}
    rivals = _rivals(document)
    get = f"{get}. {rivals}" if rivals else f"{get}."
    chosen = _("Chosen with you from the %(count)s shows we represent.") % {"count": document.shows_represented}
    if any(line.score for line in lines):
        chosen = _(
            "Of the %(count)s shows we represent, %(scored)s were scored for you on topic, audience, place, history, "
            "free slots and brand safety. The plan names each show's score."
        ) % {"count": document.shows_represented, "scored": document.shows_scored}
    know = _(
        "Delivery by day every week, a recording of each first read, and codes and clicks beside it. Codes show a "
        "floor: most buyers never type one in."
    )
    return [(_("What you get"), get), (_("How we chose"), chosen), (_("How you will know"), know)]


def _rivals(document: ProposalDocument) -> str:
    promises = document.promises
    if not promises.category or promises.separation == "none":
        return ""
    where = {"episode": _("in the same episode"), "flight": _("on the same show during the flight")}
    words = _("No rival from %(category)s %(where)s.")
    return words % {"category": promises.category, "where": where[promises.separation]}


def _parts(document: ProposalDocument, brand: dict[str, str]) -> list[dict[str, str]]:
    """Return the pieces of the budget bar, one a show, the largest first, with their exact width in percent."""
    sums: dict[str, int] = {}
    for line in document.lines:
        sums[line.podcast] = sums.get(line.podcast, 0) + line.gross_cents
    largest = sorted(sums.items(), key=lambda pair: (-pair[1], pair[0]))
    if len(largest) > MOST_PARTS:
        rest = sum(cents for _name, cents in largest[MOST_PARTS - 1 :])
        largest = [*largest[: MOST_PARTS - 1], (_("the others"), rest)]
    whole = sum(cents for _name, cents in largest) or 1
    shares = shares_of([cents for _name, cents in largest])
    return [
        {
            "name": name,
            "sum": money(cents),
            "share": f"{share}{NBSP}%",
            "width": f"{100 * cents / whole:.3f}",
            "colour": brand["deep"] if place == 0 else mixed(brand["brand"], "#ffffff", 0.17 * (place - 1)),
        }
        for place, ((name, cents), share) in enumerate(zip(largest, shares, strict=True))
    ]


def _row(line: PlanLine, share: Any) -> dict[str, str]:
    weeks = weeks_of(line.first_day, line.last_day)
    unit = [line.unit, f"{line.duration_seconds}{NBSP}s", line.read_type, line.delivery]
    if line.episodes:
        unit.append(ngettext("%(count)s episode", "%(count)s episodes", line.episodes) % {"count": line.episodes})
    return {
        "podcast": line.podcast,
        "language": line.language,
        "unit": " · ".join(unit),
        "flight": span(line.first_day, line.last_day),
        "weeks": str(weeks),
        "impressions": f"{line.impressions:,}",
        "cpm": money(line.cpm_cents),
        "gross": money(line.gross_cents),
        "share": f"{share}{NBSP}%",
    }


def _shows(document: ProposalDocument) -> list[dict[str, Any]]:
    """Return one row for each show of the plan; what is not known is said."""
    shows: dict[str, dict[str, Any]] = {}
    for line in document.lines:
        if line.podcast in shows:
            continue
        heard = _("not counted yet")
        if line.weekly_downloads is not None:
            heard = _("%(number)s a week") % {"number": f"{line.weekly_downloads:,}"}
        shows[line.podcast] = {
            "podcast": line.podcast,
            "language": line.language,
            "host": line.host,
            "subject": line.subject or _("not said"),
            "heard": ", ".join(text for text in (heard, line.audience) if text),
            "score": line.score.split(".")[0] if line.score else "",
            "rationale": line.rationale,
        }
    return list(shows.values())


def _counted(document: ProposalDocument) -> list[str]:
    """Return the sentences below the shows: how downloads were counted, what a score had no data for."""
    counted = sorted({(line.source, line.counted_until) for line in document.lines if line.source})
    sentences = []
    if counted:
        sources = ", ".join(sorted({source for source, _until in counted}))
        until = day(max(until for _source, until in counted))
        words = _(
            "Downloads: the mean of four weeks to %(day)s, counted by %(sources)s after the IAB Tech Lab podcast "
            "guidelines 2.3; sources are never added up."
        )
        sentences.append(words % {"day": until, "sources": sources})
    if any(line.score for line in document.lines):
        sentences.append(
            _(
                "Fit weighs topic, audience, place, history, free slots and brand safety; a signal without data is "
                "left out, not guessed."
            )
        )
    lacking: dict[tuple[str, ...], list[str]] = {}
    for line in {line.podcast: line for line in document.lines if line.score and line.missing_signals}.values():
        lacking.setdefault(line.missing_signals, []).append(line.podcast)
    for signals, shows in lacking.items():
        named = {"shows": ", ".join(shows), "signals": ", ".join(signals).lower()}
        sentences.append(_("No data on %(signals)s for %(shows)s.") % named)
    return sentences


# --- calendar ---
@dataclass(frozen=True)
class Bar:
    """One line in the calendar: so many empty columns, so many of the bar, so many empty again."""

    podcast: str
    unit: str
    before: range
    width: int
    after: range
    impressions: str
    is_deep: bool


@dataclass(frozen=True)
class Calendar:
    """Columns of weeks from Monday, or of months when the plan is long; sums spread each line evenly over its days."""

    by: str
    columns: list[str]
    bars: list[Bar]
    sums: list[str]


def calendar_of(document: ProposalDocument) -> Calendar:
    """Return the plan as a calendar: impressions on the bars, sums by week (or month) below."""
    first, last = date.fromisoformat(document.first_day), date.fromisoformat(document.last_day)
    starts = _weeks(first, last)
    by_month = len(starts) > MOST_WEEKS
    if by_month:
        starts = _months(first, last)
    ends = [*(start - timedelta(days=1) for start in starts[1:]), max(last, starts[-1])]
    sums = [0.0] * len(starts)
    bars = []
    for place, line in enumerate(document.lines):
        begin, end = date.fromisoformat(line.first_day), date.fromisoformat(line.last_day)
        days = (end - begin).days + 1
        touched = []
        for column, (start, stop) in enumerate(zip(starts, ends, strict=True)):
            inside = (min(end, stop) - max(begin, start)).days + 1
            if inside > 0:
                touched.append(column)
                sums[column] += line.impressions * inside / days
        bars.append(
            Bar(
                podcast=line.podcast,
                unit=f"{line.unit}, {line.duration_seconds}{NBSP}s",
                before=range(touched[0]),
                width=len(touched),
                after=range(len(starts) - 1 - touched[-1]),
                impressions=f"{line.impressions:,}",
                is_deep=place % 2 == 0,
            )
        )
    name = _month_name if by_month else _week_name
    return Calendar(
        "month" if by_month else "week", [name(start) for start in starts], bars, [short(total) for total in sums]
    )


def short(count: float) -> str:
    """Return a count as it stands on an axis: 840, 1.2k, 69k, 1.3M."""
    if count >= 999_500:
        return f"{count / 1_000_000:.1f}M"
    if count >= 9_950:
        return f"{count / 1000:.0f}k"
    return f"{count / 1000:.1f}k" if count >= 1000 else f"{count:.0f}"


def weeks_of(first: str, last: str) -> int:
    """Return how many weeks two ISO days and all between make, a begun one counted whole."""
    return math.ceil(((date.fromisoformat(last) - date.fromisoformat(first)).days + 1) / 7)


def _weeks(first: date, last: date) -> list[date]:
    monday = first - timedelta(days=first.weekday())
    return [monday + timedelta(weeks=week) for week in range((last - monday).days // 7 + 1)]


def _months(first: date, last: date) -> list[date]:
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    months = [first.year * 12 + first.month - 1 + step for step in range(count)]
    return [date(month // 12, month % 12 + 1, 1) for month in months]


def _week_name(start: date) -> str:
    return f"{start.day}{NBSP}{MONTHS_3[start.month].title()}"


def _month_name(start: date) -> str:
    return f"{MONTHS_3[start.month].title()}{NBSP}{start.year}"


# --- terms in brief ---
def _promised(document: ProposalDocument) -> list[tuple[str, str]]:
    promises = document.promises
    counted = promises.measurement_of_record or _("the measurement of record that the order names")
    words = _(
        "All %(count)s impressions, counted by %(counted)s: inside the flight for dynamic ads, within %(days)s days of "
        "publication for baked-in reads."
    )
    given = {"count": f"{document.impressions:,}", "counted": counted, "days": promises.guarantee_days}
    promised = [
        (_("Guarantee."), words % given),
        (
            _("If we fall short."),
            _(
                "You hear at least 14 days before measuring closes, then choose free reads or a credit at the line's "
                "own rate."
            ),
        ),
    ]
    rivals = _rivals(document)
    return [*promised, (_("Rivals."), rivals)] if rivals else promised


def _asked(document: ProposalDocument) -> list[tuple[str, str]]:
    promises = document.promises
    return [
        (
            _("Payment."),
            _("%(days)s days from receipt, invoiced monthly for what was delivered.") % {"days": promises.payment_days},
        ),
        (
            _("Cancelling."),
            _("%(days)s days' notice in writing; what runs until then is owed.") % {"days": promises.notice_days},
        ),
        (
            _("Materials."),
            _("Talking points, code and link %(days)s working days before the first read: %(day)s.")
            % {"days": promises.materials_days, "day": day(promises.materials_due)},
        ),
    ]


def _steps(document: ProposalDocument) -> list[str]:
    return [
        _("Tell us which lines you want, by %(day)s.") % {"day": day(document.stands_until)},
        _("We hold the slots and send the insertion order."),
        _("You sign on its private page; the slots are yours."),
        _("The flight begins on %(day)s.") % {"day": day(document.first_day)},
    ]


def _wave(colour: str) -> str:
    """Return the wave of the cover as a data address: decoration, so it is a background and no figure."""
    bars = []
    for place in range(30):
        height = 8 + 46 * abs(math.sin(place * 0.23)) * (0.55 + 0.45 * math.cos(place * 0.61))
        bars.append(
            f'<rect x="{place * 5}" y="{56 - height / 2:.1f}" width="2.4" height="{height:.1f}" rx="1.2" '
            f'fill-opacity="{0.16 + place * 0.012:.2f}"/>'
        )
    drawing = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 150 112" width="150" height="112">'
        f'<g fill="{colour}">{"".join(bars)}</g></svg>'
    )
    return "data:image/svg+xml;base64," + base64.b64encode(drawing.encode()).decode()
