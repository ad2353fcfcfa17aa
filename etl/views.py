"""Pages of imports: send a file, check what it would change, import it, see what could not be taken."""

from collections.abc import Callable
from datetime import date
from functools import wraps
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from etl import exports, queries, services
from etl.api import progress_of
from etl.models import Import
from etl.profiles.mapped import AUDIENCE_FIELDS, FIELDS
from etl.profiles.orders import ORDER_FIELDS
from etl.profiles.redemptions import SALES_FIELDS
from etl.services.questions import ASKED
from etl.tasks import run_imports
from etl.unpack import CHOSEN_ENCODINGS
from etl.view_parts import mapping_of, unmatched_of
from metrics.models import Podcast
from metrics.queries import episodes_of, shows_in_order
from tracker.flags.pages import features_of
from tracker.lib.errors import DomainError
from tracker.tenants.tasks import enqueue

FLAG = "ENABLE_ETL_CSV_UPLOAD"
SHEETS_FLAG = "ENABLE_GOOGLE_SHEETS_IMPORT"
FLAGS = (FLAG, SHEETS_FLAG)
ISSUES_SHOWN = 200
MOST_EPISODES = 500
# What the columns of each kind of file may mean, and how the form's fields are called.
MAPPED = {
    "metrics": ((*FIELDS, *AUDIENCE_FIELDS), "column"),
    "bookings": (ORDER_FIELDS, "order"),
    "sales": (SALES_FIELDS, "sales"),
}
Page = Callable[..., HttpResponse]


def import_page(permission: str, *, flag: str = "") -> Callable[[Page], Page]:
    """A page of imports: not there while its feature is off, and only for those whose role grants it.

    flag: the feature; without one the page belongs to both ways in.
    """

    def wrap(view: Page) -> Page:
        @wraps(view)
        @login_required
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if features_of(request).isdisjoint([flag] if flag else FLAGS):
                raise Http404
            if not request.user.has_perm(permission):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return guarded

    return wrap


@require_GET
@import_page("etl.view_import")
def imports(request: HttpRequest) -> HttpResponse:
    """All imports of the house, and the place where a file is dropped."""
    page = Paginator(queries.import_history(), 25).get_page(request.GET.get("page"))
    return render(
        request,
        "etl/imports.html",
        {
            "page": page,
            "progress": {run.pk: progress_of(run) for run in page if not run.is_finished},
            "may_import": request.user.has_perm("etl.add_import") and FLAG in features_of(request),
            "has_sheets": SHEETS_FLAG in features_of(request),
            "may_feed": request.user.has_perm("metrics.add_podcast"),
            "waiting": queries.waiting_rows().count(),
            "limit_mb": settings.ETL_MAX_UPLOAD_BYTES // 1_000_000,
        },
    )


@require_POST
@import_page("etl.add_import", flag=FLAG)
def upload(request: HttpRequest) -> HttpResponse:
    """Take a file and check it first; a script gets the address of the check, a plain form is led there."""
    file = request.FILES.get("file")
    try:
        if file is None:
            raise DomainError("file_missing", _("Choose a file first."))
        run = services.start_import(
            file=file, by=request.user, at=timezone.now(), dry_run=True, strict=bool(request.POST.get("strict"))
        )
    except DomainError as refusal:
        if _wants_json(request):
            return JsonResponse(
                {"code": refusal.code, "detail": refusal.message}, status=refusal.details.get("status", 400)
            )
        messages.error(request, refusal.message)
        return redirect("etl:imports")
    enqueue(run_imports)
    address = reverse("etl:import", args=[run.pk])
    return JsonResponse({"location": address}, status=201) if _wants_json(request) else redirect(address)


