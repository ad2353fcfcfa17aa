"""The contract's bookings file: each row books a line, or changes the one it names."""

from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from bookings.models import AdUnit
from bookings.services import upsert_booking
from deals.models import Campaign
from etl.models import Import
from etl.readers import Block, TableFile
from etl.records import BookingRecord, Header, Issue, shown
from etl.services.issues import IssueKeeper
from etl.services.leases import Pulse
from metrics.models import Episode
from tracker.lib.actors import Actor
from tracker.lib.dates import flight_bounds
from tracker.lib.errors import DomainError
from tracker.tenants.context import tenant_zone

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
    """Book the rows one after the other, inside the caller's transaction. A row that is refused becomes an issue.

    Returns how many lines were made or changed, and what to tell.
    """
    by = Actor(kind="import", id=str(run.pk), label=run.file_name)
    outcomes = {"created": 0, "changed": 0, "unchanged": 0}
    known = _Known.of(reading.records)
    for record in reading.records:
        try:
            outcomes[_book(record, known, by, at)] += 1
        except DomainError as refusal:
            column = str(refusal.details.get("field", ""))
            reading.issues.refuse_row(
                [Issue(record.line, column, shown(str(getattr(record, column, ""))), refusal.code, refusal.message)]
            )
        reading.pulse.wrote(sum(outcomes.values()))
    told = {"new": outcomes["created"], "changed": outcomes["changed"], "unchanged": outcomes["unchanged"]}
    return outcomes["created"] + outcomes["changed"], told


@dataclass(frozen=True)
class _Known:
    """What the rows of a file name, asked for at once."""

    deals: dict
    units: dict
    episodes: dict

    @classmethod
    def of(cls, records: list[BookingRecord]) -> "_Known":
        return cls(
            deals=Campaign.objects.select_related("sponsor").in_bulk({record.deal_id for record in records}),
            units=AdUnit.objects.select_related("podcast").in_bulk({record.ad_unit_id for record in records}),
            episodes=Episode.objects.in_bulk({record.episode_id for record in records if record.episode_id}),
        )


def _book(record: BookingRecord, known: _Known, by: Actor, at: datetime) -> str:
    campaign = known.deals.get(record.deal_id)
    if campaign is None:
        raise DomainError("unknown_deal", "No such deal here.", field="deal_id")
    ad_unit = known.units.get(record.ad_unit_id)
    if ad_unit is None:
        raise DomainError("unknown_ad_unit", "No such ad unit here.", field="ad_unit_id")
    episode = known.episodes.get(record.episode_id)
    if record.episode_id and episode is None:
        raise DomainError("unknown_episode", "No such episode here.", field="episode_id")
    start, end = _flight(record)
    if end <= start:
        raise DomainError("flight_not_in_order", "The flight ends before it starts.", field="flight_end")
    with transaction.atomic():
        return upsert_booking(
            campaign=campaign,
            ad_unit=ad_unit,
            episode=episode,
            flight_start=start,
            flight_end=end,
            booked_impressions=record.booked_impressions,
            booked_cpm_cents=record.booked_cpm_cents,
            promo_code=record.promo_code,
            vanity_url=record.vanity_url,
            by=by,
            at=at,
        ).outcome


def _flight(record: BookingRecord) -> tuple[datetime, datetime]:
    """A bare date is the whole day in the order's zone; an instant stands as it is. Source: CONTRACT, files."""
    zone = tenant_zone()
    start, end = record.flight_start, record.flight_end
    first = start if isinstance(start, datetime) else flight_bounds(start, start, zone)[0]
    last = end if isinstance(end, datetime) else flight_bounds(end, end, zone)[1]
    return first, last
