"""What a dashboard shows: whose shows or sponsor, which days, at which instant. Bound people see their own alone."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from deals.models import Sponsor
from metrics.models import Podcast
from tracker.lib import words
from tracker.lib.errors import DomainError, NotFound

DEFAULT_DAYS = 30
PERIODS = (7, 30, 90)
LONGEST_DAYS = 366


@dataclass(frozen=True)
class Period:
    """Days, both included. `days` counts back from the last complete day; None for days that a person chose."""

    first: date
    last: date
    days: int | None = DEFAULT_DAYS

    @property
    def length(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def before(self) -> "Period":
        """The same number of days just before."""
        return Period(self.first - timedelta(days=self.length), self.first - timedelta(days=1), None)


@dataclass(frozen=True)
class Scope:
    """One view of one person at one instant.

    podcasts: the shows in view; all_podcasts: those the person may see; sponsor: the sponsor in view, if one is.
    bound: whether the person sees only what is their own; only_card: the one card that the page shows alone.
    """

    at: datetime
    podcasts: list[Podcast]
    all_podcasts: list[Podcast]
    period: Period
    sponsor: Sponsor | None = None
    all_sponsors: list[Sponsor] = field(default_factory=list)
    bound: bool = False
    only_card: str = ""
    period_name: str = ""
    earlier: Period | None = None

    @property
    def before(self) -> Period:
        """The period to compare with: the calendar's own, else as many days just before."""
        return self.earlier or self.period.before

    @property
    def podcast_ids(self) -> list[uuid.UUID]:
        return [podcast.pk for podcast in self.podcasts]

    @property
    def one_podcast(self) -> Podcast | None:
        return self.podcasts[0] if len(self.podcasts) == 1 and len(self.all_podcasts) > 1 else None

    @property
    def periods(self) -> tuple[int, ...]:
        return PERIODS

    @property
    def today(self) -> date:
        """The house's own calendar day."""
        return self.at.astimezone(words.house_zone()).date()

    @property
    def currency(self) -> str:
        return words.house_currency()

    @property
    def period_label(self) -> str:
        return {"month": _("month"), "quarter": _("quarter"), "year": _("year")}.get(self.period_name, "")

    @property
    def zone_name(self) -> str:
        return words.zone_name()

    @property
    def is_simulated(self) -> bool:
        return any(podcast.is_simulated for podcast in self.podcasts)


def creator_scope(principal: Any, params: Mapping[str, str], *, at: datetime) -> Scope:
    """Return what a creator, or somebody of the house, sees. Params: podcast_id, days or from and until.

    Raises NotFound("podcast_not_found") for a show of somebody else, DomainError("bad_period").
    """
    mine = principal.bound_ids("podcast")
    shows = Podcast.objects.filter(is_archived=False).order_by("title")
    if mine is not None or principal.role.bound_to:
        shows = shows.filter(pk__in=mine or ())
    all_shows = list(shows)
    chosen = chosen_of(all_shows, params.get("podcast_id", ""), "podcast_not_found", _("There is no such show here."))
    period = period_of(params, last=at.astimezone(UTC).date() - timedelta(days=1))
    return Scope(
        at=at, podcasts=chosen or all_shows, all_podcasts=all_shows, period=period, bound=bool(principal.role.bound_to)
    )


def chosen_of(known: list[Any], wanted: str, code: str, message: str) -> list[Any]:
    """Return the one object whose id is `wanted`, or none when nothing is wanted. Raises NotFound(code)."""
    if not wanted:
        return []
    found = [one for one in known if str(one.pk) == wanted.strip().lower()]
    if not found:
        raise NotFound(code, message)
    return found


def period_of(params: Mapping[str, str], *, last: date) -> Period:
    """Return the days that `days`, or `from` and `until`, ask for; 30 days up to the last complete one by default.

    Raises DomainError("bad_period") that says what is wrong.
    """
    if params.get("from") or params.get("until"):
        if not (params.get("from") and params.get("until")):
            raise DomainError("bad_period", _("Send the first day of the period and its last: from and until."))
        first, until = _day(params.get("from", "")), _day(params.get("until", ""))
        if until < first:
            raise DomainError("bad_period", _("The period ends before it begins."))
        if (until - first).days >= LONGEST_DAYS:
            raise DomainError("bad_period", _("A period has at most 366 days."))
        return Period(first, until, None)
    wanted = params.get("days") or str(DEFAULT_DAYS)
    if not (wanted.isascii() and wanted.isdigit() and 1 <= int(wanted) <= LONGEST_DAYS):
        raise DomainError("bad_period", _("days is a whole number from 1 to 366."), status=400)
    return Period(last - timedelta(days=int(wanted) - 1), last, int(wanted))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        message = _("“%(text)s” is not a day. Write it as 2026-11-20.") % {"text": text}
        raise DomainError("bad_period", message, status=400) from error
