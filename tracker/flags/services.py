"""Is a feature on in this tenant? Kill switch above the tenant's word above the environment's default above off."""

import os

from django.conf import settings
from django.db import connection, transaction

from tracker.flags.models import FlagOverride
from tracker.lib.errors import Forbidden


def is_on(flag: str) -> bool:
    """Return whether a feature is on here. KILL_<flag> in the environment switches it off for everybody."""
    if flag not in settings.FEATURE_FLAGS:
        raise KeyError(flag)
    if _truthy(f"KILL_{flag}"):
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT is_on FROM flag_overrides WHERE flag = %s", [flag])
        own = cursor.fetchone()
    return _truthy(flag) if own is None else own[0]


def switched_on() -> frozenset[str]:
    """Return every feature that is on here, by one query: what a page asks to draw its menu."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT flag, is_on FROM flag_overrides")
        own = dict(cursor.fetchall())
    return frozenset(
        flag for flag in settings.FEATURE_FLAGS if not _truthy(f"KILL_{flag}") and own.get(flag, _truthy(flag))
    )


def require(flag: str) -> frozenset[str]:
    """Return every feature that is on here; raise Forbidden("feature_disabled") naming the flag unless it is one."""
    if flag not in settings.FEATURE_FLAGS:
        raise KeyError(flag)
    features = switched_on()
    if flag not in features:
        raise Forbidden("feature_disabled", f"This feature is switched off here ({flag}).", flag=flag)
    return features


@transaction.atomic
def switch(*, flag: str, on: bool | None) -> None:
    """Let the entered tenant say on or off for itself; None gives the word back to the environment."""
    if flag not in settings.FEATURE_FLAGS:
        raise KeyError(flag)
    if on is None:
        FlagOverride.objects.filter(flag=flag).delete()
        return
    FlagOverride.objects.update_or_create(flag=flag, defaults={"is_on": on})


def _truthy(name: str) -> bool:
    return os.environ.get(name, "").strip().lower() in {"1", "true", "yes", "on"}
