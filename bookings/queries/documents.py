"""Gathers an order from the database into the value that is printed."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from bookings.document import Agreed, DocumentLine, OrderDocument, Party, Standing, clean
from bookings.models import AdUnit, InsertionOrder, IOBooking, OrderProfile
from bookings.pricing import order_totals
from bookings.queries.house import order_profile
from bookings.terms import clauses_for
from deals.models import Agency, Campaign, Contact, Sponsor
from tracker.lib.dates import last_day_of, local_day
from tracker.tenants.context import current_tenant

Status = IOBooking.Status
# A shortfall is told this many days before measuring closes. Source: T&C.
SHORTFALL_NOTICE_DAYS = 14


def lines_of_order(order: InsertionOrder) -> QuerySet[IOBooking]:
    """Return the lines that an order prints, by number: all that stand, or all of them when none stands any more."""
    lines = order.lines.select_related("ad_unit__podcast", "episode", "makegood_of__order").order_by("line_number")
    standing = lines.exclude(status__in=[Status.CANCELLED, Status.EXPIRED])
    return standing if standing.exists() else lines


def document_of(order: InsertionOrder) -> OrderDocument:
    """Return an order as it stands now, as a value: parties copied, prices as they were rounded, the house's terms."""
    profile = order_profile()
    campaign = Campaign.objects.select_related("sponsor__agency", "agency").get(pk=order.campaign_id)
    sponsor, agency = campaign.sponsor, campaign.agency or campaign.sponsor.agency
    bookings = list(lines_of_order(order))
    zone = ZoneInfo(order.time_zone)
    totals = order_totals((line.gross_cents for line in bookings), commission_permille=order.commission_permille)
    advertiser, bought_by = _sponsor_party(sponsor), _agency_party(agency) if agency else None
    agreed = _agreed(order, profile, bookings, zone, sponsor, bought_by or advertiser)
    return OrderDocument(
        number=order.number or "",
        version=order.version,
        campaign=clean(campaign.name),
        brand=_brand_line(sponsor),
        currency=order.currency,
        time_zone=order.time_zone,
        buyer_reference=clean(order.buyer_reference),
        publisher=_publisher(profile),
        advertiser=advertiser,
        agency=bought_by,
        invoice_to=_invoice_party(sponsor, agency),
        lines=tuple(_line(line, zone, profile) for line in bookings),
        commission_permille=order.commission_permille,
        gross_cents=totals.gross_cents,
        commission_cents=totals.commission_cents,
        net_cents=totals.net_cents,
        agreed=agreed,
        clauses=clauses_for(agreed, has_agency=agency is not None, own=profile.own_terms),
    )


def standing_of(order: InsertionOrder) -> Standing:
    """Return where an order stands, and how its house looks."""
    profile = order_profile()
    zone = ZoneInfo(order.time_zone)
    sent_on = local_day(order.sent_at, zone) if order.sent_at else None
    return Standing(
        state=str(order.status),
        issued_on=sent_on.isoformat() if sent_on else "",
        sign_by=(sent_on + timedelta(days=profile.signing_days)).isoformat() if sent_on else "",
        signed_on=local_day(order.signed_at, zone).isoformat() if order.signed_at else "",
        replaces=order.version - 1 if order.version > 1 else None,
        brand_colour=profile.brand_colour,
        logo_png=bytes(profile.logo_png) if profile.logo_png else None,
        is_us_letter=profile.is_us_letter,
    )


def buyers_of(order: InsertionOrder) -> list[str]:
    """Return the mail addresses of those who would sign an order: the agency's people, else the sponsor's own."""
    campaign = Campaign.objects.select_related("sponsor").get(pk=order.campaign_id)
    agency_id = campaign.agency_id or campaign.sponsor.agency_id
    people = (
        Contact.objects.filter(agency_id=agency_id) if agency_id else Contact.objects.filter(sponsor=campaign.sponsor)
    )
    return list(people.exclude(email="").order_by("name", "contact_id").values_list("email", flat=True)[:3])


def _publisher(profile: OrderProfile) -> Party:
    return Party(
        name=clean(profile.legal_name or current_tenant().name),
        address=_rows(profile.address),
        tax_number=clean(profile.tax_number),
        contact=clean(profile.contact_name),
        email=profile.order_email,
        phone=clean(profile.phone),
    )


def _sponsor_party(sponsor: Sponsor) -> Party:
    person = Contact.objects.filter(sponsor=sponsor).order_by("name", "contact_id").first()
    return Party(
        name=clean(sponsor.name),
        address=_rows(sponsor.billing_address),
        tax_number=clean(sponsor.tax_number),
        contact=_person(person),
        email=person.email if person else "",
    )


