"""Pages of bookings."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from bookings.document import OrderDocument
from bookings.models import InsertionOrder, OrderSignature, OrderVersion
from bookings.paper import brand_colours, paper_context
from bookings.pdf import order_html
from bookings.queries.documents import document_of, standing_of
from bookings.queries.house import order_profile
from bookings.services.versions import sign_order, signing_link, standing_of_version
from tracker.api.views import only_bound
from tracker.flags import services as flags
from tracker.lib.errors import DomainError, NotFound

FLAG = "ENABLE_IO_BOOKINGS"
# What may be seen through a private link is not kept, not indexed, and tells no other site where it came from.
PRIVATE = {
    "Cache-Control": "private, no-store",
    # Not "no-referrer": with it a browser says its origin is null, and the form is refused.
    "Referrer-Policy": "same-origin",
    "X-Robots-Tag": "noindex, nofollow",
}


@login_required
def order_print(request: HttpRequest, order_id: UUID) -> HttpResponse:
    """The order as a page for the browser's own printing: what remains where PDFs cannot be made."""
    flags.require(FLAG)
    if not request.user.has_perm("bookings.view_insertionorder"):
        raise PermissionDenied
    orders = only_bound(InsertionOrder.objects.all(), request.user, {"sponsor": "campaign__sponsor_id"})
    order = orders.filter(pk=order_id).first()
    if order is None:
        raise Http404
    html = order_html(
        document_of(order),
        standing_of(order),
        stylesheet=static("css/insertion_order.css"),
        brand_sheet=reverse("bookings:brand-css"),
    )
    response = HttpResponse(html)
    response["Cache-Control"] = "private, no-store"
    return response


@login_required
@require_GET
def version_pdf(request: HttpRequest, version_id: UUID) -> HttpResponse:
    """The file of a version, as it was sent or signed, for the house and for the sponsor it was sent to."""
    flags.require(FLAG)
    if not request.user.has_perm("bookings.export_pdf"):
        raise PermissionDenied
    versions = only_bound(OrderVersion.objects.all(), request.user, {"sponsor": "order__campaign__sponsor_id"})
    version = versions.select_related("order").filter(pk=version_id).first()
    if version is None:
        raise Http404
    response = HttpResponse(bytes(version.signed_pdf or version.pdf or b""), content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{version.order.number}-v{version.number}.pdf"'
    response["Cache-Control"] = "private, no-store"
    return response


@login_required
def brand_css(request: HttpRequest) -> HttpResponse:
    """The house's five colours as a stylesheet: pages carry no style of their own."""
    colours = brand_colours(order_profile().brand_colour)
    names = {"brand": "brand", "deep": "brand-deep", "soft": "brand-soft", "line": "brand-line", "on": "brand-on"}
    values = "".join(f"--{names[name]}:{value};" for name, value in colours.items())
    response = HttpResponse(f":root{{{values}}}", content_type="text/css")
    response["Cache-Control"] = "private, no-store"
    return response


@require_http_methods(["GET", "POST"])
def sign(request: HttpRequest, secret: str) -> HttpResponse:
    """Read and sign a version of an order, by whoever has its private link. Works also where bookings are off."""
    now, error = timezone.now(), ""
    try:
        link = signing_link(secret, at=now)
        if request.method == "POST":
            given = {name: request.POST.get(name, "") for name in ("name", "title", "digest")}
            sign_order(secret=secret, at=now, **given)
            return _private(HttpResponseRedirect(request.path))
    except NotFound as refusal:
        return _link_gone(request, _("This link has ended"), refusal.message)
    except DomainError as refusal:
        error = refusal.message
    response = render(request, "bookings/sign.html", _signing_context(request, link.version, secret, error))
    response.status_code = 409 if error else 200
    return _private(response)


@require_GET
def sign_pdf(request: HttpRequest, secret: str) -> HttpResponse:
    """The version of a private link as the file that was kept when it was sent or signed."""
    try:
        version = signing_link(secret, at=timezone.now()).version
    except NotFound as refusal:
        return _link_gone(request, _("This link has ended"), refusal.message)
    response = HttpResponse(bytes(version.signed_pdf or version.pdf or b""), content_type="application/pdf")
    name = f"{version.order.number}-v{version.number}.pdf"
    response["Content-Disposition"] = f'inline; filename="{name}"'
    return _private(response)


def _signing_context(request: HttpRequest, version: OrderVersion, secret: str, error: str) -> dict[str, object]:
    document = OrderDocument.from_json(version.document)
    standing = standing_of_version(version)
    signed = version.signatures.filter(side=OrderSignature.Side.BUYER).first()
    is_open = standing.state == "sent" and version.order.status == InsertionOrder.Status.SENT
    why = _("A later version took its place.") if standing.state == "replaced" else _("Nothing is left to sign here.")
    return {
        **paper_context(document, standing),
        "version": version,
        "secret": secret,
        "signed": signed,
        "open": is_open,
        "why_closed": why,
        "buyer": document.agency.name if document.agency else document.advertiser.name,
        "error": error,
        "name": request.POST.get("name", ""),
        "title": request.POST.get("title", ""),
    }


def _link_gone(request: HttpRequest, heading: str, lead: str) -> HttpResponse:
    return _private(render(request, "bookings/link_gone.html", {"heading": heading, "lead": lead}, status=404))


def _private(response: HttpResponse) -> HttpResponse:
    for name, value in PRIVATE.items():
        response[name] = value
    return response
