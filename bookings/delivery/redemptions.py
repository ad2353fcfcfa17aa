"""Redemptions: a sponsor's report of sales that named a code, by code and day; recorded, and taken back."""

import csv
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from bookings.models import Redemption
from deals.models import Sponsor
from tracker.events.services import emit
from tracker.lib.actors import SYSTEM, Actor, HasActor
from tracker.lib.errors import DomainError

COLUMNS = ("promo_code", "day", "orders", "revenue_cents", "new_customers")
# The name under which a sponsor's own reports stand, by whatever way they came.
SPONSOR_REPORT = "sponsor report"


@dataclass(frozen=True)
class Figures:
    """What was reported of one code on one day. None is unknown; money is cents of the house's currency."""

    orders: int
    revenue_cents: int | None = None
    new_customers: int | None = None


# Figures by (code as it is compared, day).
ByCode = Mapping[tuple[str, date], Figures]


@dataclass(frozen=True)
class Step:
    """What became of one code and day: what stood there before (None: nothing) and what stands there now."""

    promo_code: str
    day: date
    before: Figures | None
    after: Figures


@dataclass(frozen=True)
class Recorded:
    """What a report changed, and what it did not."""

    steps: tuple[Step, ...]
    unchanged: int


@transaction.atomic
def record_redemptions(
    *, rows: ByCode, sponsor: Sponsor, source: str, at: datetime, by: HasActor | Actor = SYSTEM
) -> Recorded:
    """Keep what a sponsor reported; a row of the same code, day and source replaces the one before.

    The same report again changes nothing. Codes are given as `folded` returns them. Emits redemptions.imported when it
    changed anything.
    """
    # One report of a sponsor after the other, so that each knows what it replaces.
    Sponsor.objects.select_for_update(no_key=True).get(pk=sponsor.pk)
    known = _standing(sponsor, source, rows)
    steps = tuple(
        Step(code, day, known.get((code, day)), figures)
        for (code, day), figures in rows.items()
        if known.get((code, day)) != figures
    )
    _put(_row(sponsor, source, step.promo_code, step.day, step.after, at) for step in steps)
    if steps:
        data = {"sponsor_id": str(sponsor.pk), "source": source, "rows": len(steps)}
        emit("redemptions.imported", subject=sponsor, by=by, at=at, data=data)
    return Recorded(steps, len(rows) - len(steps))


@transaction.atomic
def take_back_redemptions(
    *, steps: Sequence[Step], sponsor: Sponsor, source: str, at: datetime, by: HasActor | Actor = SYSTEM
) -> list[Step]:
    """Put back what stood before these steps; what somebody changed since stays and is returned.

    At most one step for a code and day. Emits redemptions.taken_back when it changed anything.
    """
    Sponsor.objects.select_for_update(no_key=True).get(pk=sponsor.pk)
    known = _standing(sponsor, source, {(step.promo_code, step.day): step.after for step in steps})
    kept = [step for step in steps if known.get((step.promo_code, step.day)) != step.after]
    mine = [step for step in steps if known.get((step.promo_code, step.day)) == step.after]
    gone = [step for step in mine if step.before is None]
    of_sponsor = Redemption.objects.filter(sponsor=sponsor, source=source)
    for code in {step.promo_code for step in gone}:
        of_sponsor.filter(promo_code=code, day__in=[step.day for step in gone if step.promo_code == code]).delete()
    _put(_row(sponsor, source, step.promo_code, step.day, step.before, at) for step in mine if step.before is not None)
    if mine:
        data = {"sponsor_id": str(sponsor.pk), "source": source, "rows": len(mine)}
        emit("redemptions.taken_back", subject=sponsor, by=by, at=at, data=data)
    return kept


def _put(rows: Iterable[Redemption]) -> None:
    """Write rows; one of the same sponsor, code, day and source is replaced."""
    Redemption.objects.bulk_create(
        rows,
        batch_size=2_000,
        update_conflicts=True,
        unique_fields=["sponsor", "promo_code", "day", "source"],
        update_fields=["orders", "revenue_cents", "new_customers", "recorded_at"],
    )


