"""Pages that belong to nobody's domain: the way in, the way to another house, the theme, find."""

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from tracker.accounts.models import Role
from tracker.dashboards.context import THEMES
from tracker.flags.services import is_on
from tracker.tenants.models import SLUG

ROOT_OF = {Role.Code.CREATOR: "dashboards:creator", Role.Code.ADVERTISER: "dashboards:advertiser"}
A_YEAR = 365 * 24 * 3600
CARDS = "ENABLE_NEW_DASHBOARD_CARDS"


@require_GET
@login_required
def root(request: HttpRequest) -> HttpResponse:
    """Lead each kind of person to their page; while the pages are switched off, staff work in the admin."""
    if is_on(CARDS):
        return redirect(ROOT_OF.get(request.user.role_id, "dashboards:ops"))  # type: ignore[union-attr]
    if request.user.is_staff:
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
    slug = request.GET.get("house", "").strip().lower()
    error = ""
    if slug:
        try:
            SLUG(slug)
        except ValidationError:
            error = _(
                "An address has 3 to 41 small letters, digits or _, and starts with a letter, such as northlight."
            )
        else:
            port = f":{settings.SITE_PORT}" if settings.SITE_PORT else ""
            return redirect(f"{settings.SITE_SCHEME}://{slug}.{settings.SITE_HOST}{port}/")
    return render(request, "dashboards/house_switch.html", {"slug": slug, "error": error, "host": settings.SITE_HOST})
