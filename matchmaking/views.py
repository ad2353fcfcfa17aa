"""Pages of matches: who fits an advertiser, who fits a show, and what counts."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bookings.models import AdUnit
from bookings.queries.slots import FreeSlot, free_slots
from deals.models import Sponsor
from deals.services import open_deal
from matchmaking import profiles, queries, services
from matchmaking.forms import WeightsForm
from matchmaking.inventory import first_week
from matchmaking.models import Match
from matchmaking.profiles import SIGNALS
from matchmaking.tasks import run_requested
from metrics.models import Podcast
from tracker.accounts.models import Role
from tracker.api.views import only_bound
from tracker.flags.pages import features_of
from tracker.lib.errors import DomainError
from tracker.tenants.context import current_tenant
from tracker.tenants.tasks import enqueue

FLAG = "ENABLE_MATCHMAKING"
PAGE_SIZE = 25
FLIGHT_WEEKS = 4


@require_GET
@login_required
def matches(request: HttpRequest) -> HttpResponse:
    """Advertisers and shows, each leading to its ranked list; bound advertisers go straight to their own."""
    _require(request, "matchmaking.view_match")
    if request.user.role.bound_to == "sponsor":
        own = _sponsors(request).order_by("name").first()
        if own is None:
            raise Http404
        return redirect("matchmaking:advertiser", own.pk)
    side = "shows" if request.GET.get("side") == "shows" else "advertisers"
    words = request.GET.get("q", "").strip()
    found = queries.shows_with_matches(words) if side == "shows" else queries.advertisers_with_matches(words)
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "side": side,
        "words": words,
        "page": page,
        "calculated_at": queries.last_calculated(),
        **_rights(request),
    }
    return render(request, "matchmaking/matches.html", context)


@require_GET
@login_required
def advertiser(request: HttpRequest, sponsor_id: UUID) -> HttpResponse:
    """The shows that fit an advertiser, best first, and one of them in full (?show=)."""
    _require(request, "matchmaking.view_match")
    sponsor = _one(_sponsors(request), sponsor_id)
    listed = list(queries.best_matches(advertiser_id=sponsor.pk))
    return _ranked(request, listed, sponsor=sponsor, asked=request.GET.get("show"))


@require_GET
@login_required
def show(request: HttpRequest, podcast_id: UUID) -> HttpResponse:
    """The advertisers that fit a show, best first, and one of them in full (?advertiser=)."""
    _require(request, "matchmaking.view_match")
    if request.user.role.bound_to == "sponsor":
        raise Http404
    podcast = _one(Podcast.objects.all(), podcast_id)
    listed = list(queries.best_matches(podcast_id=podcast.pk))
    return _ranked(request, listed, podcast=podcast, asked=request.GET.get("advertiser"))


@require_POST
@login_required
def feedback(request: HttpRequest) -> HttpResponse:
    """Keep "good fit" or "bad fit" of a pair."""
    _require(request, "matchmaking.view_match")
    sponsor, podcast = _pair(request)
    try:
        given = services.give_feedback(
            advertiser=sponsor,
            podcast=podcast,
            verdict=request.POST.get("verdict", ""),
            note=request.POST.get("note", ""),
            by=request.user,
            at=timezone.now(),
        )
    except DomainError as refusal:
        messages.error(request, refusal.message)
    else:
        words = {"show": podcast.title, "verdict": given.get_verdict_display()}
        messages.success(request, _("Noted: %(show)s is a %(verdict)s.") % words)
    return redirect(_back(request, sponsor, podcast))


@require_POST
@login_required
def start_deal(request: HttpRequest) -> HttpResponse:
    """Open a deal of the advertiser that wants the show, as a lead, and go to it."""
    _require(request, "deals.add_campaign")
    sponsor, podcast = _pair(request)
    score = Match.objects.filter(advertiser=sponsor, podcast=podcast).values_list("score", flat=True).first()
    notes = (
        _("Started from a match with a score of %(score)s.") % {"score": f"{score:.1f}"} if score is not None else ""
    )
    try:
        deal = open_deal(
            name=_("%(sponsor)s on %(show)s") % {"sponsor": sponsor.name, "show": podcast.title},
            sponsor=sponsor,
            currency=current_tenant().currency,
            wanted_podcasts=[podcast],
            owner=request.user,
            source="match",
            notes=notes,
            by=request.user,
            at=timezone.now(),
        )
    except DomainError as refusal:
        messages.error(request, refusal.message)
        return redirect(_back(request, sponsor, podcast))
    messages.success(request, _("Deal started: %(deal)s.") % {"deal": deal.name})
    return redirect(_deal_url(deal.pk))


@require_POST
@login_required
def recalculate(request: HttpRequest) -> HttpResponse:
    """Ask for a run: over one advertiser, one show, or (administrators) everything."""
    _require(request, "matchmaking.recalculate_match")
    sponsor_id, podcast_id = _key(request, "advertiser"), _key(request, "show")
    if not sponsor_id and not podcast_id and request.user.role_id != Role.Code.ADMINISTRATOR:
        raise PermissionDenied
    try:
        run = services.request_recalculation(
            by=request.user, at=timezone.now(), advertiser_id=sponsor_id, podcast_id=podcast_id
        )
    except DomainError as refusal:
        raise Http404 from refusal
    enqueue(run_requested, str(run.pk))
    messages.success(request, _("Recalculation started. The list is new in a moment."))
    if sponsor_id:
        return redirect("matchmaking:advertiser", sponsor_id)
    return redirect("matchmaking:show", podcast_id) if podcast_id else redirect("matchmaking:matches")


@require_http_methods(["GET", "POST"])
@login_required
def weights(request: HttpRequest) -> HttpResponse:
    """How much each signal counts, with a preview of what other weights would move."""
    _require(request, "matchmaking.change_weights")
    now = queries.weights_now()
    initial = dict(zip(SIGNALS, now.as_tuple(), strict=True))
    data = request.POST if request.method == "POST" else request.GET
    form = WeightsForm(data) if any(signal in data for signal in SIGNALS) else WeightsForm(initial)
    if request.method == "POST" and form.is_valid():
        saved = services.set_weights(values=form.cleaned_data, by=request.user, at=timezone.now())
        if saved.version != now.version:
            run = services.request_recalculation(by=request.user, at=timezone.now())
            enqueue(run_requested, str(run.pk))
            messages.success(request, _("Weights saved. All matches are being recalculated."))
        return redirect("matchmaking:weights")
    listed = Match.objects.filter(in_advertiser_top=True).values("advertiser_id")
    sponsors = list(Sponsor.objects.filter(pk__in=listed).order_by("name")[:500])
    chosen = next((one for one in sponsors if str(one.pk) == data.get("advertiser")), sponsors[0] if sponsors else None)
    tried = profiles.Weights(*map(float, form.cleaned_data.values())) if form.is_valid() else now
    preview = queries.preview_weights(weights=tried, advertiser_id=chosen.pk if chosen else None)
    context = {
        "form": form,
        "version": now.version,
        "defaults": [(queries.SIGNAL_NAMES[name], value) for name, value in _default_weights()],
        "sponsors": sponsors,
        "chosen": chosen,
        "preview": preview,
    }
    part = "matchmaking/preview.html" if request.headers.get("HX-Target") == "preview" else "matchmaking/weights.html"
    return render(request, part, context)


def _ranked(
    request: HttpRequest,
    listed: list[Match],
    *,
    asked: str | None,
    sponsor: Sponsor | None = None,
    podcast: Podcast | None = None,
) -> HttpResponse:
    """Show a ranked list with one of its pairs in full: the one asked for, or the best."""
    found = None
    if asked:
        other = Podcast.objects.all() if sponsor else Sponsor.objects.all()
        found = _one(other, asked)
    elif listed:
        found = listed[0].podcast if sponsor else listed[0].advertiser
    buyer, heard = (sponsor, found) if sponsor else (found, podcast)
    now = timezone.now()
    pair = None
    if buyer is not None and heard is not None:
        stored = Match.objects.filter(advertiser=buyer, podcast=heard).first()
        pair = {
            "sponsor": buyer,
            "podcast": heard,
            "stored": stored,
            "view": queries.pair_view(advertiser=buyer, podcast=heard, at=now, stored=stored),
            "slots": _free_slots(heard, now),
            "verdict": queries.feedback_of(
                advertiser_id=buyer.pk, podcast_ids=[heard.pk], actor_id=_actor_id(request)
            ).get(heard.pk),
        }
    context = {
        "sponsor": sponsor,
        "podcast": podcast,
        "listed": listed,
        "pair": pair,
        "is_unknown": not listed
        and queries.is_unknown(
            advertiser_id=sponsor.pk if sponsor else None, podcast_id=podcast.pk if podcast else None
        ),
        "shut_out": queries.shut_out(
            advertiser_id=sponsor.pk if sponsor else None, podcast_id=podcast.pk if podcast else None
        ),
        "calculated_at": queries.last_calculated(),
        "currency": current_tenant().currency,
        **_rights(request),
    }
    return render(request, "matchmaking/ranked.html", context)


def _free_slots(podcast: Podcast, now: Any) -> list[tuple[AdUnit, list[FreeSlot]]]:
    """Return the next free slots of a show's ad units, four weeks each where a unit is sold by time."""
    start = first_week(now) + timedelta(weeks=1)
    found = []
    for unit in AdUnit.objects.filter(podcast=podcast, is_active=True).order_by("position", "index", "name")[:6]:
        episode = podcast.episodes.filter(drops_at__gt=now).order_by("drops_at").first()
        baked_in = unit.delivery == AdUnit.Delivery.BAKED_IN
        if baked_in and episode is None:
            continue
        slots = free_slots(
            ad_unit=unit,
            episode=episode if baked_in else None,
            flight_start=start,
            flight_end=start + timedelta(weeks=FLIGHT_WEEKS),
            at=now,
        )
        found.append((unit, slots))
    return found


