"""The board's pages: the whole, the rest of a lane, and one move by hand or key."""

import json
from datetime import date
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from deals.board import BoardFilter, Lane, card_of, lane_heads, lanes, more_cards, quarter_bounds
from deals.cards import CardWriter
from deals.models import Campaign, SavedFilter, Sponsor
from deals.queries import quarter_start, unmet_guards
from deals.rules import skips_forward
from deals.services import is_manager, keep_filter, move_deal
from metrics.models import Podcast
from tracker.accounts.models import User
from tracker.api.problems import status_of
from tracker.flags.pages import flag_required
from tracker.lib import words
from tracker.lib.errors import DomainError

if TYPE_CHECKING:
    from deals.admin import CampaignAdmin

FLAG = "ENABLE_DEAL_PIPELINE"
SELLERS = ("administrator", "sales_manager", "salesperson")
NAMES = ("owner", "sponsor", "podcast", "quarter", "q")


@flag_required(FLAG)
@require_GET
def board(request: HttpRequest, *, model_admin: "CampaignAdmin") -> HttpResponse:
    _check(model_admin, request)
    wanted, now = BoardFilter.read(request.GET), timezone.now()
    shown = lanes(wanted, at=now)
    write = CardWriter().write
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("Board"),
        "is_fullwidth": "1",
        "model_admin": model_admin,
        "lanes": [(lane, [write(card) for card in lane.cards]) for lane in shown],
        "totals": _totals(shown),
        "wanted": wanted,
        "quarter": quarter_name(wanted.quarter or this_quarter()),
        "filters": _filters(request, wanted),
        "clear_url": reverse("admin:deals_campaign_board"),
        "kept": SavedFilter.objects.filter(user_id=request.user.pk).order_by("name"),
        "query": query_of(request),
        "may_change": model_admin.has_change_permission(request),
        "is_manager": is_manager(request.user),
    }
    return render(request, "deals/board.html", context)


@flag_required(FLAG)
@require_GET
def board_more(request: HttpRequest, *, model_admin: "CampaignAdmin") -> HttpResponse:
    """Answer the next cards of one lane as HTML."""
    _check(model_admin, request)
    stage = request.GET.get("stage", "")
    after = request.GET.get("after", "")
    if stage not in Campaign.Stage.values or not (after.isascii() and after.isdigit() and len(after) < 8):
        return HttpResponse(status=400)
    cards = more_cards(BoardFilter.read(request.GET), stage=stage, after=int(after), at=timezone.now())
    write = CardWriter().write
    return HttpResponse("".join(write(card) for card in cards))


@flag_required(FLAG)
@require_POST
def board_move(request: HttpRequest, *, model_admin: "CampaignAdmin") -> HttpResponse:
    """Move one deal. Answers with the card and the heads of the lanes as they stand now, also when it was refused.

    Body: JSON {id, to, version, reason, lost_to, force}. A refusal carries code, message and, where a reason would
    help, `ask`: "lost", "reason" or "exception".
    """
    _check(model_admin, request)
    if not model_admin.has_change_permission(request):
        raise PermissionDenied
    sent = _sent(request)
    if sent is None:
        return JsonResponse({"code": "malformed", "message": _("The move could not be read.")}, status=400)
    campaign = get_object_or_404(Campaign, pk=sent["id"])
    was, to = campaign.stage, sent["to"]
    try:
        moved = move_deal(
            campaign=campaign,
            to=to,
            by=request.user,
            at=timezone.now(),
            reason=sent["reason"],
            lost_to=sent["lost_to"],
            force=sent["force"],
            if_version=sent["version"],
        )
    except DomainError as refusal:
        told = {"code": refusal.code, "message": refusal.message, "ask": _ask(request, refusal, was, to)}
        return JsonResponse({**told, **_standing(request, campaign)}, status=status_of(refusal))
    told = {
        "message": _("%(deal)s moved to %(stage)s.") % {"deal": moved, "stage": moved.get_stage_display()},
        "warnings": [str(guard.message) for guard, _level in unmet_guards(moved, to=moved.stage)],
        "undo": was if was in moved.allowed_moves and moved.stage not in ("won", "lost") and was != "lost" else "",
    }
    return JsonResponse({**told, **_standing(request, moved)})


@flag_required(FLAG)
@require_POST
def board_keep(request: HttpRequest, *, model_admin: "CampaignAdmin") -> HttpResponse:
    """Keep the filters of the address under a name, for this person alone; or forget one (`forget`)."""
    _check(model_admin, request)
    if forgotten := request.POST.get("forget", ""):
        SavedFilter.objects.filter(user_id=request.user.pk, name=forgotten).delete()
    else:
        try:
            keep_filter(user=request.user, name=request.POST.get("name", ""), query=query_of(request))
        except DomainError as refusal:
            messages.error(request, refusal.message)
    query = query_of(request)
    return HttpResponseRedirect(reverse("admin:deals_campaign_board") + (f"?{query}" if query else ""))


