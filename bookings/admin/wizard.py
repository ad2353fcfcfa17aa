"""The order wizard: from a won deal to its order, with totals and conflicts while one chooses."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from bookings.admin.base import FLAG
from bookings.models import IOBooking
from bookings.queries.offers import OfferedLine, offered_lines
from bookings.services import ChosenLine, Judged, book_lines, judge_lines
from bookings.services.wishes import MOST_CPM_CENTS, MOST_IMPRESSIONS
from deals.models import Campaign
from metrics.models import Podcast
from tracker.flags.pages import features_of
from tracker.lib.dates import local_day
from tracker.lib.errors import DomainError
from tracker.tenants.context import tenant_zone

USUAL_WEEKS, LONGEST_DAYS, MOST_SHOWS, MOST_DEALS = 8, 366, 12, 100
Status = IOBooking.Status
WAYS = (
    (Status.HELD, gettext_lazy("Hold the slots until the order is signed")),
    (Status.SCHEDULED, gettext_lazy("Schedule at once")),
    (Status.DRAFT, gettext_lazy("Only draft, hold no slot")),
)


@dataclass(frozen=True)
class Row:
    """One line of the form: what is offered, what was typed, what became of it."""

    offer: OfferedLine
    is_chosen: bool
    impressions: str
    cpm: str
    gross_cents: int | None = None
    problem: str = ""
    next_free: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What the wizard works on: the deal, the shows and the days it looks at."""

    deal: Campaign
    shows: list[Podcast]
    first_day: date
    last_day: date


def page(request: HttpRequest, *, model_admin: Any) -> HttpResponse:
    """Choose a deal, then its lines; POST books them all, or says why none was."""
    _check(request)
    deal = _deal(request)
    if deal is None:
        return render(request, "admin/bookings/wizard_deals.html", _around(request, model_admin, deals=_deals()))
    plan = _plan(request, deal)
    offers = offered_lines(deal, plan.shows, first_day=plan.first_day, last_day=plan.last_day, at=timezone.now())
    if request.method != "POST":
        rows = [_fresh(offer) for offer in offers]
        return _form(request, model_admin, plan, rows, _judge(request, plan, rows))
    rows = [_typed(request, offer) for offer in offers]
    if any(row.problem for row in rows):
        return _form(request, model_admin, plan, rows, _judge(request, plan, rows), status=409)
    try:
        done = book_lines(campaign=deal, lines=_chosen(rows), status=_way(request), by=request.user, at=timezone.now())
    except DomainError as refusal:
        judged = _judge(request, plan, rows)
        return _form(request, model_admin, plan, rows, judged, error=refusal.message, status=409)
    count = len(done.gross_cents)
    messages.success(request, _("%(count)s lines booked into the order.") % {"count": count})
    return HttpResponseRedirect(reverse("admin:bookings_insertionorder_change", args=[done.order.pk]))


@require_POST
def judged(request: HttpRequest, *, model_admin: Any) -> HttpResponse:
    """The totals and the state of each line, as the form stands now. Nothing is booked."""
    _check(request)
    deal = _deal(request)
    if deal is None:
        raise Http404
    plan = _plan(request, deal)
    offers = offered_lines(deal, plan.shows, first_day=plan.first_day, last_day=plan.last_day, at=timezone.now())
    rows = [_typed(request, offer) for offer in offers]
    found = _judge(request, plan, rows)
    context = {"rows": _told(rows, found), "judged": found, "deal": deal}
    response = render(request, "admin/bookings/wizard_judged.html", context)
    response["Cache-Control"] = "private, no-store"
    return response


def _judge(request: HttpRequest, plan: Plan, rows: list[Row]) -> Judged | None:
    try:
        return judge_lines(
            campaign=plan.deal, lines=_chosen(rows), status=_way(request), by=request.user, at=timezone.now()
        )
    except DomainError:
        return None


def _form(
    request: HttpRequest,
    model_admin: Any,
    plan: Plan,
    rows: list[Row],
    found: Judged | None,
    *,
    error: str = "",
    status: int = 200,
) -> HttpResponse:
    others = Podcast.objects.filter(is_archived=False, ad_units__is_active=True).exclude(pk__in=_keys(plan.shows))
    context = _around(
        request,
        model_admin,
        plan=plan,
        deal=plan.deal,
        rows=_told(rows, found),
        judged=found,
        error=error,
        ways=WAYS,
        way=_way(request),
        others=others.distinct().order_by("title")[:500],
        back=reverse("admin:bookings_insertionorder_changelist"),
    )
    response = render(request, "admin/bookings/wizard.html", context, status=status)
    response["Cache-Control"] = "private, no-store"
    return response