@require_GET
@import_page("etl.view_import")
def import_detail(request: HttpRequest, import_id: UUID) -> HttpResponse:
    """One import: how far it is, or what came of it."""
    run = get_object_or_404(Import, pk=import_id)
    issues = list(queries.issues_of(run)[: ISSUES_SHOWN + 1])
    return render(
        request,
        "etl/import.html",
        {
            "run": run,
            "told": run.metadata,
            "days": _days(run),
            "progress": progress_of(run),
            "issues": issues[:ISSUES_SHOWN],
            "more_issues": len(issues) > ISSUES_SHOWN,
            "may_import": request.user.has_perm("etl.add_import"),
            "step": _step(run),
            "can_undo": services.can_undo(run),
            **_asked(run),
            "encodings": CHOSEN_ENCODINGS if run.metadata.get("code") == "encoding_unknown" else (),
        },
    )


@require_GET
@import_page("etl.view_import")
def import_state(request: HttpRequest, import_id: UUID) -> HttpResponse:
    """The live part of a running import; when it has ended the page is asked to load anew."""
    run = get_object_or_404(Import, pk=import_id)
    response = render(request, "etl/state.html", {"run": run, "progress": progress_of(run)})
    if run.is_finished:
        response["HX-Refresh"] = "true"
    return response


@require_POST
@import_page("etl.add_import")
def import_now(request: HttpRequest, import_id: UUID) -> HttpResponse:
    """Import a checked file for real."""
    try:
        run = services.import_checked(
            import_run=get_object_or_404(Import, pk=import_id), by=request.user, at=timezone.now()
        )
    except DomainError as refusal:
        messages.error(request, refusal.message)
        return redirect("etl:import", import_id)
    enqueue(run_imports)
    return redirect("etl:import", run.pk)


@require_POST
@import_page("etl.add_import")
def check_again(request: HttpRequest, import_id: UUID) -> HttpResponse:
    """Check the same file with what was answered."""
    run = get_object_or_404(Import, pk=import_id)
    answers = {name: request.POST[name] for name in ASKED if request.POST.get(name)}
    return _checked_again(request, run, encoding=request.POST.get("encoding", ""), answers=answers)


@require_POST
@import_page("etl.add_import")
def map_columns(request: HttpRequest, import_id: UUID) -> HttpResponse:
    """Learn what the columns of a file mean, and check it anew."""
    run = get_object_or_404(Import, pk=import_id)
    kind = request.POST.get("kind", "metrics")
    if kind not in MAPPED:
        raise Http404
    names, prefix = MAPPED[kind]
    columns = {name: request.POST.get(f"{prefix}_{name}", "") for name in names}
    try:
        services.save_profile(
            header=run.metadata.get("asked", {}).get("header", []),
            columns=columns,
            source=request.POST.get("source", ""),
            dimension=request.POST.get("dimension", ""),
            kind=kind,
            by=request.user,
            at=timezone.now(),
        )
    except DomainError as refusal:
        messages.error(request, refusal.message)
        return redirect("etl:import", import_id)
    return _checked_again(request, run)


@require_POST
@import_page("etl.add_import")
def link(request: HttpRequest, import_id: UUID) -> HttpResponse:
    """Say which episodes the names of a file mean; just the rows that wait for them are taken."""
    run = get_object_or_404(Import, pk=import_id)
    taken = 0
    try:
        with transaction.atomic():
            for place, one in enumerate(run.metadata.get("unmatched", [])):
                choice = request.POST.get(f"episode_{place}", "")
                if choice:
                    taken += services.link_episode(
                        import_run=run,
                        name=one["name"],
                        episode_id=None if choice == "new" else UUID(choice),
                        podcast=_chosen_show(request),
                        by=request.user,
                        at=timezone.now(),
                    )
    except (DomainError, ValueError) as refusal:
        messages.error(request, getattr(refusal, "message", _("Choose an episode of the list.")))
        return redirect("etl:import", import_id)
    if run.status == Import.Status.FAILED:
        return _checked_again(request, run)
    words = ngettext("%(rows)s row was taken.", "%(rows)s rows were taken.", taken) % {"rows": taken}
    messages.success(request, words)
    return redirect("etl:import", import_id)


