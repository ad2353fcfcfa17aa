"""The page of an advertiser: which shows fit, at what price, when there is room, how campaigns deliver."""

from tracker.dashboards.advertiser.attribution import ATTRIBUTION
from tracker.dashboards.advertiser.campaigns import CAMPAIGNS
from tracker.dashboards.advertiser.cpm import PROJECTED_CPM
from tracker.dashboards.advertiser.documents import DOCUMENTS
from tracker.dashboards.advertiser.fit import AUDIENCE_FIT
from tracker.dashboards.advertiser.inventory import INVENTORY
from tracker.dashboards.cards import Card

CARDS: list[Card] = [AUDIENCE_FIT, INVENTORY, CAMPAIGNS, DOCUMENTS, ATTRIBUTION, PROJECTED_CPM]
