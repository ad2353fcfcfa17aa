"""The demo's sales desk: sponsors, deals on their way, and what the won ones booked."""

import csv
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from bookings.models import AdUnit, IOBooking
from bookings.pricing import price_by_cpm
from bookings.services import move_booking, number_order, schedule_booking
from deals.models import Agency, Campaign, Goal, Sponsor
from deals.names import name_key
from deals.queries import quarter_start
from deals.services import add_agency, add_contact, add_sponsor, move_deal, note_on_deal, open_deal
from metrics.models import Podcast
from tracker.accounts.models import User
from tracker.dashboards.proposals.forms import STANDS_DAYS
from tracker.dashboards.proposals.gather import WantedLine
from tracker.dashboards.proposals.plan import offers_for
from tracker.dashboards.proposals.services import make_proposal
from tracker.demo.audience import FIRST_30_DAYS, age_weight, downloads_within_guarantee
from tracker.demo.house import DATA, weekly_averages
from tracker.demo.ids import demo_id
from tracker.demo.plan import AGENCIES, BLOCKED, CREDIT, DEALS, GOALS, LINES, SPONSORS, PlannedDeal, PlannedLine
from tracker.lib import pango
from tracker.lib.actors import SYSTEM
from tracker.lib.dates import day_start

# What an episode brings in half a year, over what it brings in 30 days: dynamic lines run in old episodes as well.
LONG_TAIL = sum(age_weight(age) for age in range(182)) / FIRST_30_DAYS
# A flight that closed short is known once its last episode's guarantee window is over.
CLOSED_AFTER = timedelta(days=31)

BUYERS = (
    *("Anna Feld", "Jonas Reuter", "Priya Nair", "Sofia Lang", "Marc Duval", "Elif Kaya", "Henrik Olsen"),
    *("Clara Wirth", "Paul Adler", "Nina Roth", "Luca Conti", "Mette Holm", "Ida Strand", "Felix Braun"),
)


