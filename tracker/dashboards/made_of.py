"""The tables that every dashboard is made of: people and features, shows and their figures, what was sold."""

from django.db.models import Model

from bookings.models import AdUnit, InsertionOrder, IOBooking, Makegood
from deals.models import Campaign, DealAlert, Sponsor
from etl.models import Import
from metrics.models import Episode, MetricBatch, MetricSource, Podcast
from tracker.accounts.models import Binding, Role, User
from tracker.flags.models import FlagOverride
from tracker.tenants.models import Tenant

# People and features, and what the side bar counts.
HOUSE: list[type[Model]] = [Tenant, Role, User, Binding, FlagOverride, DealAlert, Makegood, Import]
# Facts change only together with their batch.
SHOWS: list[type[Model]] = [Podcast, Episode, MetricSource, MetricBatch]
SOLD: list[type[Model]] = [Sponsor, Campaign, AdUnit, InsertionOrder, IOBooking]
