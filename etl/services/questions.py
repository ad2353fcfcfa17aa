"""What a file does not say and a person must: the questions, and reading the answers."""

from collections.abc import Mapping
from datetime import UTC, date, tzinfo
from typing import Any, Protocol
from zoneinfo import ZoneInfo, available_timezones

from etl.cells import day_of
from etl.matching import name_key
from etl.profiles import Answers
from etl.queries import sponsors_in_order
from metrics.models import Podcast
from tracker.lib.errors import DomainError
from tracker.tenants.context import current_tenant

ASKED = {
    "podcast": "which show it is about",
    "episode": "whether it is about the whole show or one episode",
    "as_of": "as of which day it counts",
    "span": "whether it counts all time or only some days",
    "day_first": "whether days or months come first",
    "time_zone": "in which time zone its times are written",
    "currency": "in which currency its money is",
    "revision": "which revision of the order it is",
    "sponsor": "which advertiser it is from",
}
# Asked only when a row needs it.
WHEN_NEEDED = frozenset({"day_first"})


class Asking(Protocol):
    """A profile of figures or of orders, as far as it asks."""

    title: str

    @property
    def asks(self) -> tuple[str, ...]: ...

    def suggested(self, file_name: str) -> dict[str, str]: ...


class Question(DomainError):
    """What the file does not say and a person must: answers_needed, header_unknown. `details` is what the page asks."""


def question(profile: Asking, missing: list[str], *, file_name: str) -> Question:
    """Return the question for some answers, with those that the file's name suggests: a person confirms them."""
    told = f"{profile.title}: the file does not say {' and '.join(ASKED[name] for name in missing)}."
    suggested = dict(profile.suggested(file_name))
    if show := suggested.pop("podcast", ""):
        suggested |= _show_called(show)
    if name := suggested.pop("sponsor", ""):
        suggested |= _sponsor_within(name)
    if "time_zone" in missing:
        suggested.setdefault("time_zone", current_tenant().time_zone)
    if "currency" in missing:
        suggested.setdefault("currency", current_tenant().currency)
    return Question("answers_needed", told, profile=profile.title, asks=missing, suggested=suggested)


def answers_of(profile: Asking, given: Mapping[str, Any], *, latest: date, file_name: str) -> Answers:
    """Return what a person said. Raises Question for what is still missing, DomainError for what cannot be taken."""
    missing = [name for name in profile.asks if name not in given and name not in WHEN_NEEDED]
    if missing:
        raise question(profile, missing, file_name=file_name)
    if given.get("span") == "some":
        told = "Figures of chosen days cannot be taken apart into days. Export all time, or the table by day."
        raise DomainError("span_not_kept", told)
    house = current_tenant().currency
    if given.get("currency", house) != house:
        told = f"Money is kept in {house} here. Convert the file's amounts first; nothing is converted unseen."
        raise DomainError("foreign_currency", told)
    as_of = given.get("as_of")
    return Answers(
        podcast=given.get("podcast", ""),
        episode=given.get("episode", ""),
        as_of=day_of(as_of, day_first=None, latest=latest) if as_of else None,
        day_first={"day": True, "month": False}.get(given.get("day_first", "")),
        zone=_zone(given.get("time_zone", "")),
        currency=given.get("currency", house),
        revision=int(given["revision"]) if given.get("revision") else None,
        sponsor=given.get("sponsor", ""),
        latest=latest,
    )


def is_zone(name: str) -> bool:
    return name in available_timezones()


def _zone(name: str) -> tzinfo:
    return ZoneInfo(name) if name and is_zone(name) else UTC


def _show_called(title: str) -> dict[str, str]:
    wanted = name_key(title)
    found = [one for one in Podcast.objects.only("podcast_id", "title") if name_key(one.title) == wanted]
    return {"podcast": str(found[0].pk)} if len(found) == 1 else {}


def _sponsor_within(file_name: str) -> dict[str, str]:
    """The one advertiser whose name stands in a file's name."""
    words = f" {name_key(file_name.rsplit('.', 1)[0].replace('_', ' ').replace('-', ' '))} "
    found = [one for one in sponsors_in_order().only("sponsor_id", "name") if f" {name_key(one.name)} " in words]
    return {"sponsor": str(found[0].pk)} if len(found) == 1 else {}
