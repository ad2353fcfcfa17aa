"""A house's logo: whatever was uploaded is drawn anew as a PNG, so that only pixels reach an order."""

from io import BytesIO
from typing import Any

from django.utils.translation import gettext as _
from PIL import Image, UnidentifiedImageError

from tracker.lib.errors import DomainError

LARGEST_FILE = 4 * 1024 * 1024
WIDEST = 1_600
MOST_PIXELS = 20_000_000
FORMATS = ("PNG", "JPEG", "WEBP")


def png_of(upload: Any) -> bytes:
    """Return an uploaded picture as PNG bytes, 1,600 pixels wide at most, without whatever else the file carried.

    Raises DomainError("logo_invalid") for what is no PNG, JPEG or WebP, or is too large.
    """
    if upload.size > LARGEST_FILE:
        raise DomainError("logo_invalid", _("The logo is larger than 4 MB."), field="logo")
    try:
        picture = Image.open(BytesIO(upload.read()), formats=FORMATS)
        if picture.width * picture.height > MOST_PIXELS:
            raise DomainError("logo_invalid", _("The logo has more than 20 million pixels."), field="logo")
        drawn = picture.convert("RGBA")
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        raise DomainError("logo_invalid", _("That is no PNG, JPEG or WebP picture."), field="logo") from None
    if drawn.width > WIDEST:
        drawn = drawn.resize((WIDEST, max(1, round(drawn.height * WIDEST / drawn.width))))
    out = BytesIO()
    drawn.save(out, format="PNG", optimize=True)
    return out.getvalue()