def _around(request: HttpRequest, model_admin: Any, **more: Any) -> dict[str, Any]:
    site = model_admin.admin_site.each_context(request)
    return {**site, "model_admin": model_admin, "title": _("New order"), "is_fullwidth": "1", **more}


def _check(request: HttpRequest) -> None:
    if FLAG not in features_of(request):
        raise Http404
    if not request.user.has_perm("bookings.add_iobooking"):
        raise PermissionDenied


def _deals() -> list[Campaign]:
    """Won deals, the last won first."""
    won = Campaign.objects.filter(stage=Campaign.Stage.WON).select_related("sponsor", "owner")
    return list(won.order_by("-closed_at", "campaign_id")[:MOST_DEALS])


def _deal(request: HttpRequest) -> Campaign | None:
    wanted = request.GET.get("deal", "")
    if not wanted:
        return None
    try:
        return Campaign.objects.select_related("sponsor__agency", "agency").get(pk=UUID(wanted))
    except (Campaign.DoesNotExist, ValueError):
        raise Http404 from None


def _keys(shows: list[Podcast]) -> list[UUID]:
    return [show.pk for show in shows]


def _key(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _plan(request: HttpRequest, deal: Campaign) -> Plan:
    today = local_day(timezone.now(), tenant_zone())
    first = _day(request.GET.get("first")) or max(deal.flight_first_day or today, today)
    usual = deal.flight_last_day or first + timedelta(weeks=USUAL_WEEKS)
    last = _day(request.GET.get("last")) or max(usual, first)
    last = min(max(last, first), first + timedelta(days=LONGEST_DAYS))
    shows = list(deal.wanted_podcasts.filter(is_archived=False).order_by("title"))
    asked = [key for key in map(_key, request.GET.getlist("show")) if key][:MOST_SHOWS]
    added = Podcast.objects.filter(is_archived=False, pk__in=asked).exclude(pk__in=_keys(shows))
    return Plan(deal, [*shows, *added.order_by("title")][:MOST_SHOWS], first, last)


def _fresh(offer: OfferedLine) -> Row:
    return Row(
        offer=offer,
        is_chosen=offer.is_proposed and offer.unit.rate_cpm_cents is not None,
        impressions=str(offer.impressions) if offer.impressions else "",
        cpm=f"{offer.unit.rate_cpm_cents / 100:.2f}" if offer.unit.rate_cpm_cents is not None else "",
    )


def _typed(request: HttpRequest, offer: OfferedLine) -> Row:
    row = Row(
        offer=offer,
        is_chosen=f"use_{offer.key}" in request.POST,
        impressions=request.POST.get(f"impressions_{offer.key}", "").strip()[:20],
        cpm=request.POST.get(f"cpm_{offer.key}", "").strip()[:20],
    )
    if not row.is_chosen:
        return row
    if _count(row.impressions) is None:
        return replace(row, problem=_("Write the impressions as a whole number above 0."))
    if _cents(row.cpm) is None:
        return replace(row, problem=_("Write the CPM as money, such as 25.00."))
    return row


def _chosen(rows: list[Row]) -> list[ChosenLine]:
    return [
        ChosenLine(
            key=row.offer.key,
            ad_unit=row.offer.unit,
            episode=row.offer.episode,
            first_day=row.offer.first_day,
            last_day=row.offer.last_day,
            impressions=_count(row.impressions) or 0,
            cpm_cents=_cents(row.cpm) or 0,
        )
        for row in rows
        if row.is_chosen and not row.problem
    ]


def _told(rows: list[Row], found: Judged | None) -> list[Row]:
    """Return the rows with what became of each: its price, or why it cannot be."""
    if found is None:
        return rows
    told = []
    for row in rows:
        refusal = found.refusals.get(row.offer.key)
        if refusal is not None:
            offers = refusal.details.get("next_free") or []
            free = tuple(str(slot["episode"] or slot["flight_start"][:10]) for slot in offers)
            row = replace(row, problem=refusal.message, next_free=free)
        told.append(replace(row, gross_cents=found.gross_cents.get(row.offer.key)))
    return told


def _way(request: HttpRequest) -> str:
    given = request.POST.get("status", Status.HELD)
    return given if given in dict(WAYS) else Status.HELD


def _count(text: str) -> int | None:
    digits = text.replace(",", "").replace("\u00a0", "").replace(" ", "")
    if not (digits.isascii() and digits.isdigit()):
        return None
    return int(digits) if 0 < int(digits) <= MOST_IMPRESSIONS else None


def _cents(text: str) -> int | None:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    if not amount.is_finite() or amount < 0 or amount * 100 > MOST_CPM_CENTS or amount * 100 % 1:
        return None
    return int(amount * 100)


def _day(text: str | None) -> date | None:
    try:
        found = date.fromisoformat(text or "")
    except ValueError:
        return None
    return found if 2000 <= found.year <= 2100 else None
