"""Orders and other paper -> PDF bytes. Drawn here as HTML, typeset in a process of its own (`bookings/typesetter.py`).

Equal documents in equal standing give equal bytes. Source: RELIABILITY, G41 to G43.
"""

import logging

from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from bookings.document import MOST_LINES, OrderDocument, Standing
from bookings.paper import paper_context
from bookings.typesetter import LOGO, ORDER_SHEET, Page
from bookings.typesetting import NotTypeset, typeset
from tracker.lib import pango
from tracker.lib.errors import DomainError

logger = logging.getLogger(__name__)


def require() -> None:
    """Raise DomainError("pdf_unavailable") with the remedy where Pango is missing."""
    if not pango.is_installed():
        raise DomainError(
            "pdf_unavailable",
            _(
                "PDFs need the Pango library, which is not on this machine. Install it (Debian: apt-get install "
                "libpango-1.0-0 libpangoft2-1.0-0) and start again. Until then, print the order's print view."
            ),
            status=503,
        )


def order_html(document: OrderDocument, standing: Standing, *, stylesheet: str = "", brand_sheet: str = "") -> str:
    """Return the order as a page of HTML: what becomes the PDF; with web addresses of the sheets, the print view."""
    if len(document.lines) > MOST_LINES:
        message = _("An order is printed with %(most)s lines at most; this one has %(lines)s. Split it.")
        raise DomainError("order_too_long", message % {"most": MOST_LINES, "lines": len(document.lines)})
    context = paper_context(document, standing)
    for_paper = not stylesheet
    context |= {"stylesheet": stylesheet, "brand_sheet": brand_sheet, "for_paper": for_paper}
    context |= {"logo": LOGO if standing.logo_png else ""}
    return render_to_string("bookings/insertion_order.html", context)


def render(document: OrderDocument, standing: Standing) -> bytes:
    """Return the order as a tagged PDF (PDF/UA-1).

    Raises DomainError("order_too_long") and what `written` raises.
    """
    return written(order_html(document, standing), identifier=identifier_of(document), logo_png=standing.logo_png)


def identifier_of(document: OrderDocument) -> str:
    """Return what a PDF of this document says it is."""
    return f"{document.number or document.digest}-{document.version}"


def written(
    html: str, *, identifier: str, sheets: tuple[str, ...] = (ORDER_SHEET,), logo_png: bytes | None = None
) -> bytes:
    """Return a page of HTML of ours as a tagged PDF (PDF/UA-1), equal for equal HTML.

    It may ask for the typesetter's assets and, as LOGO, for the house's logo. Raises DomainError: "pdf_unavailable",
    or "pdf_failed" when it could not be typeset.
    """
    require()
    try:
        return typeset(Page(html, sheets, identifier, logo_png))
    except NotTypeset as error:
        logger.error("paper could not be typeset", extra={"document": identifier, "said": str(error)})
        message = _("This paper could not be made just now. Try again; if it stays so, use its print view.")
        raise DomainError("pdf_failed", message, status=503) from error
