"""An insertion order as a value: everything that is printed, frozen, and hashed. Pure; no database, no clock.

A version keeps this as JSON, so what was sent can be printed again byte for byte whatever the house changes later.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

MOST_LINES = 400
# C0 controls, and the controls that could turn a name's text around; a name is wrapped by its own element instead.
_UNWANTED = dict.fromkeys((*range(32), 127, *range(8234, 8239), *range(8294, 8298)))
_LONGEST = 2_000


def clean(text: str) -> str:
    """Return customers' text without controls, tabs and line ends as spaces, cut to what a page can hold."""
    flat = text.replace("\n", " ").replace("\t", " ").translate(_UNWANTED)
    # PostgreSQL keeps no lone surrogates; a value made elsewhere may hold one, and no font can draw it.
    return flat.encode("utf-8", "replace").decode("utf-8")[:_LONGEST].strip()


@dataclass(frozen=True)
class Party:
    """One side of an order, copied into it: never joined live."""

    name: str
    address: tuple[str, ...] = ()
    tax_number: str = ""
    contact: str = ""
    email: str = ""
    phone: str = ""


@dataclass(frozen=True)
class DocumentLine:
    """One booked line. Days are ISO dates in the order's zone, both inclusive; money is cents."""

    number: int
    io_id: str
    podcast: str
    language: str
    unit: str
    position: str
    duration_seconds: int
    read_type: str
    delivery: str
    # "dynamic" or "baked_in"; `delivery`, `read_type` and `position` are the words that are printed.
    delivery_kind: str
    episode: str
    first_day: str
    last_day: str
    impressions: int
    rate_type: str
    cpm_cents: int
    gross_cents: int
    promo_code: str = ""
    vanity_url: str = ""
    landing_url: str = ""
    valid_until: str = ""
    repairs: str = ""


@dataclass(frozen=True)
class Clause:
    """One numbered paragraph of the terms."""

    title: str
    text: str


@dataclass(frozen=True)
class Agreed:
    """What holds for every line: each value that varies stands here once, and the terms refer to it."""

    measurement_of_record: str
    guarantee_days: int
    tolerance_permille: int
    notice_days: int
    payment_days: int
    materials_days: int
    materials_due: str
    shortfall_notice_by: str
    separation: str
    category: str
    report_to: str
    order_contact: str
    governing_law: str = ""


@dataclass(frozen=True)
class OrderDocument:
    """An order as it is agreed: parties, lines, prices, values and terms. Equal documents have equal hashes."""

    number: str
    version: int
    campaign: str
    brand: str
    currency: str
    time_zone: str
    buyer_reference: str
    publisher: Party
    advertiser: Party
    agency: Party | None
    invoice_to: Party
    lines: tuple[DocumentLine, ...]
    commission_permille: int
    gross_cents: int
    commission_cents: int
    net_cents: int
    agreed: Agreed
    clauses: tuple[Clause, ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "OrderDocument":
        rest = {name: value for name, value in data.items() if name not in _NESTED}
        return cls(
            **rest,
            publisher=_party(data["publisher"]),
            advertiser=_party(data["advertiser"]),
            agency=_party(data["agency"]) if data["agency"] else None,
            invoice_to=_party(data["invoice_to"]),
            lines=tuple(DocumentLine(**line) for line in data["lines"]),
            agreed=Agreed(**data["agreed"]),
            clauses=tuple(Clause(**clause) for clause in data["clauses"]),
        )

    @property
    def digest(self) -> str:
        """SHA-256 over canonical JSON (sorted keys, no spaces, UTF-8), as 64 hexadecimal digits."""
        text = json.dumps(self.as_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Signature:
    """A signature given online. `at` is an ISO instant in UTC."""

    side: str
    name: str
    title: str
    at: str


@dataclass(frozen=True)
class Standing:
    """Where a document stands, and how the house looks: printed around it, no part of the hash."""

    state: str
    issued_on: str = ""
    sign_by: str = ""
    signed_on: str = ""
    replaces: int | None = None
    replaced_by: int | None = None
    changes: tuple[str, ...] = ()
    signatures: tuple[Signature, ...] = ()
    brand_colour: str = "#17473c"
    logo_png: bytes | None = field(default=None, repr=False)
    is_us_letter: bool = False
    language: str = "en"


_NESTED = frozenset({"publisher", "advertiser", "agency", "invoice_to", "lines", "agreed", "clauses"})


def _party(data: Mapping[str, Any]) -> Party:
    return Party(**{**data, "address": tuple(data["address"])})
