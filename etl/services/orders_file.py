"""Files of orders with numbers of somebody else: their lines become bookings, known again by order, line, revision."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any
from uuid import UUID

from bookings.models import AdUnit
from deals.models import Campaign
from etl.matching import Matcher, name_key
from etl.models import ExternalLine, ExternalOrder, Import, ImportProfile, WaitingRow
from etl.profiles import Hint, normal_names
from etl.profiles.base import ColumnError
from etl.profiles.orders import ORDER_PROFILES, MappedOrders, OrderLine, OrderProfile
from etl.records import Issue, shown
from etl.services.bookings_file import MOST_ROWS, told_of
from etl.services.issues import IssueKeeper
from etl.services.leases import Pulse
from etl.services.lines import LineBook, Waits, Wish, bounds_of
from etl.services.profile_file import matcher_of
from etl.services.questions import answers_of, question
from metrics.models import Episode
from tracker.lib.actors import Actor
from tracker.lib.errors import DomainError


def own_order_profiles() -> list[OrderProfile]:
    """Return the profiles that this house made for orders."""
    return [
        MappedOrders(f"own:{one.pk}", one.title, tuple(one.header), one.columns)
        for one in ImportProfile.objects.filter(kind="bookings").order_by("created_at")
    ]


def order_profile_of(key: str) -> OrderProfile | None:
    return next((one for one in (*own_order_profiles(), *ORDER_PROFILES) if one.key == key), None)


def detected_orders(header: list[str], file_name: str) -> OrderProfile | None:
    """Return the profile of orders that a header fits: the house's own first."""
    found = [one for one in (*own_order_profiles(), *ORDER_PROFILES) if one.fits(normal_names(header), file_name)]
    return found[0] if found else None


class OrdersReading:
    """One pass over a file of orders: lines in the order of the file, bad rows to the issue keeper."""

    def __init__(self, run: Import, profile: OrderProfile, *, latest: date, issues: IssueKeeper, pulse: Pulse) -> None:
        self.run, self.profile, self.latest, self.issues, self.pulse = run, profile, latest, issues, pulse
        self.rows = 0
        self.lines: list[tuple[OrderLine, dict[str, str]]] = []
        self.waiting: list[WaitingRow] = []
        self.passed_over: list[dict[str, Any]] = []

    def take(self, rows: Iterator[tuple[int, dict[str, str]]]) -> None:
        """Take rows given as cells by name. Raises Question for what the file does not say."""
        given = self.run.metadata.get("answers", {})
        answers = answers_of(self.profile, given, latest=self.latest, file_name=self.run.file_name)
        for line, cells in rows:
            self.rows += 1
            if self.rows > MOST_ROWS:
                raise DomainError("too_many_rows", f"A file of orders can have {MOST_ROWS:,} rows at most. Split it.")
            try:
                self.lines.append((self.profile.order_line(cells, line=line, answers=answers), cells))
            except ColumnError as error:
                if error.code == "order_unknown":
                    raise question(self.profile, ["day_first"], file_name=self.run.file_name) from None
                self.issues.refuse_row([error.issue(line)])
        self.pulse.rows_read = self.rows

    def close(self) -> None:
        self.lines.clear()


def write_orders(run: Import, reading: OrdersReading, *, at: datetime) -> tuple[int, dict[str, Any]]:
    """Book the lines one after the other, inside the caller's transaction. Like write_bookings.

    A line is known again by (order, line); of two revisions the higher wins, in whatever order they come.
    """
    reading.waiting.clear()
    book = LineBook(run, Actor(kind="import", id=str(run.pk), label=run.file_name), at)
    finder = Finder()
    for line, cells in reading.lines:
        try:
            put_line(line, cells, finder, book)
        except Waits as wait:
            reading.issues.refuse_row([Issue(line.line, wait.column, shown(wait.name), wait.code, wait.reason)])
            reading.waiting.append(wait.row(run, line.line, cells))
        except DomainError as refusal:
            column = str(refusal.details.get("field", ""))
            reading.issues.refuse_row([Issue(line.line, column, "", refusal.code, refusal.message)])
        reading.pulse.wrote(sum(book.outcomes.values()))
    count, told = told_of(book, reading.waiting, reading.passed_over)
    return count, {**told, "profile": reading.profile.title, "profile_key": reading.profile.key}


