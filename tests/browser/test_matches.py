"""The ranked page in a real browser: read, judge, start a deal; narrow and wide, light and dark."""

from datetime import timedelta

import pytest
from django.utils import timezone

from deals.models import Campaign
from matchmaking import services
from matchmaking.models import Feedback
from metrics.models import AudienceShare, Podcast
from tests.browser.looks import assert_well_made
from tests.factories import make_ad_unit, make_booking, make_campaign, make_podcast, make_sponsor, make_user
from tracker.flags.models import FlagOverride
from tracker.lib.actors import SYSTEM

pytestmark = pytest.mark.browser


@pytest.fixture
def pair(live_site):
    for flag in ("ENABLE_MATCHMAKING", "ENABLE_DEAL_PIPELINE"):
        FlagOverride.objects.create(flag=flag, is_on=True)
    now = timezone.now()
    sponsor = make_sponsor(
        name="Harbor & Pine",
        tags=["travel", "sports"],
        targets={"countries": {"IE": 0.7, "GB": 0.3}, "ages": ["25-44"]},
        blocked_categories=["True Crime"],
    )
    best = make_podcast(
        title="Two Lane Country",
        categories=["Places & Travel"],
        description="Walking, weather and small roads.",
        release_weekdays=[2],
    )
    make_ad_unit(best, rate_cpm_cents=2850)
    for dimension, value, share in (("country", "IE", "0.6"), ("country", "GB", "0.4"), ("age", "25-34", "1")):
        AudienceShare.objects.create(
            podcast=best, source="host", dimension=dimension, value=value, share=share, as_of=now.date()
        )
    make_podcast(title="Night Shift Physics", categories=["Physics"])
    make_podcast(title="Slow Signal", categories=["Sports"])
    make_podcast(title="Undertow", categories=["True Crime"])
    services.recalculate_matches(by=SYSTEM, at=now)
    return sponsor, best


def test_a_salesperson_reads_judges_and_starts_a_deal(page, live_site, pair):
    sponsor, best = pair
    live_site.login(page, make_user(role="salesperson", name="Ines Kovac"))

    page.goto(live_site.url(f"/matches/advertisers/{sponsor.pk}"))

    rows = page.locator("#ranked tbody tr")
    assert rows.first.locator(".who").inner_text() == "Two Lane Country"
    assert page.locator(".signals li").count() == 6
    assert page.get_by_text("What would raise it").is_visible()

    page.get_by_role("link", name="Slow Signal").click()
    page.get_by_role("heading", name="Why Slow Signal").wait_for()
    page.get_by_role("button", name="Bad fit").click()
    page.get_by_role("button", name="Bad fit", pressed=True).wait_for()
    assert Feedback.objects.get().verdict == "bad"

    page.get_by_role("link", name="Two Lane Country").click()
    page.locator("#start-deal").click()
    page.wait_for_url(lambda url: "/matches" not in url)
    assert list(Campaign.objects.get().wanted_podcasts.all()) == [best]


@pytest.fixture
def unnamed(pair):
    """Two advertisers that name no topic: one that a show carries, and one of whom nothing is known."""
    _sponsor, best = pair
    now = timezone.now()
    carried, unknown = make_sponsor(name="Zyxt"), make_sponsor(name="Brimfell")
    make_booking(
        ad_unit=make_ad_unit(best, delivery="dynamic"),
        campaign=make_campaign(sponsor=carried, stage="won"),
        flight_start=now + timedelta(days=7),
        flight_end=now + timedelta(days=14),
    )
    services.recalculate_matches(by=SYSTEM, at=now)
    return carried, unknown


def test_an_advertiser_of_whom_nothing_is_known_has_no_list_and_its_page_says_what_would_tell(page, live_site, unnamed):
    carried, unknown = unnamed
    live_site.login(page, make_user(role="salesperson", name="Ines Kovac"))

    page.goto(live_site.url(f"/matches/advertisers/{carried.pk}"))
    assert page.get_by_text("its topics are seen from the one show that carries it").is_visible()

    page.goto(live_site.url(f"/matches/advertisers/{unknown.pk}"))
    assert page.locator("#ranked").count() == 0
    assert page.get_by_text("Too little is known of this advertiser").is_visible()
    assert_well_made(page, part="main")

    best = Podcast.objects.get(title="Two Lane Country")
    page.goto(live_site.url(f"/matches/advertisers/{unknown.pk}?show={best.pk}"))
    assert page.get_by_text("Name what the advertiser sells: tags or a category.").is_visible()
    # Asked for by name, it has its score by what is known all the same.
    assert page.locator(".card-head .score").inner_text()
    assert_well_made(page, part="main")


def test_other_weights_show_what_they_would_move_before_they_are_saved(page, live_site, pair):
    live_site.login(page, make_user(role="sales_manager"))
    page.goto(live_site.url("/matches/weights"))
    before = page.locator("#preview").inner_text()

    page.locator("#id_topic_overlap").fill("1")

    page.wait_for_function("before => document.querySelector('#preview').innerText !== before", arg=before)
    assert "was" in page.locator("#preview").inner_text()