def _chosen_show(request: HttpRequest) -> Podcast | None:
    chosen = request.POST.get("podcast", "")
    return Podcast.objects.filter(pk=UUID(chosen)).first() if chosen else None


def _checked_again(request: HttpRequest, run: Import, **options: Any) -> HttpResponse:
    try:
        checked = services.check_again(import_run=run, by=request.user, at=timezone.now(), **options)
    except DomainError as refusal:
        messages.error(request, refusal.message)
        return redirect("etl:import", run.pk)
    enqueue(run_imports)
    return redirect("etl:import", checked.pk)


@require_POST
@import_page("etl.add_import")
def cancel(request: HttpRequest, import_id: UUID) -> HttpResponse:
    """Stop an import that has not ended."""
    try:
        services.cancel_import(import_run=get_object_or_404(Import, pk=import_id), by=request.user, at=timezone.now())
    except DomainError as refusal:
        messages.error(request, refusal.message)
    return redirect("etl:import", import_id)


@require_POST
@import_page("etl.add_import")
def undo(request: HttpRequest, import_id: UUID) -> HttpResponse:
    """Take an import back."""
    try:
        services.undo_import(import_run=get_object_or_404(Import, pk=import_id), by=request.user, at=timezone.now())
    except DomainError as refusal:
        messages.error(request, refusal.message)
    return redirect("etl:import", import_id)


@require_GET
@import_page("etl.view_import")
def rejected(request: HttpRequest, import_id: UUID) -> HttpResponse:
    """The rows that could not be taken, as CSV."""
    run = get_object_or_404(Import, pk=import_id)
    return _csv(exports.rejected_rows(run), f"rejected-{run.pk}.csv")


@require_GET
@import_page("etl.view_import")
def template(request: HttpRequest, kind: str) -> HttpResponse:
    """A file to fill in, with the house's own ids."""
    templates = {
        "metrics_daily": exports.metrics_template,
        "io_bookings": exports.bookings_template,
        "redemptions": exports.sales_template,
    }
    make = templates.get(kind)
    if make is None:
        raise Http404
    return _csv(make(today=timezone.now().date()), f"{kind}.csv")


def _csv(lines: Any, name: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "private, no-store"
    return response


def _wants_json(request: HttpRequest) -> bool:
    return request.headers.get("Accept", "").startswith("application/json")


def _asked(run: Import) -> dict[str, Any]:
    """What a person must say about the file, with what there is to choose from."""
    asked, code = run.metadata.get("asked", {}), run.metadata.get("code", "")
    shown: dict[str, Any] = {"asks": asked.get("asks", []) if code == "answers_needed" else []}
    given = run.metadata.get("answers", {})
    if "podcast" in shown["asks"]:
        shown["podcasts"] = shows_in_order()
    if "sponsor" in shown["asks"]:
        shown["sponsors"] = queries.sponsors_in_order()
    if "episode" in shown["asks"] and given.get("podcast"):
        shown["episodes"] = episodes_of(podcast_id=UUID(given["podcast"]))[:MOST_EPISODES]
    if "time_zone" in shown["asks"]:
        shown["zones"] = sorted(available_timezones())
    if code == "header_unknown" and asked.get("header"):
        shown |= mapping_of(asked)
    if run.metadata.get("unmatched") and run.undone_at is None:
        shown |= unmatched_of(run)
    return shown


def _days(run: Import) -> tuple[date, date] | None:
    first, last = run.metadata.get("first_day"), run.metadata.get("last_day")
    return (date.fromisoformat(first), date.fromisoformat(last)) if first and last else None


def _step(run: Import) -> int:
    """Which of choose, check, import and done (1-4) a person stands at."""
    if run.is_dry_run:
        return 2
    return 4 if run.is_finished else 3
