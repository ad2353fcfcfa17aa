"""What tests of paper share."""

import pytest

from tracker.lib import pango

needs_pango = pytest.mark.skipif(not pango.is_installed(), reason="Pango is not on this machine")
