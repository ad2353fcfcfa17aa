"""A booking's page in a real browser: the page itself, offer and consent, proof from a phone."""

from datetime import timedelta

import pytest
from django.utils import timezone

from bookings.makegoods.services import open_makegood
from bookings.models import AdUnit, Aircheck, Makegood
from tests.bookings.deliveries import make_episode, make_line, make_show, make_sponsor, measure, teach_curve
from tests.browser.looks import assert_well_made
from tests.factories import make_user
from tracker.flags.models import FlagOverride
from tracker.lib.actors import SYSTEM

pytestmark = [pytest.mark.browser, pytest.mark.own_database]


@pytest.fixture
def line(tenant):
    """A baked-in line of five weekly episodes, four of them out and short of what was sold, with a rival count."""
    FlagOverride.objects.create(flag="ENABLE_IO_BOOKINGS", is_on=True)
    now = timezone.now()
    start = now.replace(hour=5, minute=0, second=0, microsecond=0) - timedelta(days=24)
    show = make_show(title="The Salt Road")
    teach_curve(show, episodes=20, scale=5, until=(now - timedelta(days=60)).date())
    names = ["The salt tax that started a war", "How anchovies paid for a navy", "The larder", "The last ice harvest"]
    for week, name in enumerate(names):
        drop = start + timedelta(days=7 * week)
        episode = make_episode(show, drop, title=name, number=62 + week, is_published=True)
        age = (now.date() - drop.date()).days
        downloads = [round(count * 4.3) for count in [1_600, 800, 400, 200, 100, 100, *[4] * 40]][:age]
        measure(episode, downloads, first=drop.date())
        measure(episode, [round(count * 0.93) for count in downloads], first=drop.date(), source="earprint")
    make_episode(show, start + timedelta(days=28), title="Pepper, paper and the port of Muziris", number=66)
    sold = make_line(
        show=show,
        sponsor=make_sponsor(name="Fennelbox"),
        delivery="baked_in",
        booked=100_000,
        cpm_cents=3_200,
        start=start - timedelta(hours=5),
        end=start + timedelta(days=34),
        promo_code="SALTROAD",
        order={"commission_permille": 150},
    )
    make_episode(show, start + timedelta(days=35), title="Saffron", number=67)
    AdUnit.objects.create(podcast=show, name="Post-roll", position="post", duration_seconds=30, delivery="baked_in")
    return sold


def test_an_offer_is_made_on_the_page_of_a_booking_and_accepted_by_private_link(line, page, live_site):
    live_site.login(page, make_user(role="sales_manager"))
    case = open_makegood(booking=line, reason="by_hand", owed_impressions=3_000, by=SYSTEM, at=timezone.now())
    page.goto(f"/bookings/{line.pk}")
    assert page.get_by_role("heading", level=1).inner_text() == "Fennelbox on The Salt Road"
    assert page.get_by_role("img", name="Cumulative downloads").is_visible()
    assert page.get_by_text("Behind").first.is_visible()

    page.get_by_role("button", name="Offer makegood").click()
    address = page.locator("#offer-link").inner_text()
    page.context.clear_cookies()
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/makegood/" + address.rpartition("/")[2])
    assert_well_made(page)
    page.get_by_label("Your name").fill("Lena Abt")
    page.get_by_role("button", name="Accept makegood").click()

    page.get_by_text("Lena Abt chose the slot below").wait_for()
    assert_well_made(page)
    case = Makegood.objects.get(pk=case.pk)
    assert (case.status, case.replacement.gross_cents) == ("scheduled", 0)


def test_proof_is_sent_from_a_phone_in_three_taps(line, page, live_site, tmp_path):
    clip = tmp_path / "read.mp3"
    clip.write_bytes(b"ID3\x04\x00\x00\x00\x00\x00\x00 a read")
    live_site.login(page, make_user(role="creator", bindings={"podcast": [line.ad_unit.podcast_id]}))
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/bookings/{line.pk}")

    page.get_by_role("link", name="Send proof").first.click()
    page.wait_for_url("**/proof")
    assert_well_made(page)
    with page.expect_file_chooser() as chooser:
        page.get_by_label("Clip", exact=False).first.click()
    chooser.value.set_files(str(clip))
    page.get_by_role("button", name="Send proof").click()

    page.get_by_text("Proof sent.").wait_for()
    assert Aircheck.objects.get().file_name == "read.mp3"
