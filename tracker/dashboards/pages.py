"""What every dashboard does alike: rights, scope, cards, one card alone, its CSV, and "nothing changed" (304)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.messages import get_messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import render
from django.urls import path
from django.urls.resolvers import URLPattern
from django.utils import timezone
from django.views.decorators.http import require_safe

from tracker.dashboards.cards import Card, Loaded, by_name, load_all
from tracker.dashboards.scope import Scope
from tracker.dashboards.tables import as_csv
from tracker.dashboards.version import page_tag, stamps_of
from tracker.flags.pages import features_of, flag_required
from tracker.lib.errors import DomainError, NotFound

CARDS = "ENABLE_NEW_DASHBOARD_CARDS"


@dataclass(frozen=True)
class Dashboard:
    """name: as in addresses; permission: what a role must grant; scope_of: whose numbers, from the address.

    summary turns the loaded cards into what stands above them: the sentence, the key figures, the as-of line.
    more adds what only this dashboard's page needs. tables: all that its numbers are made of; is_relative: whether it
    says how long ago things were.
    """

    name: str
    permission: str
    cards: Sequence[Card]
    scope_of: Callable[..., Scope]
    summary: Callable[[Scope, Mapping[str, Loaded]], Any]
    template: str
    tables: Sequence[type[Model]] = ()
    is_relative: bool = False
    more: Callable[[HttpRequest], dict[str, Any]] | None = None


def cards_on(dashboard: Dashboard, features: frozenset[str]) -> list[Card]:
    return [card for card in dashboard.cards if not card.flag or card.flag in features]


def urls_of(dashboard: Dashboard) -> list[URLPattern]:
    """The page and the CSV of each of its cards."""

    @require_safe
    @login_required
    @flag_required(CARDS)
    def page(request: HttpRequest) -> HttpResponse:
        return _page(request, dashboard)

    @require_safe
    @login_required
    @flag_required(CARDS)
    def card_csv(request: HttpRequest, name: str) -> HttpResponse:
        return _csv(request, dashboard, name)

    return [
        path(f"dashboard/{dashboard.name}", page, name=dashboard.name),
        path(f"dashboard/{dashboard.name}/<slug:name>.csv", card_csv, name=f"{dashboard.name}-csv"),
    ]


def _page(request: HttpRequest, dashboard: Dashboard) -> HttpResponse:
    _check(request, dashboard)
    at = timezone.now()
    tag = page_tag(request, stamps_of(dashboard.tables), at=at, relative=dashboard.is_relative)
    if tag and request.headers.get("If-None-Match") == tag:
        return _tagged(HttpResponseNotModified(), tag)
    scope = _scope(request, dashboard, at)
    cards = cards_on(dashboard, features_of(request))
    if alone := request.GET.get("card", ""):
        wanted = by_name(cards, alone)
        if wanted is None:
            raise Http404
        cards = [wanted]
        scope = replace(scope, only_card=alone)
    loaded = load_all(cards, scope)
    found = {one.card.name: one for one in loaded}
    context = {
        "dashboard": dashboard,
        "scope": scope,
        "cards": loaded,
        "alone": alone,
        "summary": dashboard.summary(scope, found),
        **(dashboard.more(request) if dashboard.more and not alone else {}),
    }
    response = render(request, dashboard.template, context)
    failed = any(one.report for one in loaded) or bool(get_messages(request).used)
    return response if failed else _tagged(response, tag)


def _tagged(response: HttpResponse, tag: str) -> HttpResponse:
    """Let the browser keep the page, and ask each time whether it is still so."""
    if tag:
        response["ETag"] = tag
        response["Cache-Control"] = "private, no-cache"
    return response


def _csv(request: HttpRequest, dashboard: Dashboard, name: str) -> HttpResponse:
    _check(request, dashboard)
    card = by_name(cards_on(dashboard, features_of(request)), name)
    if card is None or card.as_table is None:
        raise Http404
    at = timezone.now()
    try:
        scope = dashboard.scope_of(request.user, request.GET, at=at)
    except NotFound as missing:
        raise Http404 from missing
    except DomainError as refusal:
        return HttpResponse(refusal.message, status=400, content_type="text/plain; charset=utf-8")
    response = HttpResponse(as_csv(card.as_table(card.load(scope))), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}-{at:%Y-%m-%d}.csv"'
    response["Cache-Control"] = "private, no-store"
    return response


def _check(request: HttpRequest, dashboard: Dashboard) -> None:
    if not request.user.has_perm(dashboard.permission):  # type: ignore[union-attr]
        raise PermissionDenied


def _scope(request: HttpRequest, dashboard: Dashboard, at: datetime) -> Scope:
    """The scope of the address. What is wrong with its period is said, and the usual period is shown."""
    try:
        return dashboard.scope_of(request.user, request.GET, at=at)
    except NotFound as missing:
        raise Http404 from missing
    except DomainError as refusal:
        messages.error(request, refusal.message)
        kept = {key: value for key, value in request.GET.items() if key not in {"days", "from", "until"}}
        return dashboard.scope_of(request.user, kept, at=at)
