"""The creator's page: is my show on pace, what did I earn, what do I owe, what do I read next."""

from tracker.dashboards.cards import Card
from tracker.dashboards.creator.episodes import LATEST_EPISODES
from tracker.dashboards.creator.makegoods import MAKEGOODS_PENDING
from tracker.dashboards.creator.pacing import PACING_VS_FLIGHT
from tracker.dashboards.creator.reads import NEXT_READS
from tracker.dashboards.creator.revenue import SPONSOR_REVENUE

CARDS: list[Card] = [PACING_VS_FLIGHT, SPONSOR_REVENUE, NEXT_READS, MAKEGOODS_PENDING, LATEST_EPISODES]