def _check(model_admin: "CampaignAdmin", request: HttpRequest) -> None:
    if not model_admin.has_view_permission(request):
        raise PermissionDenied


def _sent(request: HttpRequest) -> dict[str, Any] | None:
    try:
        body = json.loads(request.body)
        version = body.get("version")
        sent = {
            "id": str(body["id"]),
            "to": str(body["to"]),
            "reason": str(body.get("reason", "")),
            "lost_to": str(body.get("lost_to", "")),
            "force": body.get("force") is True,
            "version": None if version is None else int(version),
        }
        Campaign._meta.pk.to_python(sent["id"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, ValidationError):
        return None
    return sent


def _ask(request: HttpRequest, refusal: DomainError, was: str, to: str) -> str:
    """Return which question would let this person make the move after all, or nothing."""
    if refusal.code == "reason_required":
        return "lost" if to == Campaign.Stage.LOST else "reason"
    is_exception = refusal.code == "guard_blocked" or skips_forward(was, to)
    return "exception" if is_exception and is_manager(request.user) and refusal.code != "stale_version" else ""


def _standing(request: HttpRequest, campaign: Campaign) -> dict[str, Any]:
    now = timezone.now()
    card = card_of(campaign.pk, at=now)
    heads = lane_heads(BoardFilter.read(request.GET), at=now)
    return {
        "stage": card.stage,
        "card": CardWriter().write(card),
        "heads": {lane.stage: _head(lane, request) for lane in heads},
    }


def _head(lane: Lane, request: HttpRequest) -> str:
    name = quarter_name(BoardFilter.read(request.GET).quarter or this_quarter())
    return render_to_string("deals/board_head.html", {"lane": lane, "quarter": name})


def _totals(shown: list[Lane]) -> dict[str, Any]:
    """Add up the open lanes, each currency by itself."""
    values: dict[str, int] = {}
    weighted: dict[str, int] = {}
    for lane in shown:
        for amount in lane.amounts if lane.is_open else ():
            values[amount.currency] = values.get(amount.currency, 0) + amount.value_cents
            weighted[amount.currency] = weighted.get(amount.currency, 0) + (amount.weighted_cents or 0)
    return {
        "open": sum(lane.deals for lane in shown if lane.is_open),
        "amounts": [(currency, values[currency], weighted[currency]) for currency in values],
    }


def _filters(request: HttpRequest, wanted: BoardFilter) -> list[dict[str, Any]]:
    """Return the filters as menus: their name, what is chosen, and a link for every choice."""
    owners = User.objects.filter(role_id__in=SELLERS, is_active=True).order_by("name")
    people = [("none", _("Nobody")), *((str(user.pk), str(user)) for user in owners)]
    sponsors = Sponsor.objects.filter(merged_into__isnull=True, campaigns__isnull=False).distinct().order_by("name")
    shows = Podcast.objects.filter(wanted_by__isnull=False).distinct().order_by("title")
    return [
        _menu(request, "quarter", _("Quarter"), wanted.quarter, quarters()),
        _menu(request, "owner", _("Owner"), wanted.owner, people),
        _menu(request, "sponsor", _("Sponsor"), wanted.sponsor, [(str(one.pk), one.name) for one in sponsors]),
        _menu(request, "podcast", _("Show"), wanted.podcast, [(str(one.pk), one.title) for one in shows]),
    ]


def _menu(request: HttpRequest, name: str, label: str, chosen: str, choices: list[tuple[str, str]]) -> dict[str, Any]:
    links = [(text, query_of(request, **{name: value}), value == chosen) for value, text in choices]
    now = next((text for value, text in choices if value == chosen), "") if chosen else ""
    return {"name": name, "label": label, "chosen": now, "links": links, "drop": query_of(request, **{name: ""})}


def query_of(request: HttpRequest, **changes: str) -> str:
    """Return the board's query string with some of its filters set to another value."""
    values = {name: request.GET.get(name, "") for name in NAMES} | changes
    return urlencode({name: value for name, value in values.items() if value})


def quarters() -> list[tuple[str, str]]:
    """Offer the quarter before, this one, and the next two."""
    start = quarter_start(words.today())
    months = [start.year * 12 + start.month - 1 + 3 * step for step in (-1, 0, 1, 2)]
    values = [f"{month // 12}-{month % 12 // 3 + 1}" for month in months]
    return [(value, quarter_name(value)) for value in values]


def this_quarter() -> str:
    today = words.today()
    return f"{today.year}-{(today.month + 2) // 3}"


def quarter_name(quarter: str) -> str:
    bounds = quarter_bounds(quarter)
    first: date = bounds[0] if bounds else words.today()
    return _("Quarter %(number)s, %(year)s") % {"number": (first.month + 2) // 3, "year": first.year}
