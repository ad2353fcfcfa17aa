"""What tests of paper share."""

import os

import pytest

from tracker.lib import pango

# In CI a machine without Pango is a failure, as one without a browser is.
needs_pango = pytest.mark.skipif(
    not pango.is_installed() and not os.environ.get("CI"), reason="Pango is not on this machine"
)