def make_sponsors(*, at: datetime) -> dict[str, Sponsor]:
    """Add the agencies and the sponsors, each with a person to talk to."""
    agencies: dict[str, Agency] = {}
    for name, permille in AGENCIES:
        agencies[name] = add_agency(
            agency_id=demo_id("agency", name),
            name=name,
            commission_permille=permille,
            billing_email=f"invoices@{name_key(name)}.example",
            billing_address=f"{name}\nExample Street {permille}\n10115 Berlin",
            by=SYSTEM,
            at=at,
        )
    with (DATA / "sponsors.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    sponsors = {}
    for place, row in enumerate(rows):
        category, agency, targets = SPONSORS[row["name"]]
        sponsor = add_sponsor(
            sponsor_id=demo_id("sponsor", row["name"]),
            name=row["name"],
            aliases=[alias for alias in row["aliases"].split("|") if alias],
            tags=row["tags"].split("|"),
            brands=[row["name"]],
            category=category,
            blocked_categories=BLOCKED.get(row["name"], []),
            targets=targets,
            billing_name=row["name"],
            billing_address=f"Example Street {place + 1}\n10115 Berlin",
            billing_email=f"invoices@{name_key(row['name'])}.example",
            credit_status=CREDIT.get(row["name"], "open"),
            agency=agencies.get(agency),
            by=SYSTEM,
            at=at,
        )
        buyer = BUYERS[place % len(BUYERS)]
        mail = f"{buyer.split()[0].lower()}@{sponsor.name_key}.example"
        add_contact(name=buyer, title="Partnerships", email=mail, sponsor=sponsor)
        sponsors[row["name"]] = sponsor
    return sponsors


def make_deals(
    *, sponsors: dict[str, Sponsor], shows: dict[str, Podcast], people: dict[str, User], zone: ZoneInfo, at: datetime
) -> dict[str, Campaign]:
    """Open every planned deal and walk it along its way, each step on its own day."""
    today = at.astimezone(zone).date()
    worth = {deal.slug: _worth(deal) for deal in DEALS}
    deals = {}
    for plan in DEALS:
        owner = people[plan.owner]
        moments = [(stage, _moment(today, days, zone)) for stage, days in plan.path]
        deal = open_deal(
            campaign_id=demo_id("deal", plan.slug),
            name=plan.name,
            sponsor=sponsors[plan.sponsor],
            currency=plan.currency,
            owner=owner,
            source=plan.source,
            campaign_value=worth[plan.slug],
            wanted_podcasts=[shows[slug] for slug in plan.shows],
            wanted_impressions=plan.impressions,
            next_step=plan.next_step,
            next_step_on=_ahead(today, plan.next_in),
            expected_close_on=_ahead(today, plan.close_in),
            flight_first_day=_ahead(today, plan.flight[0]) if plan.flight else None,
            flight_last_day=_ahead(today, plan.flight[1]) if plan.flight else None,
            by=owner,
            at=moments[0][1],
        )
        for stage, moment in moments[1:]:
            reason = plan.reason if stage == Campaign.Stage.LOST else ""
            deal = move_deal(campaign=deal, to=stage, by=owner, at=moment, reason=reason, lost_to=plan.lost_to)
        for kind, text, days in plan.notes:
            note_on_deal(campaign=deal, kind=kind, text=text, by=owner, at=_moment(today, days, zone))
        deals[plan.slug] = deal
    return deals


def make_proposal_of(deal: Campaign, *, goal: str, at: datetime) -> None:
    """Print the first plan of a deal from what is free, where this machine can print."""
    if not pango.is_installed():
        return
    offers = offers_for(deal, list(deal.wanted_podcasts.order_by("title")), at=at)
    lines = [
        WantedLine(offer.unit, offer.first_day, offer.last_day, offer.impressions, offer.cpm_cents)
        for offer in offers
        if offer.is_chosen and offer.impressions and offer.cpm_cents is not None
    ]
    make_proposal(
        campaign=deal,
        lines=lines,
        promise=deal.name,
        lead=goal,
        stands_until=at.date() + timedelta(days=STANDS_DAYS),
        by=deal.owner or SYSTEM,
        at=at,
    )


def make_goals(*, people: dict[str, User], today: date, currency: str) -> None:
    start = quarter_start(today)
    for slug, euros in GOALS.items():
        Goal.objects.create(
            user=people[slug],
            year=start.year,
            quarter=(start.month + 2) // 3,
            currency=currency,
            amount_cents=euros * 100,
        )


def make_bookings(
    *, deals: dict[str, Campaign], people: dict[str, User], zone: ZoneInfo, at: datetime
) -> dict[str, IOBooking]:
    """Book the planned lines when their deals were won, and walk each to where its flight stands now."""
    owners = {deal.slug: people[deal.owner] for deal in DEALS}
    lines = {}
    for plan in LINES:
        deal, by = deals[plan.deal], owners[plan.deal]
        first, last = flight_of(plan, today=at.astimezone(zone).date())
        start, end = day_start(first, zone), day_start(last + timedelta(days=1), zone)
        won_at = deal.closed_at or at
        booked_at = at - timedelta(days=1) if plan.ends == "held" else won_at + timedelta(hours=2)
        booking = schedule_booking(
            io_id=demo_id("booking", plan.name),
            campaign=deal,
            ad_unit=AdUnit.objects.select_related("podcast").get(pk=demo_id("ad-unit", f"{plan.show}/{plan.unit}")),
            flight_start=start,
            flight_end=end,
            booked_impressions=goal_of(plan),
            booked_cpm_cents=plan.cpm_cents,
            promo_code=plan.code,
            landing_url=f"https://{deal.sponsor.name_key}.example/podcast",
            status=plan.ends if plan.ends in ("held", "draft") else IOBooking.Status.SCHEDULED,
            held_until=at + timedelta(days=2) if plan.ends == "held" else None,
            by=by,
            at=booked_at,
        )
        if start <= at and plan.ends not in ("held", "draft"):
            booking = move_booking(booking=booking, to=IOBooking.Status.ACTIVE, by=SYSTEM, at=start)
        if plan.ends in ("completed", "makegood"):
            booking = move_booking(booking=booking, to=plan.ends, by=SYSTEM, at=end + CLOSED_AFTER)
        lines[plan.name] = booking
    for deal in {booking.campaign_id: booking.campaign for booking in lines.values()}.values():
        order = deal.orders.get()
        if order.lines.exclude(status__in=[IOBooking.Status.DRAFT, IOBooking.Status.HELD]).exists():
            number_order(order=order, by=deal.owner or SYSTEM, at=(deal.closed_at or at) + timedelta(hours=3))
    return lines


def flight_of(plan: PlannedLine, *, today: date) -> tuple[date, date]:
    """Return the first and last day of a planned line: whole weeks from Monday to Sunday."""
    monday = today - timedelta(days=today.weekday()) + timedelta(weeks=plan.first_week)
    return monday, monday + timedelta(weeks=plan.weeks, days=-1)


def goal_of(plan: PlannedLine) -> int:
    """Return the impressions to promise, in hundreds, so that the simulated audience delivers `pace` of them."""
    weekly = downloads_within_guarantee(weekly_averages()[plan.show])
    if plan.unit == "Run of show":
        weekly = round(weekly * LONG_TAIL)
    return max(100, round(weekly * plan.weeks / plan.pace / 100) * 100)


def _worth(deal: PlannedDeal) -> int:
    """Return the value of a deal in cents: that of its lines where it has some."""
    lines = [line for line in LINES if line.deal == deal.slug]
    booked = sum(price_by_cpm(cpm_cents=line.cpm_cents, impressions=goal_of(line)) for line in lines)
    return booked or int(Decimal(deal.euros) * 100)


def _moment(today: date, days_ago: int, zone: ZoneInfo) -> datetime:
    """Return mid-morning of a day so many days ago; one day ago is the shortest."""
    return datetime.combine(today - timedelta(days=max(1, days_ago)), time(10, 30), tzinfo=zone)


def _ahead(today: date, days: int | None) -> date | None:
    return None if days is None else today + timedelta(days=days)