def put_line(line: OrderLine, cells: dict[str, str], finder: "Finder", book: LineBook) -> None:
    """Book one line of an order, or change the booking it became. Raises Waits, DomainError."""
    order = finder.order(line, cells)
    known = ExternalLine.objects.select_related("booking__order", "booking__ad_unit__podcast", "booking__campaign")
    external = known.select_for_update(of=("self",)).filter(order=order, line_ref=line.line_ref).first()
    if external is not None and line.revision < external.revision:
        book.outcomes["older"] += 1
        return
    unit = finder.unit(line, cells)
    start, end = bounds_of(line.flight_start, line.flight_end)
    wish = Wish(
        line=line.line,
        campaign=order.campaign,
        ad_unit=unit,
        episode=finder.episode(line, unit, cells),
        flight_start=start,
        flight_end=end,
        booked_impressions=line.booked_impressions,
        booked_cpm_cents=line.booked_cpm_cents,
        promo_code=line.promo_code,
        vanity_url=line.vanity_url,
        external_ref=f"{line.order_ref}/{line.line_ref}"[:100],
    )
    if external is None:
        booking = book.put(wish)
        ExternalLine.objects.create(order=order, line_ref=line.line_ref, revision=line.revision, booking=booking)
        return
    if external.booking.ad_unit_id != unit.pk:
        told = "This line names another place than before. Cancel the booking and book the new place by hand."
        raise DomainError("place_changed", told)
    book.put(wish, known=external.booking, external_before=external.revision)
    external.revision = line.revision
    external.save(update_fields=["revision"])


class Finder:
    """Looks for what the words of an order mean here; a person's answers (cells that begin with @) come first."""

    def __init__(self) -> None:
        self._matchers: dict[UUID, Matcher] = {}

    def order(self, line: OrderLine, cells: dict[str, str]) -> ExternalOrder:
        found = ExternalOrder.objects.select_related("campaign__sponsor").filter(pk=line.order_ref).first()
        if found is not None:
            return found
        campaign = self._campaign(cells.get("@campaign") or line.campaign)
        if campaign is None:
            told = f"No deal here is known for order {line.order_ref}."
            raise Waits("unknown_deal", line.order_ref, told, column="order", show=line.campaign)
        return ExternalOrder.objects.create(order_ref=line.order_ref, campaign=campaign)

    def unit(self, line: OrderLine, cells: dict[str, str]) -> AdUnit:
        units = AdUnit.objects.select_related("podcast")
        wanted = cells.get("@ad_unit") or line.ad_unit
        if _is_id(wanted):
            found = units.filter(pk=wanted)
        else:
            found = units.filter(name__iexact=wanted)
            found = found.filter(podcast__title__iexact=line.show) if line.show else found
        matches = list(found[:2])
        if len(matches) != 1:
            told = "No ad unit here is called so." if not matches else "Several ad units here are called so."
            raise Waits("unknown_ad_unit", line.ad_unit, told, column="ad_unit", show=line.show)
        return matches[0]

    def episode(self, line: OrderLine, unit: AdUnit, cells: dict[str, str]) -> Episode | None:
        wanted = cells.get("@episode") or line.episode
        if not wanted:
            return None
        if unit.podcast_id not in self._matchers:
            self._matchers[unit.podcast_id] = matcher_of(unit.podcast)
        match = self._matchers[unit.podcast_id].find(Hint(wanted))
        if match is None:
            told = "No episode of the show is known by this."
            raise Waits("unknown_episode", line.episode, told, column="episode", show=unit.podcast.title)
        return Episode.objects.get(pk=match.episode_id)

    @staticmethod
    def _campaign(wanted: str) -> Campaign | None:
        deals = Campaign.objects.select_related("sponsor")
        if _is_id(wanted):
            return deals.filter(pk=wanted).first()
        if not wanted:
            return None
        key = name_key(wanted)
        found = [deal for deal in deals.filter(name__icontains=wanted.strip())[:20] if name_key(deal.name) == key]
        return found[0] if len(found) == 1 else None


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False
