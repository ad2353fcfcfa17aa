"""The page of an advertiser."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from bookings.models import (
    DeliveryPause,
    DeliveryPolicy,
    LinkClicks,
    OrderProfile,
    PromoCode,
    Redemption,
    SlotClaim,
    VanityLink,
)
from deals.models import Sponsor
from matchmaking.models import Match, PackedPair, Weights
from metrics.models import Podcast
from tracker.dashboards.advertiser import CARDS
from tracker.dashboards.advertiser.attribution import Attribution
from tracker.dashboards.advertiser.campaigns import Campaigns
from tracker.dashboards.advertiser.cpm import Prices
from tracker.dashboards.advertiser.documents import Documents
from tracker.dashboards.advertiser.fit import Fit
from tracker.dashboards.cards import Loaded
from tracker.dashboards.made_of import HOUSE, SHOWS, SOLD
from tracker.dashboards.pages import Dashboard
from tracker.dashboards.scope import Period, Scope, chosen_of
from tracker.lib import words
from tracker.lib.errors import DomainError

DEFAULT_WEEKS, LONGEST_WEEKS = 8, 26
CHOICES = (4, 8, 13)


@dataclass(frozen=True)
class Summary:
    fit: Fit | None
    prices: Prices | None
    campaigns: Campaigns | None
    attribution: Attribution | None
    documents: Documents | None
    as_of: date | None
    choices: tuple[int, ...] = CHOICES


def advertiser_scope(principal: Any, params: Mapping[str, str], *, at: datetime) -> Scope:
    """Return what an advertiser, or somebody of the house, sees. Params: advertiser_id, podcast_id, weeks.

    Bound people see their own sponsor, the first by name when they have several; the house sees one when it names it.
    Raises NotFound("advertiser_not_found"), NotFound("podcast_not_found"), DomainError("bad_weeks").
    """
    mine = principal.bound_ids("sponsor")
    bound = bool(principal.role.bound_to)
    sponsors = Sponsor.objects.filter(is_archived=False).order_by("name")
    if bound:
        sponsors = sponsors.filter(pk__in=mine or ())
    all_sponsors = list(sponsors)
    wanted = params.get("advertiser_id", "")
    chosen = chosen_of(all_sponsors, wanted, "advertiser_not_found", _("There is no such advertiser here."))
    if not chosen and bound:
        chosen = all_sponsors[:1]
    shows = list(Podcast.objects.filter(is_archived=False).order_by("title"))
    show = chosen_of(shows, params.get("podcast_id", ""), "podcast_not_found", _("There is no such show here."))
    return Scope(
        at=at,
        podcasts=show or shows,
        all_podcasts=shows,
        period=_weeks(params, at),
        sponsor=chosen[0] if chosen else None,
        all_sponsors=all_sponsors,
        bound=bound,
    )


def _weeks(params: Mapping[str, str], at: datetime) -> Period:
    wanted = params.get("weeks") or str(DEFAULT_WEEKS)
    if not (wanted.isascii() and wanted.isdigit() and 1 <= int(wanted) <= LONGEST_WEEKS):
        raise DomainError("bad_weeks", _("weeks is a whole number from 1 to 26."), status=400)
    today = at.astimezone(words.house_zone()).date()
    monday = today - timedelta(days=today.weekday())
    return Period(monday, monday + timedelta(days=7 * int(wanted) - 1), int(wanted))


def summary(scope: Scope, cards: Mapping[str, Loaded]) -> Summary:
    def data(name: str) -> Any:
        return cards[name].data if name in cards else None

    campaigns = data("campaigns")
    return Summary(
        fit=data("audience_fit_summary"),
        prices=data("projected_cpm"),
        campaigns=campaigns,
        attribution=data("attribution"),
        documents=data("documents"),
        as_of=campaigns.as_of if campaigns else None,
    )


ADVERTISER = Dashboard(
    name="advertiser",
    permission="dashboards.view_advertiser",
    cards=CARDS,
    scope_of=advertiser_scope,
    summary=summary,
    template="dashboards/advertiser.html",
    tables=[
        *HOUSE,
        *SHOWS,
        *SOLD,
        *(Match, Weights, PackedPair, SlotClaim, DeliveryPause, DeliveryPolicy, OrderProfile),
        *(PromoCode, VanityLink, LinkClicks, Redemption),
    ],
)
