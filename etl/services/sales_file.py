"""Reports of sales by promo code: rows become redemptions of a sponsor, kept so that they can be taken back."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any
from uuid import UUID

from bookings.delivery import redemptions
from bookings.delivery.redemptions import SPONSOR_REPORT, Figures, Recorded, folded, record_redemptions
from bookings.models import PromoCode
from deals.models import Sponsor
from etl.models import Import, ImportProfile, RedemptionStep, WaitingRow
from etl.profiles import normal_names
from etl.profiles.base import ColumnError
from etl.profiles.redemptions import MappedSales, OwnSales, Sale, SalesProfile
from etl.records import Issue, shown
from etl.services.bookings_file import MOST_ROWS
from etl.services.issues import IssueKeeper
from etl.services.leases import Pulse
from etl.services.questions import answers_of, question
from tracker.lib.actors import Actor
from tracker.lib.errors import DomainError

JUMPS = 10
UNKNOWN_CODE = "unknown_code"
# Figures by (code as it is compared, day), each with the line that told it.
Told = dict[tuple[str, date], tuple[Sale, Figures]]


def detected_sales(header: list[str], *, key: str = "") -> SalesProfile | None:
    """Return the profile of sales by code that a header fits, or the one of a key if the header fits it: the house's
    own first."""
    names = normal_names(header)
    own = ImportProfile.objects.filter(kind="sales").order_by("created_at")
    mapped = [MappedSales(f"own:{one.pk}", one.title, tuple(one.header), one.columns) for one in own]
    fitting: list[SalesProfile] = [one for one in mapped if set(one.header) <= set(names)]
    if set(OwnSales.header) <= set(names):
        fitting.append(OwnSales(names))
    return next((one for one in fitting if key in ("", one.key)), None)


class SalesReading:
    """One pass over a report of sales: rows in the order of the file, bad ones to the issue keeper."""

    def __init__(self, run: Import, profile: SalesProfile, *, latest: date, issues: IssueKeeper, pulse: Pulse) -> None:
        self.run, self.profile, self.latest, self.issues, self.pulse = run, profile, latest, issues, pulse
        self.rows = 0
        self.sales: list[tuple[Sale, dict[str, str]]] = []
        self.waiting: list[WaitingRow] = []
        self.passed_over: list[dict[str, Any]] = []

    def take(self, rows: Iterator[tuple[int, dict[str, str]]]) -> None:
        """Take rows given as cells by name. Raises Question for what the file does not say."""
        given = self.run.metadata.get("answers", {})
        self.answers = answers_of(self.profile, given, latest=self.latest, file_name=self.run.file_name)
        for line, cells in rows:
            self.rows += 1
            if self.rows > MOST_ROWS:
                raise DomainError("too_many_rows", f"A report of sales can have {MOST_ROWS:,} rows at most. Split it.")
            try:
                sale = self.profile.sale(cells, line=line, answers=self.answers)
            except ColumnError as error:
                if error.code == "order_unknown":
                    raise question(self.profile, ["day_first"], file_name=self.run.file_name) from None
                self.issues.refuse_row([error.issue(line)])
                continue
            if sale is not None:
                self.sales.append((sale, cells))
        self.pulse.rows_read = self.rows

    def close(self) -> None:
        self.sales.clear()


def write_sales(run: Import, reading: SalesReading, *, at: datetime) -> tuple[int, dict[str, Any]]:
    """Record the sales, inside the caller's transaction; a code that the sponsor has not here waits for a person.

    Returns how many rows count as imported, and what to tell.
    """
    reading.waiting.clear()
    sponsor = Sponsor.objects.get(pk=reading.answers.sponsor)
    known = {folded(code) for code in PromoCode.objects.filter(sponsor=sponsor).values_list("code", flat=True)}
    told: Told = {}
    for sale, cells in reading.sales:
        if folded(sale.code) in known:
            _tell(sale, told, reading.issues)
        else:
            _wait(run, sale, cells, sponsor, reading)
    recorded = record(run, told, sponsor, at=at)
    return len(recorded.steps), _told_of(reading, told, recorded, sponsor)


def record(run: Import, told: Told, sponsor: Sponsor, *, at: datetime) -> Recorded:
    """Record sales under an import, and how to go back."""
    recorded = record_redemptions(
        rows={key: figures for key, (_sale, figures) in told.items()},
        sponsor=sponsor,
        source=SPONSOR_REPORT,
        by=Actor(kind="import", id=str(run.pk), label=run.file_name),
        at=at,
    )
    RedemptionStep.objects.bulk_create(
        (
            RedemptionStep(
                import_run=run,
                sponsor=sponsor,
                promo_code=step.promo_code,
                day=step.day,
                before=redemptions.as_json(step.before),
                after=redemptions.as_json(step.after),
            )
            for step in recorded.steps
        ),
        batch_size=2_000,
    )
    return recorded


def _tell(sale: Sale, told: Told, issues: IssueKeeper) -> None:
    figures = Figures(sale.orders, sale.revenue_cents, sale.new_customers)
    _first, standing = told.setdefault((folded(sale.code), sale.day), (sale, figures))
    if standing != figures:
        issues.refuse_row([Issue(sale.line, "code", shown(sale.code), "stands_twice", str(redemptions.twice()))])


def _wait(run: Import, sale: Sale, cells: dict[str, str], sponsor: Sponsor, reading: SalesReading) -> None:
    reason = f"{sponsor} has no such code here. Say which show speaks it."
    reading.issues.refuse_row([Issue(sale.line, "code", shown(sale.code), UNKNOWN_CODE, reason[:300])])
    reading.waiting.append(
        WaitingRow(
            import_run=run,
            kind=WaitingRow.Kind.REDEMPTION,
            line=sale.line,
            code=UNKNOWN_CODE,
            name=sale.code,
            show=str(sponsor)[:300],
            cells={name: text.replace("\0", "") for name, text in cells.items()},
        )
    )


def _told_of(reading: SalesReading, told: Told, recorded: Recorded, sponsor: Sponsor) -> dict[str, Any]:
    new = sum(step.before is None for step in recorded.steps)
    before = {(step.promo_code, step.day): step.before for step in recorded.steps}
    after = {key: figures for key, (_sale, figures) in told.items()}
    stood = [before.get(key, figures) for key, figures in after.items()]
    facts: dict[str, Any] = {
        "profile": reading.profile.title,
        "profile_key": reading.profile.key,
        "sponsor": str(sponsor),
        "new": new,
        "changed": len(recorded.steps) - new,
        "unchanged": recorded.unchanged,
        "orders_before": sum(one.orders for one in stood if one),
        "orders_after": sum(one.orders for one in after.values()),
        "sales_before": _sum([one.revenue_cents for one in stood if one]),
        "sales_after": _sum([one.revenue_cents for one in after.values()]),
        "jumps": _jumps(told, recorded, sponsor),
    }
    if told:
        days = [day for _code, day in told]
        facts |= {"first_day": min(days).isoformat(), "last_day": max(days).isoformat()}
    facts |= {"lines_waiting": len(reading.waiting)} if reading.waiting else {}
    facts |= {"passed_over": reading.passed_over} if reading.passed_over else {}
    return facts


def _sum(values: list[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _jumps(told: Told, recorded: Recorded, sponsor: Sponsor) -> list[dict[str, Any]]:
    """The codes and days whose orders change most, of those that stood here before."""
    changed = [(step, step.before.orders) for step in recorded.steps if step.before is not None]
    changed.sort(key=lambda pair: (-abs(pair[0].after.orders - pair[1]), pair[0].day, pair[0].promo_code))
    return [
        {
            "day": step.day.isoformat(),
            "episode": told[step.promo_code, step.day][0].code,
            "podcast": str(sponsor),
            "before": before,
            "after": step.after.orders,
        }
        for step, before in changed[:JUMPS]
        if step.after.orders != before
    ]


# --- undoing ----------------------------------------------------------------------------------------------------------
def take_back_sales(run: Import, *, by: Any, at: datetime) -> tuple[int, int, list[dict[str, str]]]:
    """Undo what an import did to redemptions. Returns how many were taken out, how many set back, and what was kept
    because a later import or a person changed it: day, code, sponsor."""
    done = RedemptionStep.objects.filter(import_run=run, is_undone=False)
    steps = list(done.select_related("sponsor").order_by("pk"))
    if not steps:
        return 0, 0, []
    sponsor = steps[0].sponsor
    mine: dict[tuple[str, date], redemptions.Step] = {}
    for step in steps:
        key, after = (step.promo_code, step.day), _figures(step.after)
        first = mine[key].before if key in mine else _figures(step.before)
        mine[key] = redemptions.Step(step.promo_code, step.day, first, after or Figures(0))
    later = _later_steps(run, sponsor.pk, mine, since=steps[0].pk)
    for key, step in later.items():
        # Undoing that import afterwards goes back past this one.
        step.before = redemptions.as_json(mine[key].before)
        step.save(update_fields=["before"])
    free = [step for key, step in mine.items() if key not in later]
    changed = redemptions.take_back_redemptions(steps=free, sponsor=sponsor, source=SPONSOR_REPORT, by=by, at=at)
    RedemptionStep.objects.filter(pk__in=[step.pk for step in steps]).update(is_undone=True)
    kept = [*(mine[key] for key in later), *changed]
    back = [step for step in free if step not in changed]
    removed = sum(step.before is None for step in back)
    told = [
        {"day": step.day.isoformat(), "episode": step.promo_code, "source": str(sponsor)}
        for step in sorted(kept, key=lambda step: (step.day, step.promo_code))
    ]
    return removed, len(back) - removed, told


def _later_steps(
    run: Import, sponsor_id: UUID, mine: dict[tuple[str, date], redemptions.Step], *, since: int
) -> dict[tuple[str, date], RedemptionStep]:
    """The first step of a later import at each place."""
    found = RedemptionStep.objects.filter(
        sponsor=sponsor_id,
        promo_code__in={code for code, _day in mine},
        day__in={day for _code, day in mine},
        is_undone=False,
        pk__gt=since,
    ).exclude(import_run=run)
    first: dict[tuple[str, date], RedemptionStep] = {}
    for step in found.order_by("pk"):
        if (step.promo_code, step.day) in mine:
            first.setdefault((step.promo_code, step.day), step)
    return first


def _figures(kept: dict[str, int | None] | None) -> Figures | None:
    return None if kept is None else Figures(**kept)  # type: ignore[arg-type]
