"""Redemptions: a sponsor's report of sales that named a code, read row by row."""

import csv
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction
from django.utils.translation import gettext as _

from bookings.models import Redemption
from deals.models import Sponsor
from tracker.events.services import emit
from tracker.lib.actors import SYSTEM, Actor, HasActor
from tracker.lib.errors import DomainError

COLUMNS = ("promo_code", "day", "orders", "revenue_cents")


@dataclass(frozen=True)
class RedemptionsRead:
    """What became of a file of redemptions; issues are (line, column, reason)."""

    taken: int
    issues: tuple[tuple[int, str, str], ...]


@transaction.atomic
def import_redemptions(
    *, lines: Iterable[str], sponsor: Sponsor, source: str, at: datetime, by: HasActor | Actor = SYSTEM
) -> RedemptionsRead:
    """Take a sponsor's report of sales by code and day: promo_code,day,orders[,revenue_cents].

    A row of the same code, day and source replaces the one before, so the same file twice changes nothing. Rows that
    cannot be read are named and left out. Emits redemptions.imported when it took any. Raises
    DomainError("unreadable_file") for a file without the columns.
    """
    rows = csv.DictReader(lines)
    names = {(name or "").strip().lower() for name in rows.fieldnames or ()}
    missing = [column for column in COLUMNS[:3] if column not in names]
    if missing:
        message = _("The first line lacks %(missing)s. Expected: %(all)s.")
        raise DomainError("unreadable_file", message % {"missing": ", ".join(missing), "all": ",".join(COLUMNS)})
    issues: list[tuple[int, str, str]] = []
    taken: dict[tuple[str, date], Redemption] = {}
    for row in rows:
        cells = {(name or "").strip().lower(): (cell or "").strip() for name, cell in row.items() if name}
        try:
            redemption = _redemption(cells, sponsor, source, at)
        except DomainError as problem:
            issues.append((rows.line_num, problem.details["column"], problem.message))
            continue
        taken[redemption.promo_code, redemption.day] = redemption
    Redemption.objects.bulk_create(
        taken.values(),
        update_conflicts=True,
        unique_fields=["sponsor", "promo_code", "day", "source"],
        update_fields=["orders", "revenue_cents", "recorded_at"],
    )
    if taken:
        data = {"sponsor_id": str(sponsor.pk), "source": source, "rows": len(taken)}
        emit("redemptions.imported", subject=sponsor, by=by, at=at, data=data)
    return RedemptionsRead(len(taken), tuple(issues))


def folded(code: str) -> str:
    """Return a promo code as it is compared."""
    return unicodedata.normalize("NFKC", code).strip().casefold()[:40]


def _redemption(cells: dict[str, str], sponsor: Sponsor, source: str, at: datetime) -> Redemption:
    code = folded(cells["promo_code"])
    if not code:
        raise DomainError("bad_cell", _("A code is missing."), column="promo_code")
    try:
        day = date.fromisoformat(cells["day"])
    except ValueError:
        message = _("“%(cell)s” is not a day; write it as 2026-11-20.") % {"cell": cells["day"][:40]}
        raise DomainError("bad_cell", message, column="day") from None
    revenue = cells.get("revenue_cents", "")
    return Redemption(
        sponsor=sponsor,
        promo_code=code,
        day=day,
        orders=_whole(cells["orders"], "orders"),
        revenue_cents=_whole(revenue, "revenue_cents") if revenue else None,
        source=source,
        recorded_at=at,
    )


def _whole(cell: str, column: str) -> int:
    if not cell.isascii() or not cell.isdigit() or len(cell) > 15:
        message = _("“%(cell)s” is not a whole number of at least 0.") % {"cell": cell[:40]}
        raise DomainError("bad_cell", message, column=column)
    return int(cell)
