"""The main job, as a person does it: from the sign-in page to a signed-off PDF, in a real browser."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone
from pypdf import PdfReader

from bookings.models import IOBooking, Makegood
from deals.models import Campaign
from etl.models import Import
from metrics.models import Episode, Podcast
from tests.factories import make_user
from tracker.flags.models import FlagOverride

pytestmark = [pytest.mark.browser, pytest.mark.own_database]

PASSWORD = "a long enough phrase 2026"
SHOW = "Slow Signal"


@pytest.fixture
def people(tenant):
    """An administrator who can sign in by password, and every feature on."""
    for flag in settings.FEATURE_FLAGS:
        FlagOverride.objects.create(flag=flag, is_on=True)
    someone = make_user(role="administrator", email="nora@acme.example", name="Nora Lind")
    someone.set_password(PASSWORD)
    someone.save()
    return someone


def test_from_an_empty_house_to_a_printed_order(people, page, live_site, tmp_path):
    _sign_in(page)
    _add_show_with_episode(page)
    _sell_an_ad_unit(page)
    _open_deal_and_win_it(page)
    _import_metrics(page, tmp_path)
    _import_bookings(page, tmp_path)
    _activate_booking(page)
    _see_pacing(page, live_site)
    _download_order(page, tmp_path)
    _close_short(page)


def _sign_in(page) -> None:
    page.goto("/accounts/login/")
    page.get_by_label(re.compile("e-?mail", re.I)).fill("nora@acme.example")
    page.locator("input[type=password]").fill(PASSWORD)
    page.get_by_role("button", name=re.compile("sign in", re.I)).click()
    page.wait_for_url(lambda url: "/accounts/login" not in url)


def _save(page) -> None:
    page.locator("[name=_save]").first.click()
    page.wait_for_load_state()
    errors = page.locator(".errorlist, [role=alert]").all_inner_texts()
    assert "/add/" not in page.url, errors


def _choose(page, name: str, text: str) -> None:
    """Pick from a select that searches the server: open it, type, take the hit."""
    page.locator(f"#id_{name} + .select2-container").click()
    page.locator(".select2-container--open .select2-search__field").last.fill(text)
    page.locator(".select2-results__option", has_text=text).first.click()


def _add_show_with_episode(page) -> None:
    page.goto("/admin/metrics/podcast/add/")
    page.locator("[name=title]").fill(SHOW)
    if page.locator("[name=slug]").count():
        page.locator("[name=slug]").fill("slow-signal")
    _save(page)
    page.goto("/admin/metrics/episode/add/")
    _choose(page, "podcast", SHOW)
    page.locator("[name=title]").fill("Who owns a street name?")
    out = timezone.now() - timedelta(days=6)
    page.locator("[name=drops_at_0]").fill(out.strftime("%Y-%m-%d"))
    page.locator("[name=drops_at_1]").fill("06:00:00")
    _save(page)
    assert Episode.objects.get().podcast == Podcast.objects.get(title=SHOW)


def _sell_an_ad_unit(page) -> None:
    page.goto("/admin/bookings/adunit/add/")
    _choose(page, "podcast", SHOW)
    page.locator("[name=name]").fill("Mid-roll 1")
    page.locator("[name=position]").select_option("mid")
    page.locator("[name=duration_seconds]").fill("60")
    page.locator("[name=delivery]").select_option("dynamic")
    _save(page)


def _open_deal_and_win_it(page) -> None:
    page.goto("/admin/deals/sponsor/add/")
    page.locator("[name=name]").fill("Fennelbox")
    _save(page)
    page.goto("/admin/deals/campaign/add/")
    page.locator("[name=name]").fill("Winter boxes")
    _choose(page, "sponsor", "Fennelbox")
    page.locator("[name=value]").fill("2500")
    _save(page)
    deal = Campaign.objects.get()
    for stage in ("qualified", "proposal", "negotiation", "won"):
        page.goto(f"/admin/deals/campaign/{deal.pk}/move/")
        page.locator("[name=stage]").select_option(stage)
        page.get_by_role("button", name="Move", exact=True).click()
        page.wait_for_load_state()
        deal.refresh_from_db()
        assert deal.stage == stage


def _filled_template(page, button: str, tmp_path: Path, fill) -> Path:
    """Download a template of the house's own ids, fill in its rows, save it as a file to send."""
    page.goto("/imports")
    with page.expect_download() as download:
        page.get_by_role("link", name=button).click()
    text = Path(download.value.path()).read_text()
    template = list(csv.DictReader(io.StringIO(text)))
    assert template, "the template names the house's own ids"
    path = tmp_path / f"{button}.csv"
    with path.open("w", newline="") as target:
        writer = csv.DictWriter(target, fieldnames=list(template[0]))
        writer.writeheader()
        writer.writerows(fill(template[0]))
    return path


