"""Orders and other paper -> PDF bytes, by WeasyPrint. It reads nothing but the assets named here. Pure but for them.

Equal documents in equal standing give equal bytes. Source: RELIABILITY, G41 to G43.
"""

import os
import threading
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from bookings.document import MOST_LINES, OrderDocument, Standing
from bookings.paper import paper_context
from tracker.lib.errors import DomainError

STYLESHEET = "asset:insertion_order.css"
PROPOSAL_STYLESHEET = "asset:proposal.css"
LOGO = "asset:logo.png"
# The names by which the stylesheet and the document ask, and the files that answer.
ASSETS = {
    STYLESHEET: ("css/insertion_order.css", "text/css"),
    PROPOSAL_STYLESHEET: ("css/proposal.css", "text/css"),
    "../fonts/doc/doc-sans-400.woff2": ("fonts/doc/doc-sans-400.woff2", "font/woff2"),
    "../fonts/doc/doc-sans-600.woff2": ("fonts/doc/doc-sans-600.woff2", "font/woff2"),
    "../fonts/doc/doc-display-600.woff2": ("fonts/doc/doc-display-600.woff2", "font/woff2"),
}
# Fonts carry a time of change; one for all keeps equal orders equal to the byte. 2026-01-01.
FIXED_EPOCH = "1767225600"

# One at a time in a process: the time above is told through the environment, and a rendering takes tens of megabytes.
_rendering = threading.Lock()
_loaded_fonts: Any = None


def is_available() -> bool:
    """Return whether Pango, which no wheel carries, is on this machine."""
    return _weasyprint() is not None


def require() -> Any:
    """Return the rendering library. Raises DomainError("pdf_unavailable") with the remedy when Pango is missing."""
    weasyprint = _weasyprint()
    if weasyprint is not None:
        return weasyprint
    raise DomainError(
        "pdf_unavailable",
        _(
            "PDFs need the Pango library, which is not on this machine. Install it (Debian: apt-get install "
            "libpango-1.0-0 libpangoft2-1.0-0) and start again. Until then, print the order's print view."
        ),
        status=503,
    )


def order_html(
    document: OrderDocument, standing: Standing, *, stylesheet: str = STYLESHEET, brand_sheet: str = ""
) -> str:
    """Return the order as a page of HTML: what becomes the PDF; with web addresses of the sheets, the print view."""
    if len(document.lines) > MOST_LINES:
        message = _("An order is printed with %(most)s lines at most; this one has %(lines)s. Split it.")
        raise DomainError("order_too_long", message % {"most": MOST_LINES, "lines": len(document.lines)})
    context = paper_context(document, standing)
    for_paper = stylesheet == STYLESHEET
    context |= {"stylesheet": stylesheet, "brand_sheet": brand_sheet, "for_paper": for_paper}
    context |= {"logo": LOGO if standing.logo_png else ""}
    return render_to_string("bookings/insertion_order.html", context)


def render(document: OrderDocument, standing: Standing) -> bytes:
    """Return the order as a tagged PDF (PDF/UA-1).

    Raises DomainError("pdf_unavailable") with the remedy when Pango is missing, DomainError("order_too_long").
    """
    require()
    identifier = f"{document.number or document.digest}-{document.version}"
    return written(order_html(document, standing), identifier=identifier, logo_png=standing.logo_png)


def written(html: str, *, identifier: str, logo_png: bytes | None = None) -> bytes:
    """Return a page of HTML of ours as a tagged PDF (PDF/UA-1), equal for equal HTML.

    It may ask for the assets named here and, as LOGO, for the house's logo. Raises DomainError("pdf_unavailable").
    """
    weasyprint = require()
    with _rendering, _fixed_time():
        fetcher = _fetcher_class()(logo_png)
        page = weasyprint.HTML(string=html, base_url="asset:", url_fetcher=fetcher, media_type="print")
        return page.write_pdf(pdf_variant="pdf/ua-1", pdf_identifier=identifier.encode(), font_config=_fonts())


@cache
def _weasyprint() -> Any:
    try:
        import weasyprint
    except OSError:
        return None
    return weasyprint


def _fonts() -> Any:
    """Return the faces of this process, unpacked once: one set for each document is memory that never comes back.

    They lie in a folder for temporary files; where somebody swept it, they are unpacked again.
    """
    from weasyprint.text.fonts import FontConfiguration

    global _loaded_fonts
    folder = getattr(_loaded_fonts, "_folder", None)
    if _loaded_fonts is None or (folder is not None and not any(folder.glob("*"))):
        _loaded_fonts = FontConfiguration()
    return _loaded_fonts


@cache
def _asset(name: str) -> tuple[bytes, str]:
    path, kind = ASSETS[name]
    return (Path(settings.BASE_DIR) / "static" / path).read_bytes(), kind


@cache
def _fetcher_class() -> type:
    from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

    class OwnAssetsOnly(URLFetcher):
        """Answers the names above and `data:` from memory; whatever else a document asks for ends the rendering."""

        def __init__(self, logo_png: bytes | None) -> None:
            super().__init__(allowed_protocols={"asset", "data"}, allow_redirects=False)
            self._logo_png = logo_png

        def fetch(self, url: str, headers: Any = None) -> Any:
            if url.startswith("data:"):
                return super().fetch(url, headers)
            if url == LOGO and self._logo_png:
                return URLFetcherResponse(url, body=self._logo_png, headers={"Content-Type": "image/png"})
            if url in ASSETS:
                body, kind = _asset(url)
                return URLFetcherResponse(url, body=body, headers={"Content-Type": kind})
            raise FatalURLFetchingError(f"Paper asks for nothing outside: {url[:200]}")

    return OwnAssetsOnly


class _fixed_time:
    def __enter__(self) -> None:
        self._before = os.environ.get("SOURCE_DATE_EPOCH")
        os.environ["SOURCE_DATE_EPOCH"] = FIXED_EPOCH

    def __exit__(self, *_error: object) -> None:
        if self._before is None:
            del os.environ["SOURCE_DATE_EPOCH"]
        else:
            os.environ["SOURCE_DATE_EPOCH"] = self._before
