"""The contract's bookings file: each row books a line, or changes the one it names."""

from dataclasses import dataclass, field
from datetime import datetime

from bookings.models import AdUnit
from deals.models import Campaign
from etl.cells import is_furniture
from etl.models import Import, WaitingRow
from etl.readers import Block, TableFile
from etl.records import BOOKING_COLUMNS, BookingRecord, Header, Issue, shown
from etl.services.issues import IssueKeeper
from etl.services.leases import Pulse
from etl.services.lines import LineBook, Waits, Wish, bounds_of
from etl.tables import note_passed
from metrics.models import Episode
from tracker.lib.actors import Actor
from tracker.lib.errors import DomainError

# Bookings are looked at one by one under locks; a file larger than this is not one that people write.
MOST_ROWS = 20_000


class TooManyRows(ValueError):
    """More rows than one bookings file may have."""


@dataclass
class BookingsReading:
    """One pass over a bookings file: good rows are kept, bad ones go to the issue keeper."""

    header: Header
    issues: IssueKeeper
    pulse: Pulse
    rows: int = 0
    records: list[BookingRecord] = field(default_factory=list)
    waiting: list[WaitingRow] = field(default_factory=list)
    passed_over: list[dict] = field(default_factory=list)

    def read(self, table: TableFile) -> None:
        for block in table.blocks():
            for line, cells in _rows(block):
                if any(cell.strip() for cell in cells):
                    self._take(line, cells)
            if self.rows > MOST_ROWS:
                raise TooManyRows
            self.pulse.rows_read, self.pulse.bytes_read = self.rows, block.end
            self.issues.flush()
            self.pulse.tick()

    def close(self) -> None:
        self.records.clear()

    def _take(self, line: int, cells: list[str]) -> None:
        if is_furniture([*cells, *[""] * (self.header.width - len(cells))]):
            note_passed(self.passed_over, line, cells)
            return
        self.rows += 1
        if len(cells) != self.header.width:
            told = f"The row has {len(cells)} cells, the header names {self.header.width} columns."
            self.issues.refuse_row([Issue(line, "", shown(",".join(cells)), "column_count", told)])
            return
        named = {name: cells[place] for name, place in self.header.columns.items()}
        record = BookingRecord.parse(named, line=line)
        if isinstance(record, list):
            self.issues.refuse_row(record)
        else:
            self.records.append(record)


def _rows(block: Block) -> list[tuple[int, list[str]]]:
    texts = block.plain.decode("utf-8", "surrogateescape").removesuffix("\n").split("\n")
    lines = block.lines or range(block.first_line, block.first_line + len(texts))
    plain = [(line, text.rstrip("\r").split(",")) for line, text in zip(lines, texts, strict=False) if text.strip()]
    return sorted([*plain, *block.others], key=lambda row: row[0])


def write_bookings(run: Import, reading: BookingsReading, *, at: datetime) -> tuple[int, dict]:
    """Book the rows one after the other, inside the caller's transaction. A row that is refused becomes an issue, one
    that a person must decide waits.

    Returns how many lines were made or changed, and what to tell.
    """
    reading.waiting.clear()
    book = LineBook(run, Actor(kind="import", id=str(run.pk), label=run.file_name), at)
    known = Known.of(reading.records)
    for record in reading.records:
        try:
            book_record(record, known, book)
        except Waits as wait:
            reading.issues.refuse_row([Issue(record.line, wait.column, shown(wait.name), wait.code, wait.reason)])
            reading.waiting.append(wait.row(run, record.line, cells_of(record)))
        except DomainError as refusal:
            column = str(refusal.details.get("field", ""))
            reading.issues.refuse_row(
                [Issue(record.line, column, shown(str(getattr(record, column, ""))), refusal.code, refusal.message)]
            )
        reading.pulse.wrote(sum(book.outcomes.values()))
    return told_of(book, reading.waiting, reading.passed_over)


def told_of(book: LineBook, waiting: list[WaitingRow], passed_over: list[dict]) -> tuple[int, dict]:
    """Return how many lines were made or changed, and what to tell of them."""
    done = book.outcomes
    told: dict = {"new": done["created"], "changed": done["changed"], "unchanged": done["unchanged"]}
    told |= {"older": done["older"]} if done["older"] else {}
    told |= {"lines_waiting": len(waiting)} if waiting else {}
    told |= {"passed_over": passed_over} if passed_over else {}
    return done["created"] + done["changed"], told


def cells_of(record: BookingRecord) -> dict[str, str]:
    """A record as the cells of its row."""
    cells = {}
    for name in BOOKING_COLUMNS:
        value = getattr(record, name)
        cells[name] = "" if value is None else value.isoformat() if hasattr(value, "isoformat") else str(value)
    return cells


@dataclass(frozen=True)
class Known:
    """What the rows of a file name, asked for at once."""

    deals: dict
    units: dict
    episodes: dict

    @classmethod
    def of(cls, records: list[BookingRecord]) -> "Known":
        return cls(
            deals=Campaign.objects.select_related("sponsor").in_bulk({record.deal_id for record in records}),
            units=AdUnit.objects.select_related("podcast").in_bulk({record.ad_unit_id for record in records}),
            episodes=Episode.objects.in_bulk({record.episode_id for record in records if record.episode_id}),
        )


def book_record(record: BookingRecord, known: Known, book: LineBook) -> None:
    """Book a row of the contract's file. Raises Waits for what is not known here, DomainError for what cannot be."""
    campaign = known.deals.get(record.deal_id)
    if campaign is None:
        raise Waits("unknown_deal", str(record.deal_id), "No such deal here.", column="deal_id")
    ad_unit = known.units.get(record.ad_unit_id)
    if ad_unit is None:
        raise Waits("unknown_ad_unit", str(record.ad_unit_id), "No such ad unit here.", column="ad_unit_id")
    episode = known.episodes.get(record.episode_id)
    if record.episode_id and episode is None:
        name, show = str(record.episode_id), ad_unit.podcast.title
        raise Waits("unknown_episode", name, "No such episode here.", column="episode_id", show=show)
    start, end = bounds_of(record.flight_start, record.flight_end)
    book.put(
        Wish(
            line=record.line,
            campaign=campaign,
            ad_unit=ad_unit,
            episode=episode,
            flight_start=start,
            flight_end=end,
            booked_impressions=record.booked_impressions,
            booked_cpm_cents=record.booked_cpm_cents,
            promo_code=record.promo_code,
            vanity_url=record.vanity_url,
        )
    )