def _default_weights() -> list[tuple[str, float]]:
    return list(zip(SIGNALS, profiles.Weights().as_tuple(), strict=True))


def _rights(request: HttpRequest) -> dict[str, bool]:
    user = request.user
    return {
        "may_recalculate": user.has_perm("matchmaking.recalculate_match"),
        "may_recalculate_all": user.role_id == Role.Code.ADMINISTRATOR,
        "may_weigh": user.has_perm("matchmaking.change_weights"),
        "may_deal": user.has_perm("deals.add_campaign") and "ENABLE_DEAL_PIPELINE" in features_of(request),
        "sees_shows": user.role.bound_to != "sponsor",
    }


def _require(request: HttpRequest, permission: str) -> None:
    """Refuse while the feature is off (the page is not there), and whoever may not."""
    if FLAG not in features_of(request):
        raise Http404
    if not request.user.has_perm(permission):
        raise PermissionDenied


def _sponsors(request: HttpRequest) -> QuerySet[Sponsor]:
    return only_bound(Sponsor.objects.filter(is_archived=False), request.user, {"sponsor": "sponsor_id"})


def _one(found: QuerySet[Any], key: object) -> Any:
    try:
        one = found.filter(pk=UUID(str(key))).first()
    except ValueError:
        one = None
    if one is None:
        raise Http404
    return one


