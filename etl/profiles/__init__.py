"""Profiles: whose file is it, by its header."""

from etl.profiles.base import Answers, Daily, Hint, Profile, Record, Share, Snapshot
from etl.profiles.hosts import HOSTS

__all__ = ["HOSTS", "Answers", "Daily", "Hint", "Profile", "Record", "Share", "Snapshot", "detected", "normal_names"]


def normal_names(header: list[str]) -> list[str]:
    """Return the names of columns as profiles know them: small letters, single blanks."""
    return [" ".join(name.replace("\ufeff", "").lower().split()) for name in header]


def detected(header: list[str], own: list[Profile]) -> Profile | None:
    """Return the profile that a header fits: one of the house's own first, then that which names most columns."""
    names = normal_names(header)
    fitting = [profile for profile in own if profile.fits(names)] or [one for one in HOSTS if one.fits(names)]
    return max(fitting, key=lambda profile: len(profile.header), default=None)
