"""Profiles: whose file is it, by its header and, where that says little, by its name."""

from etl.profiles.answers import ANSWERS
from etl.profiles.base import WHOLE_SHOW, Answers, Daily, Hint, OfShow, Profile, Record, Share, Snapshot
from etl.profiles.hosts import HOSTS
from etl.profiles.platforms import PLATFORMS

SHIPPED: tuple[Profile, ...] = (*HOSTS, *PLATFORMS, *ANSWERS)

__all__ = [
    "SHIPPED",
    "WHOLE_SHOW",
    "Answers",
    "Daily",
    "Hint",
    "OfShow",
    "Profile",
    "Record",
    "Share",
    "Snapshot",
    "detected",
    "normal_names",
]


def normal_names(header: list[str]) -> list[str]:
    """Return the names of columns as profiles know them: small letters, single blanks."""
    return [" ".join(name.replace("\ufeff", "").lower().split()) for name in header]


def detected(header: list[str], own: list[Profile], file_name: str = "") -> Profile | None:
    """Return the profile that a file fits: one of the house's own first, then that which names most columns."""
    names = normal_names(header)
    fitting = [profile for profile in own if profile.fits(names, file_name)]
    fitting = fitting or [one for one in SHIPPED if one.fits(names, file_name)]
    return max(fitting, key=lambda profile: len(profile.header), default=None)