@dataclass(frozen=True)
class RedemptionsRead:
    """What became of a file of redemptions; issues are (line, column, reason)."""

    taken: int
    issues: tuple[tuple[int, str, str], ...]


def import_redemptions(
    *, lines: Iterable[str], sponsor: Sponsor, at: datetime, by: HasActor | Actor = SYSTEM
) -> RedemptionsRead:
    """Take a sponsor's report as CSV: promo_code,day,orders[,revenue_cents][,new_customers].

    Rows that cannot be read are named and left out. Raises DomainError("unreadable_file") for a file without the
    columns.
    """
    rows = csv.DictReader(lines)
    names = {(name or "").strip().lower() for name in rows.fieldnames or ()}
    missing = [column for column in COLUMNS[:3] if column not in names]
    if missing:
        message = _("The first line lacks %(missing)s. Expected: %(all)s.")
        raise DomainError("unreadable_file", message % {"missing": ", ".join(missing), "all": ",".join(COLUMNS)})
    issues: list[tuple[int, str, str]] = []
    taken: dict[tuple[str, date], Figures] = {}
    for row in rows:
        cells = {(name or "").strip().lower(): (cell or "").strip() for name, cell in row.items() if name}
        try:
            key, figures = _read(cells)
            if taken.setdefault(key, figures) != figures:
                raise DomainError("stands_twice", twice(), column="promo_code")
        except DomainError as problem:
            issues.append((rows.line_num, problem.details["column"], problem.message))
    record_redemptions(rows=taken, sponsor=sponsor, source=SPONSOR_REPORT, by=by, at=at)
    return RedemptionsRead(len(taken), tuple(issues))


def folded(code: str) -> str:
    """Return a promo code as it is compared."""
    return unicodedata.normalize("NFKC", code).strip().casefold()[:40]


def twice() -> str:
    """Why a second row of a code and day is refused: adding up and replacing would both be a guess."""
    return _("This code and day stand in the file twice, with other figures. Add them up first.")


def as_json(figures: Figures | None) -> dict[str, int | None] | None:
    return None if figures is None else asdict(figures)


def _standing(sponsor: Sponsor, source: str, rows: ByCode) -> dict[tuple[str, date], Figures]:
    if not rows:
        return {}
    days = [day for _code, day in rows]
    found = Redemption.objects.filter(
        sponsor=sponsor,
        source=source,
        promo_code__in={code for code, _day in rows},
        day__range=(min(days), max(days)),
    )
    return {
        (one.promo_code, one.day): Figures(one.orders, one.revenue_cents, one.new_customers)
        for one in found.only("promo_code", "day", "orders", "revenue_cents", "new_customers")
    }


def _row(sponsor: Sponsor, source: str, code: str, day: date, figures: Figures, at: datetime) -> Redemption:
    values: dict[str, Any] = asdict(figures)
    return Redemption(sponsor=sponsor, source=source, promo_code=code, day=day, recorded_at=at, **values)


def _read(cells: dict[str, str]) -> tuple[tuple[str, date], Figures]:
    code = folded(cells["promo_code"])
    if not code:
        raise DomainError("bad_cell", _("A code is missing."), column="promo_code")
    try:
        day = date.fromisoformat(cells["day"])
    except ValueError:
        message = _("“%(cell)s” is not a day; write it as 2026-11-20.") % {"cell": cells["day"][:40]}
        raise DomainError("bad_cell", message, column="day") from None
    more = {name: _whole(cells[name], name) if cells.get(name) else None for name in COLUMNS[3:]}
    return (code, day), Figures(_whole(cells["orders"], "orders"), **more)


def _whole(cell: str, column: str) -> int:
    if not cell.isascii() or not cell.isdigit() or len(cell) > 15:
        message = _("“%(cell)s” is not a whole number of at least 0.") % {"cell": cell[:40]}
        raise DomainError("bad_cell", message, column=column)
    return int(cell)