def _pair(request: HttpRequest) -> tuple[Sponsor, Podcast]:
    return (
        _one(_sponsors(request), request.POST.get("advertiser")),
        _one(Podcast.objects.filter(is_archived=False), request.POST.get("show")),
    )


def _key(request: HttpRequest, name: str) -> UUID | None:
    text = request.POST.get(name, "")
    try:
        return UUID(text) if text else None
    except ValueError as error:
        raise Http404 from error


def _back(request: HttpRequest, sponsor: Sponsor, podcast: Podcast) -> str:
    """Return the page from which a pair was judged, with the same pair open."""
    if request.POST.get("from") == "show" and request.user.role.bound_to != "sponsor":
        return f"{reverse('matchmaking:show', args=[podcast.pk])}?advertiser={sponsor.pk}"
    return f"{reverse('matchmaking:advertiser', args=[sponsor.pk])}?show={podcast.pk}"


def _deal_url(pk: UUID) -> str:
    for name in ("dashboards:deal", "admin:deals_campaign_change"):
        try:
            return reverse(name, args=[pk])
        except NoReverseMatch:
            continue
    return reverse("matchmaking:matches")


def _actor_id(request: HttpRequest) -> str:
    actor = request.user.as_actor()
    return f"{actor.kind}:{actor.id}"
