"""Is a feature on in this tenant? Kill switch above the tenant's word above the environment's default above off."""

import os

from django.conf import settings

from tracker.flags.models import FlagOverride
from tracker.lib.errors import Forbidden


def is_on(flag: str) -> bool:
    """Return whether a feature is on here. KILL_<flag> in the environment switches it off for everybody."""
    if flag not in settings.FEATURE_FLAGS:
        raise KeyError(flag)
    if _truthy(f"KILL_{flag}"):
        return False
    own = FlagOverride.objects.filter(flag=flag).values_list("is_on", flat=True).first()
    return _truthy(flag) if own is None else own


def require(flag: str) -> None:
    """Raise Forbidden("feature_disabled") naming the flag, unless the feature is on here."""
    if not is_on(flag):
        raise Forbidden("feature_disabled", f"This feature is switched off here ({flag}).", flag=flag)


def _truthy(name: str) -> bool:
    return os.environ.get(name, "").strip().lower() in {"1", "true", "yes", "on"}
