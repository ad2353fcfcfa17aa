"""A proposal as a value: everything that is printed, and hashed. Pure; no database, no clock. Money is in cents."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from bookings.pricing import OrderTotals, order_totals
from tracker.lib.money import round_half_up


@dataclass(frozen=True)
class PlanLine:
    """One line of the plan. Days are ISO dates, both inclusive; gross_cents was rounded once, half up.

    weekly_downloads: mean of four weeks by `source`, up to `counted_until`; None where nobody counted. score: 0 to 100
    with two decimals as text, "" where nothing is scored; missing_signals: what the score had no data for.
    """

    podcast: str
    language: str
    host: str
    subject: str
    unit: str
    position: str
    duration_seconds: int
    read_type: str
    delivery: str
    is_host_read: bool
    # Planned episodes in the flight, for baked-in reads; None for dynamic ads.
    episodes: int | None
    first_day: str
    last_day: str
    impressions: int
    cpm_cents: int
    gross_cents: int
    weekly_downloads: int | None = None
    source: str = ""
    counted_until: str = ""
    audience: str = ""
    score: str = ""
    rationale: str = ""
    missing_signals: tuple[str, ...] = ()


@dataclass(frozen=True)
class Person:
    name: str
    about: str = ""
    email: str = ""


@dataclass(frozen=True)
class Promises:
    """What the house agrees to unless an order says otherwise: the terms in brief."""

    measurement_of_record: str
    guarantee_days: int
    notice_days: int
    payment_days: int
    materials_days: int
    materials_due: str
    separation: str
    category: str


@dataclass(frozen=True)
class ProposalDocument:
    """A media plan for one buyer. Equal documents have equal hashes, whoever prints them and when."""

    number: str
    version: int
    promise: str
    lead: str
    publisher: str
    buyer: str
    client: str
    campaign: str
    currency: str
    time_zone: str
    issued_on: str
    stands_until: str
    commission_permille: int
    prepared_for: Person
    prepared_by: Person
    lines: tuple[PlanLine, ...]
    promises: Promises
    # How the shows were chosen: of so many represented, so many were scored for this client.
    shows_represented: int = 0
    shows_scored: int = 0
    language: str = "en"

    @property
    def totals(self) -> OrderTotals:
        return order_totals((line.gross_cents for line in self.lines), commission_permille=self.commission_permille)

    @property
    def impressions(self) -> int:
        return sum(line.impressions for line in self.lines)

    @property
    def average_cpm_cents(self) -> int:
        """Return gross / impressions x 1,000, rounded half up: never the mean of CPMs."""
        return round_half_up(Decimal(self.totals.gross_cents) * 1000 / self.impressions) if self.impressions else 0

    @property
    def first_day(self) -> str:
        return min(line.first_day for line in self.lines)

    @property
    def last_day(self) -> str:
        return max(line.last_day for line in self.lines)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def digest(self) -> str:
        """SHA-256 over canonical JSON (sorted keys, no spaces, UTF-8), as 64 hexadecimal digits."""
        text = json.dumps(self.as_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


def shares_of(cents: Sequence[int]) -> list[Decimal]:
    """Return each amount's share of the whole in percent, to 0.1; what rounding left over goes to the largest.

    [1113000, 522000] -> [68.1, 31.9]. A whole of nothing gives zeros.
    """
    whole = sum(cents)
    if whole == 0:
        return [Decimal("0.0") for _amount in cents]
    tenths = [round_half_up(Decimal(amount) * 1000 / whole) for amount in cents]
    tenths[max(range(len(cents)), key=lambda place: cents[place])] += 1000 - sum(tenths)
    return [Decimal(tenth) / 10 for tenth in tenths]
