"""Ctrl K finds: inside the admin by its palette, on the pages by the find page."""

import pytest

from tests.factories import make_campaign, make_sponsor, make_user
from tracker.flags.models import FlagOverride

pytestmark = pytest.mark.browser


def test_ctrl_k_finds_a_deal_from_the_board_and_from_a_page(page, live_site):
    FlagOverride.objects.create(flag="ENABLE_DEAL_PIPELINE", is_on=True)
    make_campaign(name="Winter layers", sponsor=make_sponsor(name="Harbor & Pine"))
    live_site.login(page, make_user(role="salesperson"))

    page.goto(live_site.url("/admin/deals/campaign/board/"))
    page.wait_for_load_state("networkidle")
    page.keyboard.press("Control+k")
    page.keyboard.type("harbor", delay=30)
    page.get_by_role("link", name="Winter layers").last.wait_for()

    page.goto(live_site.url("/find"))
    page.keyboard.press("Control+k")
    page.locator('input[name="q"]').fill("winter lay")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Winter layers").click()
    page.wait_for_url("**/admin/deals/campaign/**")