def _agency_party(agency: Agency) -> Party:
    person = Contact.objects.filter(agency=agency).order_by("name", "contact_id").first()
    return Party(
        name=clean(agency.name),
        address=_rows(agency.billing_address),
        tax_number=clean(agency.tax_number),
        contact=_person(person),
        email=person.email if person else "",
    )


def _invoice_party(sponsor: Sponsor, agency: Agency | None) -> Party:
    if agency is not None:
        return Party(name=clean(agency.name), address=_rows(agency.billing_address), email=agency.billing_email)
    return Party(
        name=clean(sponsor.billing_name or sponsor.name),
        address=_rows(sponsor.billing_address),
        email=sponsor.billing_email,
    )


def _person(person: Contact | None) -> str:
    return clean(", ".join(part for part in (person.name, person.title) if part)) if person else ""


def _rows(address: str) -> tuple[str, ...]:
    return tuple(clean(row) for row in address.splitlines() if row.strip())[:6]


def _brand_line(sponsor: Sponsor) -> str:
    parts = [clean(sponsor.name), clean(sponsor.category)]
    return " · ".join(part for part in parts if part)


def _line(line: IOBooking, zone: ZoneInfo, profile: OrderProfile) -> DocumentLine:
    unit, podcast = line.ad_unit, line.ad_unit.podcast
    last = last_day_of(line.flight_end, zone)
    repaired = line.makegood_of
    return DocumentLine(
        number=line.line_number,
        io_id=str(line.pk),
        podcast=clean(podcast.title),
        language=podcast.language,
        unit=clean(unit.name),
        position=unit.position,
        duration_seconds=unit.duration_seconds,
        read_type=str(unit.get_read_type_display()),
        delivery=str(unit.get_delivery_display()),
        delivery_kind=unit.delivery,
        episode=clean(str(line.episode)) if line.episode else "",
        first_day=local_day(line.flight_start, zone).isoformat(),
        last_day=last.isoformat(),
        impressions=line.booked_impressions,
        rate_type=line.rate_type,
        cpm_cents=line.booked_cpm_cents,
        gross_cents=line.gross_cents,
        promo_code=clean(line.promo_code),
        vanity_url=line.vanity_url,
        landing_url=line.landing_url,
        valid_until=(last + timedelta(days=profile.link_grace_days)).isoformat(),
        repairs=f"{repaired.order} · {repaired.line_number}" if repaired else "",
    )


def _agreed(
    order: InsertionOrder,
    profile: OrderProfile,
    bookings: list[IOBooking],
    zone: ZoneInfo,
    sponsor: Sponsor,
    buyer: Party,
) -> Agreed:
    first = min((local_day(line.flight_start, zone) for line in bookings), default=None)
    return Agreed(
        measurement_of_record=clean(order.measurement_of_record),
        guarantee_days=order.guarantee_days,
        tolerance_permille=order.tolerance_permille,
        notice_days=profile.cancellation_notice_days,
        payment_days=profile.payment_days,
        materials_days=profile.materials_days,
        materials_due=working_days_before(first, profile.materials_days).isoformat() if first else "",
        shortfall_notice_by=_shortfall_notice(bookings, order.guarantee_days, zone),
        separation=profile.separation,
        category=clean(sponsor.category),
        report_to=buyer.contact or buyer.name,
        order_contact=", ".join(part for part in (clean(profile.contact_name), profile.order_email) if part),
        governing_law=clean(profile.governing_law),
    )


def _shortfall_notice(bookings: list[IOBooking], guarantee_days: int, zone: ZoneInfo) -> str:
    """Return the first day by which a shortfall must be told, as an ISO date. Source: DOMAIN, bookings."""
    days = []
    for line in bookings:
        closes: datetime = line.flight_end
        if line.ad_unit.delivery == AdUnit.Delivery.BAKED_IN:
            out = line.episode.drops_at if line.episode and line.episode.drops_at else line.flight_end
            closes = out + timedelta(days=guarantee_days)
        starts = local_day(line.flight_start, zone)
        days.append(max(last_day_of(closes, zone) - timedelta(days=SHORTFALL_NOTICE_DAYS), starts))
    return min(days).isoformat() if days else ""


def working_days_before(day: date, count: int) -> date:
    """Return the day that lies `count` working days (Monday to Friday) before another."""
    while count > 0:
        day -= timedelta(days=1)
        if day.weekday() < 5:
            count -= 1
    return day
