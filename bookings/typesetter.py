"""The typesetter: a process that turns pages of our HTML into PDF bytes by WeasyPrint, one after the other.

A page takes half a second of pure Python. In a web process everybody else's request would wait for it, so each web and
worker process keeps one of these beside it (`bookings/typesetting.py`). It knows neither Django nor a database; what a
page may show besides text stands in ASSETS. It ends when nobody asked for a while, or when who started it is gone.

    python -m bookings.typesetter DESCRIPTOR     the descriptor of a pipe of `multiprocessing.connection`
"""

import atexit
import logging
import os
import signal
import sys
import traceback
from dataclasses import dataclass
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

STATIC = Path(__file__).resolve().parent.parent / "static"
ORDER_SHEET = "asset:insertion_order.css"
PROPOSAL_SHEET = "asset:proposal.css"
LOGO = "asset:logo.png"
# The names by which sheets and pages ask, and the files that answer.
ASSETS = {
    ORDER_SHEET: ("css/insertion_order.css", "text/css"),
    PROPOSAL_SHEET: ("css/proposal.css", "text/css"),
    "../fonts/doc/doc-sans-400.woff2": ("fonts/doc/doc-sans-400.woff2", "font/woff2"),
    "../fonts/doc/doc-sans-600.woff2": ("fonts/doc/doc-sans-600.woff2", "font/woff2"),
    "../fonts/doc/doc-display-600.woff2": ("fonts/doc/doc-display-600.woff2", "font/woff2"),
}
# Fonts carry a time of change; one for all keeps equal orders equal to the byte. 2026-01-01.
FIXED_EPOCH = "1767225600"
# Paper gives way to pages: somebody waits for both, but expects to wait for paper.
NICENESS = 5
IDLE_SECONDS = 600

_loaded_fonts: Any = None


@dataclass(frozen=True)
class Page:
    """What is to be typeset: HTML of ours, its sheets by name, what identifies the document, and the house's logo."""

    html: str
    sheets: tuple[str, ...]
    identifier: str
    logo_png: bytes | None = None


def main() -> None:
    pages = Connection(int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who started us; its end is ours
    os.nice(NICENESS)
    os.environ["SOURCE_DATE_EPOCH"] = FIXED_EPOCH
    for talkative in ("weasyprint", "fontTools"):
        logging.getLogger(talkative).setLevel(logging.ERROR)
    try:
        while pages.poll(IDLE_SECONDS):
            pages.send(_answer(pages.recv()))
    except (EOFError, OSError):
        return


def _answer(page: Page) -> tuple[bytes | None, str]:
    """Return (PDF, "") or (None, what went wrong)."""
    try:
        return typeset(page), ""
    except BaseException:  # a page that asks for something outside raises what is no Exception
        return None, traceback.format_exc()


def typeset(page: Page) -> bytes:
    """Return a page as a tagged PDF (PDF/UA-1), equal bytes for an equal page while SOURCE_DATE_EPOCH stands still.

    Raises FatalURLFetchingError when it asks for anything that is neither an asset, nor the logo, nor `data:`.
    """
    import weasyprint

    faces, fetcher = fonts(), fetcher_class()(page.logo_png)
    html = weasyprint.HTML(string=page.html, base_url="asset:", url_fetcher=fetcher, media_type="print")
    return html.write_pdf(
        pdf_variant="pdf/ua-1",
        pdf_identifier=page.identifier.encode(),
        font_config=faces,
        stylesheets=[_sheet(name, faces) for name in page.sheets],
    )


def fonts() -> Any:
    """Return the faces of this process, unpacked once: one set for each document is memory that never comes back.

    They lie in a folder for temporary files; where somebody swept it, they are unpacked again.
    """
    from weasyprint.text.fonts import FontConfiguration

    global _loaded_fonts
    folder = getattr(_loaded_fonts, "_folder", None)
    if _loaded_fonts is None or (folder is not None and not any(folder.glob("*"))):
        if _loaded_fonts is None:
            atexit.register(_put_away)
        _loaded_fonts = FontConfiguration()
        _sheet.cache_clear()
    return _loaded_fonts


def _put_away() -> None:
    """Let go of the faces while their folder can still be removed: at the interpreter's very end it no longer can."""
    global _loaded_fonts
    _loaded_fonts = None
    _sheet.cache_clear()


@cache
def _sheet(name: str, faces: Any) -> Any:
    """Return a sheet, read once: reading it takes a fifth of the time of an order."""
    import weasyprint

    text = _asset(name)[0].decode()
    return weasyprint.CSS(string=text, base_url=name, url_fetcher=fetcher_class()(None), font_config=faces)


@cache
def _asset(name: str) -> tuple[bytes, str]:
    path, kind = ASSETS[name]
    return (STATIC / path).read_bytes(), kind


@cache
def fetcher_class() -> type:
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


if __name__ == "__main__":
    # What travels through the pipe is named by this module, not by the program it was started as.
    from bookings import typesetter

    typesetter.main()
