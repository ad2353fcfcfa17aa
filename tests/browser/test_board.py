"""The board in a real browser: by hand, by key, refused, asked, overtaken."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from deals.models import Campaign
from deals.services import move_deal
from tests.browser.axe import assert_accessible
from tests.factories import make_campaign, make_user
from tracker.flags.models import FlagOverride

pytestmark = pytest.mark.browser
BOARD = "/admin/deals/campaign/board/"


@pytest.fixture
def seller(live_site):
    FlagOverride.objects.create(flag="ENABLE_DEAL_PIPELINE", is_on=True)
    return make_user(role="salesperson", name="Ines Kovac")


def open_board(page, live_site, person):
    live_site.login(page, person)
    page.goto(live_site.url(BOARD))


def deal_at(stage, name, **fields):
    return make_campaign(stage=stage, name=name, stage_changed_at=timezone.now() - timedelta(days=3), **fields)


def drag(page, name, stage):
    card = page.locator(".deal", has_text=name)
    lane = page.locator(f'[data-lane="{stage}"] [data-cards]')
    start, end = card.bounding_box(), lane.bounding_box()
    page.mouse.move(start["x"] + 40, start["y"] + 12)
    page.mouse.down()
    page.mouse.move(start["x"] + 60, start["y"] + 30, steps=4)
    page.mouse.move(end["x"] + 60, end["y"] + 40, steps=12)
    page.mouse.move(end["x"] + 64, end["y"] + 44, steps=3)
    page.mouse.up()


def in_lane(page, stage, name):
    return page.locator(f'[data-lane="{stage}"] .deal', has_text=name)


def stage_of(deal):
    return Campaign.objects.values_list("stage", flat=True).get(pk=deal.pk)


def test_a_card_is_dragged_to_the_next_stage_and_taken_back(page, live_site, seller):
    deal = deal_at("lead", "Winter layers", campaign_value=100_000, currency="EUR")
    open_board(page, live_site, seller)

    drag(page, "Winter layers", "qualified")

    in_lane(page, "qualified", "Winter layers").wait_for()
    page.get_by_text("Winter layers moved to qualified.").first.wait_for()
    assert "≈ €250" in page.locator('[data-lane="qualified"] [data-head]').inner_text()
    assert stage_of(deal) == "qualified"

    page.get_by_role("button", name="Undo").click()
    in_lane(page, "lead", "Winter layers").wait_for()
    assert stage_of(deal) == "lead"


def test_a_forbidden_move_snaps_back_and_says_what_is_allowed(page, live_site, seller):
    deal = deal_at("proposal", "Winter layers")
    open_board(page, live_site, seller)

    drag(page, "Winter layers", "won")

    alert = page.get_by_role("alert").filter(has_text="it can go to")
    alert.wait_for()
    assert "qualified, negotiation or lost, not to won" in alert.inner_text()
    assert in_lane(page, "proposal", "Winter layers").is_visible()
    assert stage_of(deal) == "proposal"


def test_a_manager_makes_an_exception_with_a_reason(page, live_site, seller):
    deal = deal_at("lead", "Winter layers")
    open_board(page, live_site, make_user(role="sales_manager"))

    drag(page, "Winter layers", "negotiation")
    page.get_by_role("heading", name="Make an exception?").wait_for()
    page.get_by_label("Reason").fill("Met at the fair")
    page.get_by_role("button", name="Make the exception").click()

    in_lane(page, "negotiation", "Winter layers").wait_for()
    assert stage_of(deal) == "negotiation"


def test_losing_asks_for_the_reason_and_the_competitor(page, live_site, seller):
    deal = deal_at("negotiation", "Winter layers")
    open_board(page, live_site, seller)

    drag(page, "Winter layers", "lost")
    page.get_by_role("heading", name="Why was it lost?").wait_for()
    page.get_by_role("button", name="Leave it where it was").click()
    assert in_lane(page, "negotiation", "Winter layers").is_visible()
    assert stage_of(deal) == "negotiation"

    drag(page, "Winter layers", "lost")
    page.get_by_label("Reason").fill("Price")
    page.get_by_label("Lost to").fill("A rival")
    page.get_by_role("button", name="Mark as lost").click()
    in_lane(page, "lost", "Winter layers").wait_for()
    deal.refresh_from_db()
    assert (deal.stage, deal.lost_reason, deal.lost_to) == ("lost", "Price", "A rival")


def test_cards_move_by_keys_alone_and_the_second_of_two_people_is_told(page, live_site, seller):
    deal = deal_at("lead", "Winter layers")
    deal_at("proposal", "Another one")
    open_board(page, live_site, seller)

    in_lane(page, "lead", "Winter layers").focus()
    page.keyboard.press("]")
    in_lane(page, "qualified", "Winter layers").wait_for()
    assert page.locator("[data-live]").inner_text() == "Winter layers moved to qualified."
    assert stage_of(deal) == "qualified"

    page.keyboard.press("ArrowRight")
    assert "Another one" in page.evaluate("document.activeElement.textContent")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("[")
    in_lane(page, "lead", "Winter layers").wait_for()
    assert stage_of(deal) == "lead"

    page.reload()
    deal.refresh_from_db()
    move_deal(campaign=deal, to="qualified", by=seller, at=timezone.now())

    in_lane(page, "lead", "Winter layers").get_by_role("button", name=re.compile("on$")).click()

    page.get_by_role("alert").filter(has_text="Somebody changed this deal in the meantime").wait_for()
    in_lane(page, "qualified", "Winter layers").wait_for()
    assert stage_of(deal) == "qualified"


def test_a_board_without_deals_says_so_and_filters_are_links_that_can_be_shared(page, live_site, seller):
    open_board(page, live_site, seller)
    assert page.get_by_text("Nothing here").count() == 4
    assert_accessible(page, part=".board-page")

    deal_at("lead", "Mine alone", owner=seller)
    deal_at("lead", "Somebody else's")
    page.reload()
    page.locator("summary", has_text="Owner").click()
    page.get_by_role("link", name="Ines Kovac").click()

    in_lane(page, "lead", "Mine alone").wait_for()
    assert page.locator(".deal").count() == 1
    assert f"owner={seller.pk}" in page.url
