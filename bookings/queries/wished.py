"""What a wish for a line points at, by one statement: every booking over the API asks it."""

from typing import NamedTuple
from uuid import UUID

from bookings.models import AdUnit
from deals.models import Campaign, Sponsor
from metrics.models import Episode, Podcast
from tracker.lib.rows import Rows

_WISHED = Rows(
    """
SELECT {campaign}, {sponsor}, {unit}, {podcast}, {episode}, draft.time_zone
FROM (VALUES (%s::uuid, %s::uuid, %s::uuid)) AS wish (campaign_id, ad_unit_id, episode_id)
LEFT JOIN campaigns AS campaign ON campaign.campaign_id = wish.campaign_id
LEFT JOIN sponsors AS sponsor ON sponsor.sponsor_id = campaign.sponsor_id
LEFT JOIN insertion_orders AS draft ON draft.campaign_id = wish.campaign_id AND draft.status = 'draft'
LEFT JOIN ad_units AS unit ON unit.ad_unit_id = wish.ad_unit_id
LEFT JOIN podcasts AS podcast ON podcast.podcast_id = unit.podcast_id
LEFT JOIN episodes AS episode ON episode.episode_id = wish.episode_id
""",
    campaign=Campaign,
    sponsor=Sponsor,
    unit=AdUnit,
    podcast=Podcast,
    episode=Episode,
)


class Wished(NamedTuple):
    """The objects of a wish, with the deal's sponsor and the unit's show; None: there is no such one here.

    order_zone: the time zone of the deal's draft order, None while it has none.
    """

    campaign: Campaign | None
    ad_unit: AdUnit | None
    episode: Episode | None
    order_zone: str | None


def wished(*, campaign_id: UUID, ad_unit_id: UUID, episode_id: UUID | None) -> Wished:
    """Return what these keys of the entered tenant stand for, whoever asks."""
    row = _WISHED.first([campaign_id, ad_unit_id, episode_id])
    assert row is not None
    campaign, sponsor, ad_unit, podcast, episode, order_zone = row
    if campaign is not None:
        campaign.sponsor = sponsor
    if ad_unit is not None:
        ad_unit.podcast = podcast
    return Wished(campaign, ad_unit, episode, order_zone)
