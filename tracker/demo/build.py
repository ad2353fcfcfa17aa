"""The demo tenant, built through the same services as real use, whole or not at all."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django_tenants.utils import tenant_context

from deals.alerts import check_pipeline_alerts
from deals.models import Campaign
from matchmaking.models import Match
from matchmaking.services import recalculate_matches
from metrics.models import Podcast
from tracker.accounts.models import User
from tracker.demo import copies, desk, house, uploads
from tracker.demo.ids import SHOWS, SLUG, demo_id
from tracker.demo.plan import PROPOSED_DEAL, PROPOSED_GOAL
from tracker.tenants.models import Tenant
from tracker.tenants.services import create_tenant

NAME = "Northlight Audio"
CURRENCY = "EUR"
ZONE = "Europe/Berlin"


def make_demo(*, at: datetime) -> tuple[Tenant, bool]:
    """Return the demo tenant, and whether it was made now: one that is there stays as people left it."""
    tenant = Tenant.objects.filter(schema_name=SLUG).first()
    if tenant is None:
        tenant = create_tenant(slug=SLUG, name=NAME, currency=CURRENCY, time_zone=ZONE)
    with tenant_context(tenant):
        is_new = not Podcast.objects.filter(pk=demo_id("podcast", SHOWS[0])).exists()
        if is_new:
            fill_house(tenant, at=at)
        # Imports commit by themselves, so they come after the house stands.
        ops = User.objects.get(email=house.OPS_EMAIL)
        uploads.upload_last_days(last_day=at.date() - timedelta(days=1), by=ops, at=at)
        if not Match.objects.exists():
            recalculate_matches(by=ops, at=at)
        proposed = Campaign.objects.get(pk=demo_id("deal", PROPOSED_DEAL))
        # It tells what is free and how shows fit, so it comes after figures and matches.
        if not proposed.proposals.exists():
            desk.make_proposal_of(proposed, goal=PROPOSED_GOAL, at=at)
    return tenant, is_new


@transaction.atomic
def fill_house(tenant: Tenant, *, at: datetime) -> None:
    """Fill the entered, empty tenant. Every day in it is counted from `at`."""
    zone = ZoneInfo(tenant.time_zone)
    founded = at - timedelta(days=200)
    people = house.make_people(at=founded)
    house.make_order_profile()
    shows = house.make_shows(zone=zone, at=at)
    house.simulate_audience(last_day=at.date() - timedelta(days=1 + uploads.UPLOADED_DAYS), at=at)
    sponsors = desk.make_sponsors(at=founded)
    deals = desk.make_deals(sponsors=sponsors, shows=shows, people=people, zone=zone, at=at)
    desk.make_goals(people=people, today=at.astimezone(zone).date(), currency=tenant.currency)
    lines = desk.make_bookings(deals=deals, people=people, zone=zone, at=at)
    copies.make_copies(lines=lines, at=at)
    check_pipeline_alerts(at=at)
