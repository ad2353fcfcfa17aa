"""Booking lines from files: what each act did is kept for undoing, and what a person must decide waits."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from bookings.models import AdUnit, InsertionOrder, IOBooking
from bookings.services import change_booking, line_of_key, schedule_booking, unbook
from deals.models import Campaign
from etl.models import ExternalLine, Import, LineChange, WaitingRow
from metrics.models import Episode
from tracker.lib.actors import Actor, HasActor
from tracker.lib.dates import flight_bounds
from tracker.lib.errors import DomainError
from tracker.tenants.context import tenant_zone

# What a change of a line can be set back to.
_KEPT = (
    "flight_start",
    "flight_end",
    "booked_impressions",
    "booked_cpm_cents",
    "promo_code",
    "vanity_url",
    "external_ref",
)


class Waits(Exception):
    """This row cannot be booked before a person decides: why, and about what."""

    def __init__(self, code: str, name: str, reason: str, *, column: str = "", show: str = "") -> None:
        super().__init__(reason)
        self.code, self.name, self.reason, self.column, self.show = code, name, reason, column, show

    def row(self, run: Import, line: int, cells: dict[str, str]) -> WaitingRow:
        return WaitingRow(
            import_run=run,
            kind=WaitingRow.Kind.BOOKING,
            line=line,
            code=self.code,
            name=self.name[:300],
            show=self.show[:300],
            cells={name: text.replace("\0", "") for name, text in cells.items()},
        )


@dataclass(frozen=True)
class Wish:
    """A line as a file wants it, all that it names being known."""

    line: int
    campaign: Campaign
    ad_unit: AdUnit
    episode: Episode | None
    flight_start: datetime
    flight_end: datetime
    booked_impressions: int
    booked_cpm_cents: int
    promo_code: str
    vanity_url: str
    external_ref: str = ""


@dataclass
class LineBook:
    """Books the lines of one import. `may_change_sent`: a person said so for this row."""

    run: Import
    by: Actor
    at: datetime
    may_change_sent: bool = False
    outcomes: dict[str, int] = field(default_factory=lambda: {"created": 0, "changed": 0, "unchanged": 0, "older": 0})

    def put(self, wish: Wish, *, known: IOBooking | None = None, external_before: int | None = None) -> IOBooking:
        """Book the line, or change the one it means. Raises Waits("order_sent"), and what booking raises.

        known: the booking that an external line became; else it is found by (deal, unit, episode, flight start).
        """
        if wish.flight_end <= wish.flight_start:
            raise DomainError("flight_not_in_order", "The flight ends before it starts.", field="flight_end")
        found = known or line_of_key(
            campaign=wish.campaign, ad_unit=wish.ad_unit, episode=wish.episode, flight_start=wish.flight_start
        )
        if found is None:
            return self._book(wish)
        changes = self._changes(found, wish)
        if not changes:
            self.outcomes["unchanged"] += 1
            return found
        if found.order.status != InsertionOrder.Status.DRAFT and not self.may_change_sent:
            told = f"The order {found.order} is sent already; taking this change needs a new version of it."
            raise Waits("order_sent", str(found.order), told, show=str(found.ad_unit.podcast))
        before = _values(found)
        with transaction.atomic():
            changed = change_booking(booking=found, by=self.by, at=self.at, is_record=True, **changes)
        if changed.revision == found.revision:
            self.outcomes["unchanged"] += 1
            return changed
        self._note(wish.line, changed, before, external_before)
        self.outcomes["changed"] += 1
        return changed

    def _book(self, wish: Wish) -> IOBooking:
        with transaction.atomic():
            made = schedule_booking(
                campaign=wish.campaign,
                ad_unit=wish.ad_unit,
                episode=wish.episode,
                flight_start=wish.flight_start,
                flight_end=wish.flight_end,
                booked_impressions=wish.booked_impressions,
                booked_cpm_cents=wish.booked_cpm_cents,
                promo_code=wish.promo_code,
                vanity_url=wish.vanity_url,
                external_ref=wish.external_ref,
                by=self.by,
                at=self.at,
                is_record=True,
            )
        self._note(wish.line, made, None, None)
        self.outcomes["created"] += 1
        return made

    @staticmethod
    def _changes(found: IOBooking, wish: Wish) -> dict[str, Any]:
        """What differs; an empty code or link leaves those as they are."""
        wanted: dict[str, Any] = {
            "flight_start": wish.flight_start,
            "flight_end": wish.flight_end,
            "booked_impressions": wish.booked_impressions,
            "booked_cpm_cents": wish.booked_cpm_cents,
        }
        changes = {name: value for name, value in wanted.items() if getattr(found, name) != value}
        episode_id = wish.episode.pk if wish.episode else None
        if found.episode_id != episode_id:
            changes["episode"] = wish.episode
        for name in ("promo_code", "vanity_url", "external_ref"):
            text = getattr(wish, name).strip()
            if text and text.casefold() != getattr(found, name).casefold():
                changes[name] = text
        return changes

    def _note(self, line: int, booking: IOBooking, before: dict | None, external_before: int | None) -> None:
        noted, is_new = LineChange.objects.get_or_create(
            import_run=self.run,
            io_id=booking.pk,
            is_undone=False,
            defaults={
                "line": line,
                "before": before,
                "revision_after": booking.revision,
                "external_before": external_before,
            },
        )
        if not is_new:
            noted.revision_after = booking.revision
            noted.save(update_fields=["revision_after"])


@dataclass(frozen=True)
class LinesBack:
    """Lines taken out, lines set back, and lines kept because somebody changed them since: day, line, source."""

    removed: int = 0
    restored: int = 0
    kept: list[dict[str, str]] = field(default_factory=list)


def take_back_lines(run: Import, *, by: HasActor | Actor, at: datetime) -> LinesBack:
    """Undo what an import did to bookings, newest first. What changed since, ran or was sent stays and is listed."""
    removed, restored, kept = 0, 0, []
    for change in LineChange.objects.filter(import_run=run, is_undone=False).order_by("-pk"):
        booking = IOBooking.objects.select_related("ad_unit", "campaign").filter(pk=change.io_id).first()
        if booking is None:
            continue
        try:
            with transaction.atomic():
                _take_back(run, change, booking, by, at)
        except DomainError as refusal:
            day = booking.flight_start.date().isoformat()
            kept.append({"day": day, "episode": str(booking), "source": refusal.message})
            continue
        removed += change.before is None
        restored += change.before is not None
        change.is_undone = True
        change.save(update_fields=["is_undone"])
    return LinesBack(removed, restored, kept)


def _take_back(run: Import, change: LineChange, booking: IOBooking, by: HasActor | Actor, at: datetime) -> None:
    revision = change.revision_after
    if change.before is None:
        since = run.started_at or run.created_at
        unbook(booking=booking, by=by, at=at, if_revision=revision, order_made_since=since)
        return
    changes = values_back(change.before)
    change_booking(booking=booking, by=by, at=at, if_revision=revision, is_record=True, **changes)
    if change.external_before is not None:
        ExternalLine.objects.filter(booking_id=booking.pk).update(revision=change.external_before)


def values_back(before: dict[str, Any]) -> dict[str, Any]:
    """Return kept values as change_booking takes them."""
    changes = dict(before)
    for name in ("flight_start", "flight_end"):
        changes[name] = datetime.fromisoformat(changes[name])
    episode_id = changes.pop("episode_id")
    changes["episode"] = Episode.objects.filter(pk=UUID(episode_id)).first() if episode_id else None
    return changes


def bounds_of(start: datetime | date, end: datetime | date) -> tuple[datetime, datetime]:
    """A bare date is the whole day in the order's zone; an instant stands as it is. Source: CONTRACT, files."""
    zone = tenant_zone()
    first = start if isinstance(start, datetime) else flight_bounds(start, start, zone)[0]
    last = end if isinstance(end, datetime) else flight_bounds(end, end, zone)[1]
    return first, last


def _values(booking: IOBooking) -> dict[str, Any]:
    plain = {name: getattr(booking, name) for name in _KEPT}
    for name in ("flight_start", "flight_end"):
        plain[name] = plain[name].isoformat()
    return {**plain, "episode_id": str(booking.episode_id) if booking.episode_id else None}
