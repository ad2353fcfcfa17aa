"""Whether Pango is on this machine: the libraries that draw text in PDFs, which no wheel carries."""

import ctypes
from functools import cache

# What Debian's libpango-1.0-0 and libpangoft2-1.0-0 bring, as Linux and macOS name it.
LIBRARIES = (
    ("libpango-1.0.so.0", "libpango-1.0.0.dylib", "libpango-1.0.dylib"),
    ("libpangoft2-1.0.so.0", "libpangoft2-1.0.0.dylib", "libpangoft2-1.0.dylib"),
)


@cache
def is_installed() -> bool:
    """Return whether PDFs can be made. To load WeasyPrint for the answer would take half a second and 40 MB."""
    return all(any(map(_loads, names)) for names in LIBRARIES)


def _loads(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True
