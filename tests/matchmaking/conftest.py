"""A small house of real shows and sponsors."""

from datetime import date
from decimal import Decimal

import pytest

from metrics.models import AudienceShare
from tests.factories import make_ad_unit, make_booking, make_campaign, make_episode, make_podcast, make_sponsor


@pytest.fixture
def house(tenant):
    """Three shows and three sponsors with tags, a target and a booking."""
    shows = {
        "tech": make_podcast(title="Kernel Talk", categories=["Technology"], description="Linux and open source"),
        "crime": make_podcast(title="Cold Trails", categories=["True Crime"], description="unsolved murders"),
        "food": make_podcast(title="Pot and Pan", categories=["Food"], description="cooking and recipes"),
    }
    sponsors = {
        "saas": make_sponsor(name="Cloudly", tags=["tech", "saas"], targets={"countries": {"DE": 1}}),
        "meals": make_sponsor(name="Fresh Box", tags=["meal_kit", "food"], blocked_categories=["True Crime"]),
        "broad": make_sponsor(name="Mattressly", tags=["mattress", "universal"]),
    }
    for code, share in (("DE", "0.7"), ("AT", "0.3")):
        AudienceShare.objects.create(
            podcast=shows["tech"],
            source="host",
            dimension="country",
            value=code,
            share=Decimal(share),
            as_of=date(2026, 11, 1),
        )
    AudienceShare.objects.create(
        podcast=shows["tech"], source="host", dimension="country", share=Decimal("0.2"), as_of=date(2026, 11, 1)
    )
    unit = make_ad_unit(shows["tech"], rate_cpm_cents=3000)
    episode = make_episode(shows["tech"])
    make_booking(ad_unit=unit, episode=episode, campaign=make_campaign(sponsor=sponsors["saas"], stage="won"))
    return shows, sponsors