def _send(page, path: Path, rows: int) -> Import:
    page.goto("/imports")
    page.locator("input[type=file]").set_input_files(path)
    page.wait_for_url(re.compile("/imports/[0-9a-f-]{36}"))
    page.get_by_role("button", name=re.compile(f"Import {rows} row")).click()
    page.get_by_text(re.compile("imported", re.I)).first.wait_for()
    return Import.objects.filter(metadata__would_import__isnull=True).latest("created_at")


def _import_metrics(page, tmp_path) -> None:
    today = datetime.now(UTC).date()

    def six_days(row):
        for back in range(6, 0, -1):
            yield row | {
                "day": str(today - timedelta(days=back)),
                "source": "host",
                "downloads": 1000,
                "listeners": 900,
            }
        yield row | {"day": "2026-11-31", "source": "host", "downloads": 5}

    run = _send(page, _filled_template(page, "Metrics template", tmp_path, six_days), 6)

    assert (run.status, run.records_imported, run.records_failed) == ("completed", 6, 1)
    rejected = page.get_by_role("region", name="Rejected rows", exact=True).inner_text()
    assert "2026-11-31" in rejected
    assert "30 days" in rejected


def _import_bookings(page, tmp_path) -> None:
    today = timezone.localdate()

    def one_flight(row):
        yield row | {
            "deal_id": Campaign.objects.get().pk,
            "episode_id": "",
            "flight_start": today - timedelta(days=6),
            "flight_end": today + timedelta(days=5),
            "booked_impressions": 24000,
            "booked_cpm_cents": 2500,
            "promo_code": "",
            "vanity_url": "",
        }

    run = _send(page, _filled_template(page, "Bookings template", tmp_path, one_flight), 1)

    assert (run.status, run.records_imported, run.records_failed) == ("completed", 1, 0)
    booking = IOBooking.objects.get()
    assert booking.gross_cents == 60_000  # 24,000 × €25.00 ÷ 1,000
    assert booking.promo_code
    assert booking.vanity_url


def _activate_booking(page) -> None:
    booking = IOBooking.objects.get()
    if booking.status == "scheduled":
        page.goto(f"/admin/bookings/iobooking/{booking.pk}/change/")
        page.locator(f"a[href*='{booking.pk}/move']").first.click()
        page.locator("button[name=to][value=active]").click()
        page.wait_for_load_state()
    booking.refresh_from_db()
    assert booking.status == "active"


def _see_pacing(page, live_site) -> None:
    creator = make_user(role="creator", name="Mara Lind", bindings={"podcast": [Podcast.objects.get().pk]})
    page.context.clear_cookies()
    live_site.login(page, creator)
    page.goto("/dashboard/creator")
    row = page.get_by_role("row").filter(has_text="Fennelbox")

    assert "of 24,000" in row.inner_text()
    assert SHOW in row.inner_text()


def _download_order(page, tmp_path) -> None:
    page.context.clear_cookies()
    _sign_in(page)
    page.goto(f"/admin/bookings/iobooking/{IOBooking.objects.get().pk}/change/")
    with page.expect_download() as download:
        page.get_by_role("link", name="Order as PDF").click()
    reader = PdfReader(download.value.path())
    text = "\n".join(sheet.extract_text() for sheet in reader.pages)

    assert 1 <= len(reader.pages) <= 2
    for word in ("Fennelbox", SHOW, "24,000", "600.00"):
        assert word in text


def _close_short(page) -> None:
    """The flight falls short: moving the booking to makegood opens its case."""
    booking = IOBooking.objects.get()
    page.goto(f"/admin/bookings/iobooking/{booking.pk}/change/")
    page.locator(f"a[href*='{booking.pk}/move']").first.click()
    page.locator("[name=reason]").fill("Two reads were skipped")
    page.locator("button[name=to][value=makegood]").click()
    page.wait_for_load_state()

    assert Makegood.objects.get().booking_id == booking.pk
    page.goto("/dashboard/creator")
    assert page.get_by_text("Fennelbox").count() >= 1
