"""Dashboards in a real browser: accessible, usable by keyboard, without sideways scrolling, from phone to desk."""

from datetime import timedelta

import pytest
from django.utils import timezone

from bookings.models import IOBooking
from deals.alerts import check_pipeline_alerts
from etl.models import Import
from matchmaking.models import Match
from tests.browser.looks import too_wide
from tests.factories import (
    make_ad_unit,
    make_booking,
    make_campaign,
    make_episode,
    make_podcast,
    make_rollup,
    make_sponsor,
    make_user,
)
from tracker.flags.services import switch

pytestmark = pytest.mark.browser

FLAGS = [
    "ENABLE_NEW_DASHBOARD_CARDS",
    "ENABLE_MATCHMAKING",
    "ENABLE_IO_BOOKINGS",
    "ENABLE_DEAL_PIPELINE",
    "ENABLE_AUTOMATION_JOBS",
    "ENABLE_ETL_CSV_UPLOAD",
]


@pytest.fixture
def house(tenant):
    """A house with one show in flight, one deal that stands still, one import and one match."""
    for flag in FLAGS:
        switch(flag=flag, on=True)
    now = timezone.now()
    today = now.date()
    show = make_podcast(title="Slow Signal", release_weekdays=[1])
    make_podcast(title="The Salt Road")
    episode = make_episode(show, drops_at=now - timedelta(days=40), is_published=True, number=146, title="Street names")
    sponsor = make_sponsor(name="Harbor & Pine")
    start = (now - timedelta(days=15)).replace(hour=0, minute=0, second=0, microsecond=0)
    make_booking(
        at=start - timedelta(days=5),
        ad_unit=make_ad_unit(show, delivery="dynamic", name="Mid-roll 1"),
        campaign=make_campaign(stage="won", sponsor=sponsor, name="Winter layers"),
        flight_start=start,
        flight_end=start + timedelta(days=30),
        booked_impressions=30_000,
        order_fields={"measurement_of_record": "host", "currency": "USD"},
        booking_fields={"status": IOBooking.Status.ACTIVE},
    )
    for offset in range(1, 41):
        make_rollup(
            episode=episode, day=today - timedelta(days=offset), source="host", downloads=800, revenue_cents=900
        )
    make_campaign(stage="proposal", currency="USD", stage_changed_at=now - timedelta(days=20), expected_close_on=today)
    Import.objects.create(source="upload", kind="metrics", file_name="m.csv", status="completed", completed_at=now)
    Match.objects.create(
        advertiser=sponsor,
        podcast=show,
        score=78,
        confidence="0.8",
        rationale="Its listeners live where you ship.",
        signals={"topic_overlap": 0.9, "brand_safety": 1},
        updated_at=now,
        in_advertiser_top=True,
    )
    check_pipeline_alerts(at=now)
    return {
        "creator": make_user(role="creator", name="Mara Lindqvist", bindings={"podcast": [show.pk]}),
        "advertiser": make_user(role="advertiser", name="Jonas Pell", bindings={"sponsor": [sponsor.pk]}),
        "ops": make_user(role="ops", name="Petra Osei"),
    }


def test_a_page_holds_at_two_hundred_percent_and_a_phone_has_a_drawer(house, live_site, page):
    live_site.login(page, house["creator"])
    # 720 pixels wide is what 200 % of 1440 leaves.
    page.set_viewport_size({"width": 720, "height": 450})
    page.goto("/dashboard/creator")
    page.evaluate("document.body.style.letterSpacing = '0.12em'; document.body.style.wordSpacing = '0.16em'")

    assert too_wide(page, [720, 1024]) == []
    assert page.locator("h1").count() == 1

    page.set_viewport_size({"width": 390, "height": 800})
    assert not page.locator("#side").is_visible()
    page.get_by_role("button", name="Menu").click()
    assert page.locator("#side").get_by_role("link", name="Overview").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#side").is_visible()


def test_the_keyboard_alone_is_enough_and_single_keys_can_be_switched_off(house, live_site, page):
    live_site.login(page, house["creator"])
    page.goto("/dashboard/creator")

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.url.endswith("#main")

    page.keyboard.press("?")
    assert page.locator("#shortcuts").evaluate("dialog => dialog.open")
    page.keyboard.press("Escape")
    assert not page.locator("#shortcuts").evaluate("dialog => dialog.open")

    page.keyboard.press("Control+k")
    page.wait_for_url("**/find")
    page.keyboard.press("Escape")
    page.locator("h1").click()
    page.keyboard.press("g")
    page.keyboard.press("o")
    page.wait_for_url("**/dashboard/creator")

    page.keyboard.press("?")
    page.locator("[data-single-keys]").uncheck()
    page.keyboard.press("Escape")
    page.reload()
    page.keyboard.press("?")
    assert not page.locator("#shortcuts").evaluate("dialog => dialog.open")


