"""Pages of bookings."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.templatetags.static import static
from django.urls import reverse

from bookings.models import InsertionOrder
from bookings.paper import brand_colours
from bookings.pdf import order_html
from bookings.queries.documents import document_of, standing_of
from bookings.queries.house import order_profile
from tracker.api.views import only_bound
from tracker.flags import services as flags

FLAG = "ENABLE_IO_BOOKINGS"


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
def brand_css(request: HttpRequest) -> HttpResponse:
    """The house's five colours as a stylesheet: pages carry no style of their own."""
    colours = brand_colours(order_profile().brand_colour)
    names = {"brand": "brand", "deep": "brand-deep", "soft": "brand-soft", "line": "brand-line", "on": "brand-on"}
    values = "".join(f"--{names[name]}:{value};" for name, value in colours.items())
    response = HttpResponse(f":root{{{values}}}", content_type="text/css")
    response["Cache-Control"] = "private, no-store"
    return response
