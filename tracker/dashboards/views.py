"""Pages that belong to nobody's domain: the way in, the way to another house, the theme, find."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from tracker.automation.registry import all_jobs, job_named
from tracker.automation.services import request_run
from tracker.automation.tasks import run_all_requested, run_requested
from tracker.dashboards.checklist import COOKIE as CHECKLIST
from tracker.dashboards.context import THEMES
from tracker.dashboards.mails.services import person_of, resume, stop
from tracker.dashboards.models import MailStop
from tracker.flags.pages import features_of
from tracker.lib.errors import NotFound
from tracker.tenants.models import SLUG, Tenant
from tracker.tenants.tasks import enqueue

A_YEAR = 365 * 24 * 3600
CARDS = "ENABLE_NEW_DASHBOARD_CARDS"
JOBS = "ENABLE_AUTOMATION_JOBS"


@require_GET
@login_required
def root(request: HttpRequest) -> HttpResponse:
    """Lead each kind of person to their page; while the pages are switched off, staff work in the admin."""
    user = request.user
    if CARDS in features_of(request):
        if user.role.bound_to == "podcast":  # type: ignore[union-attr]
            return redirect("dashboards:creator")
        if user.role.bound_to == "sponsor":  # type: ignore[union-attr]
            return redirect("dashboards:advertiser")
        if user.has_perm("dashboards.view_ops"):  # type: ignore[union-attr]
            return redirect("dashboards:ops")
    if user.is_staff:
        return redirect("admin:index")
    return render(request, "dashboards/nothing_on.html")


@require_POST
def set_theme(request: HttpRequest) -> HttpResponse:
    """Keep the theme in a cookie and go back to the page one came from; "" follows the system."""
    back = request.POST.get("next", "")
    is_own = url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure())
    response = redirect(back if is_own and back.startswith("/") else "/")
    theme = request.POST.get("theme", "")
    if theme in THEMES:
        response.set_cookie("theme", theme, max_age=A_YEAR, samesite="Lax", secure=request.is_secure())
    else:
        response.delete_cookie("theme", samesite="Lax")
    return response


@require_GET
def switch_house(request: HttpRequest) -> HttpResponse:
    """Ask for the address of another house and go there; people and passwords of houses are separate."""
    slug = request.GET.get("house", "").strip().lower().replace("-", "_")
    error = ""
    if slug:
        try:
            SLUG(slug)
        except ValidationError:
            error = _(
                "An address has 3 to 41 small letters, digits or _, and starts with a letter, such as northlight."
            )
        else:
            return redirect(f"{Tenant(schema_name=slug).address}/")
    return render(request, "dashboards/house_switch.html", {"slug": slug, "error": error, "host": settings.SITE_HOST})


@require_POST
@login_required
def run_job(request: HttpRequest, name: str) -> HttpResponse:
    """Ask for one run of a job, now; a worker carries it out."""
    _may_run(request)
    try:
        job = job_named(name)
    except NotFound as missing:
        raise Http404 from missing
    run = request_run(name=job.name, by=request.user.as_actor(), at=timezone.now())  # type: ignore[union-attr]
    if run is not None:
        enqueue(run_requested, str(run.pk))
    messages.success(request, _("The job has been asked for. It shows here when it has run."))
    return redirect("dashboards:ops")


@require_POST
@login_required
def run_all_jobs(request: HttpRequest) -> HttpResponse:
    """Ask for one run of every job, one after the other."""
    _may_run(request)
    by, at = request.user.as_actor(), timezone.now()  # type: ignore[union-attr]
    runs = [run for job in all_jobs() if (run := request_run(name=job.name, by=by, at=at)) is not None]
    enqueue(run_all_requested, [str(run.pk) for run in runs])
    messages.success(request, _("All jobs have been asked for. Each shows here when it has run."))
    return redirect("dashboards:ops")


def _may_run(request: HttpRequest) -> None:
    if JOBS not in features_of(request):
        raise Http404
    if not request.user.has_perm("automation.run_job"):  # type: ignore[union-attr]
        raise PermissionDenied


@require_POST
@login_required
def dismiss_checklist(request: HttpRequest) -> HttpResponse:
    """Hide the first steps in this browser."""
    response = redirect("dashboards:ops")
    response.set_cookie(CHECKLIST, "hidden", max_age=A_YEAR, samesite="Lax", secure=request.is_secure())
    return response


@csrf_exempt
@require_http_methods(["GET", "POST"])
def stop_mail(request: HttpRequest, token: str) -> HttpResponse:
    """Stop the weekly mail by the link in its foot, signed in or not; mail programs post to it (RFC 8058).

    Nothing changes on GET, which scanners of mail follow as well.
    """
    person = person_of(token)
    if person is None:
        raise Http404
    if request.method == "POST":
        if request.POST.get("again"):
            resume(user=person)
        else:
            stop(user=person, at=timezone.now())
    stopped = MailStop.objects.filter(user=person).exists()
    return render(request, "dashboards/mail_stop.html", {"stopped": stopped, "email": person.email})