def test_charts_are_read_then_the_period_changes_and_the_theme_is_kept(house, live_site, page):
    live_site.login(page, house["creator"])
    page.goto("/dashboard/creator")
    _read_the_chart_by_arrow_keys_and_at_the_pointer(page)
    _read_the_tables_behind_the_charts_buttons(page)
    _change_the_period_without_loading_the_page_anew(page)
    _keep_the_dark_theme(page)


def _read_the_chart_by_arrow_keys_and_at_the_pointer(page) -> None:
    plot = page.locator("[data-plot]")
    shown = plot.locator(".tip-shown:visible")
    said = plot.locator("[data-said-here]")
    assert plot.locator(".tip").count() == 30
    assert not shown.first.is_visible()

    plot.focus()
    page.keyboard.press("End")
    last = said.text_content()
    page.keyboard.press("ArrowLeft")

    # 800 downloads at a CPM of 25.00 are 20.00 a day; 9.00 are attributed at least.
    assert "Attributed: at least $9.00" in last
    assert "Earned: $20.00" in last
    assert said.text_content() != last
    page.keyboard.press("Escape")
    assert said.text_content() == ""

    page.mouse.move(0, 0)
    plot.locator(".tip-strip").nth(10).hover()
    assert plot.locator(".tip").nth(10).locator(".tip-box").is_visible()


def _read_the_tables_behind_the_charts_buttons(page) -> None:
    page.get_by_role("link", name="Sponsor revenue: show as table").click()
    table = page.locator("#sponsor_revenue-table table")
    assert table.is_visible()
    assert table.locator("tbody tr").count() == 30

    page.get_by_role("link", name="Latest episodes: show as table").click()
    table = page.locator("#latest_episodes-table table")
    # 40 days are measured; a curve is the first month.
    assert table.locator("tbody tr").count() == 30
    assert "800" in table.locator("tbody tr").first.text_content()


def _change_the_period_without_loading_the_page_anew(page) -> None:
    page.evaluate("window.kept = true")
    page.locator('[popovertarget="period"]').click()
    page.get_by_role("link", name="Last 7 days").click()
    page.wait_for_url("**days=7**")
    page.get_by_text("Earned, 7 days").wait_for()
    assert page.evaluate("window.kept") is True


def _keep_the_dark_theme(page) -> None:
    page.locator('[popovertarget="me"]').click()
    page.get_by_role("button", name="Dark").click()
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(14, 15, 17)"


def test_reading_needs_no_script_and_paper_shows_no_tools(house, live_site, page):
    context = page.context.browser.new_context(java_script_enabled=False, base_url=live_site.url("/"))
    still = context.new_page()
    live_site.login(still, house["creator"])
    still.goto("/dashboard/creator?days=7")

    assert still.get_by_text("Earned, 7 days").is_visible()
    assert still.get_by_text("Harbor & Pine").first.is_visible()

    still.goto("/dashboard/creator?card=pacing_vs_flight")
    still.emulate_media(media="print")

    assert not still.locator(".sidebar").is_visible()
    assert not still.locator(".tools").is_visible()
    assert still.locator("#pacing_vs_flight").is_visible()
    assert still.locator("#sponsor_revenue").count() == 0
    context.close()


def test_a_long_list_of_shows_is_narrowed_as_one_types_and_the_choice_stands_in_the_address(house, live_site, page):
    shows = [make_podcast(title=title) for title in ("Night Trains", "Peak Hour", "The Long Commute")]
    extra = make_podcast(title="Rail Replacement")
    live_site.login(page, make_user(role="creator", bindings={"podcast": [show.pk for show in [*shows, extra]]}))
    page.goto("/dashboard/creator")

    page.locator('[popovertarget="podcast_id"]').click()
    page.get_by_role("searchbox", name="Narrow the list").fill("rail")
    assert page.locator("#podcast_id-list a:visible").all_text_contents() == ["Rail Replacement"]
    page.get_by_role("link", name="Rail Replacement").click()

    page.wait_for_url(f"**podcast_id={extra.pk}**")
    page.get_by_role("heading", name="Rail Replacement").wait_for()
