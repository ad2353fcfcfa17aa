"""The tables that dashboards and cards are made of: people and features, shows and their figures, what was sold."""

from django.db.models import Model

from bookings.models import AdUnit, DeliveryPause, DeliveryPolicy, InsertionOrder, IOBooking, Makegood
from deals.models import Campaign, DealAlert, Sponsor
from etl.models import Import
from metrics.models import Episode, MetricBatch, MetricSource, Podcast
from tracker.accounts.models import Binding, Role, User
from tracker.dashboards.version import Part, Source
from tracker.flags.models import FlagOverride
from tracker.tenants.models import Tenant

# People and features, and what the side bar counts.
HOUSE: list[type[Model]] = [Tenant, Role, User, Binding, FlagOverride, DealAlert, Makegood, Import]
# Of a deal a card of lines says whose it is; that it moves on is nothing to it.
DEAL_NAMES = Part(Campaign, ("campaign_id", "sponsor_id", "name"))
LINES: list[Source] = [Sponsor, DEAL_NAMES, AdUnit, InsertionOrder, IOBooking]
# Facts change only together with their batch.
SHOWS: list[type[Model]] = [Podcast, Episode, MetricSource, MetricBatch]
SOLD: list[type[Model]] = [Sponsor, Campaign, AdUnit, InsertionOrder, IOBooking]
# What is read of facts in the way pages read them: of shows by their episodes.
FACTS: list[Source] = [*SHOWS, Import]
# How lines pace: their terms and whose they are, what was told of their shows, when they rest, how the house judges.
PACING: list[Source] = [*LINES, *FACTS, DeliveryPause, DeliveryPolicy]
