"""The demo tenant, built through the same services as real use, whole or not at all."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django_tenants.utils import tenant_context

from deals.alerts import check_pipeline_alerts
from metrics.models import Podcast
from tracker.demo import desk, house
from tracker.demo.ids import SHOWS, SLUG, demo_id
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
        if Podcast.objects.filter(pk=demo_id("podcast", SHOWS[0])).exists():
            return tenant, False
        fill_house(tenant, at=at)
    return tenant, True


@transaction.atomic
def fill_house(tenant: Tenant, *, at: datetime) -> None:
    """Fill the entered, empty tenant. Every day in it is counted from `at`."""
    zone = ZoneInfo(tenant.time_zone)
    founded = at - timedelta(days=200)
    people = house.make_people(at=founded)
    house.make_order_profile()
    shows = house.make_shows(zone=zone, at=at)
    house.simulate_audience(last_day=at.date() - timedelta(days=1), at=at)
    sponsors = desk.make_sponsors(at=founded)
    deals = desk.make_deals(sponsors=sponsors, shows=shows, people=people, zone=zone, at=at)
    desk.make_goals(people=people, today=at.astimezone(zone).date(), currency=tenant.currency)
    desk.make_bookings(deals=deals, people=people, zone=zone, at=at)
    check_pipeline_alerts(at=at)
