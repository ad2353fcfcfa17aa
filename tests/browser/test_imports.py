"""The way of a file through the browser: sent, mapped, asked, checked, imported, undone; and what waits."""

import pytest

from etl.services import run_waiting_imports
from metrics.models import DailyRollup
from tests.factories import make_episode, make_podcast, make_user
from tracker.flags.services import switch

pytestmark = pytest.mark.browser


@pytest.fixture
def desk(page, live_site):
    """The page of imports, open, with a show of one episode; returns a function that lets the worker run."""
    switch(flag="ENABLE_ETL_CSV_UPLOAD", on=True)
    show = make_podcast(title="Night Shift")
    make_episode(show, title="Salt")
    live_site.login(page, make_user(role="ops"))
    page.goto(live_site.url("/imports"))

    def work() -> None:
        run_waiting_imports()
        page.reload()

    return work


def send(page, name: str, text: str) -> None:
    page.locator('input[type="file"]').set_input_files({"name": name, "mimeType": "text/csv", "buffer": text.encode()})
    page.wait_for_url("**/imports/*-*")


def test_a_file_is_mapped_asked_checked_imported_and_undone(page, live_site, desk):
    send(page, "report.csv", "Folge;Tag;Abrufe\nSalt;2026-03-04;1.204\nPepper;2026-03-04;7\n")
    desk()
    page.get_by_role("heading", name="Which column means what?").wait_for()
    assert page.get_by_text("1,204", exact=True).count() >= 1

    page.get_by_label("Who counted").fill("acast")
    for field, column in (("episode", "folge"), ("day", "tag"), ("downloads", "abrufe")):
        page.locator(f"#map-{field}").select_option(column)
    page.get_by_role("button", name="Remember and check again").click()
    page.wait_for_load_state()
    desk()
    page.locator("#ask-podcast").select_option(label="Night Shift")
    page.locator("#ask-zone").select_option("UTC")
    page.get_by_role("button", name="Check again").click()
    page.wait_for_load_state()
    desk()

    page.get_by_role("button", name="Import 1 row").wait_for()
    page.locator("#link-0").select_option("new")
    page.get_by_role("button", name="Link, and take these rows").click()
    page.get_by_role("button", name="Import 2 rows").click()
    page.wait_for_load_state()
    desk()
    assert sorted(DailyRollup.objects.values_list("downloads", flat=True)) == [7, 1204]

    page.get_by_role("button", name="Undo").first.click()
    page.get_by_role("button", name="Undo the import").click()
    page.get_by_role("heading", name="Undone").wait_for()
    assert not DailyRollup.objects.exists()


def test_a_wrong_kind_of_file_is_refused_before_it_is_sent(page, desk):
    page.locator('input[type="file"]').set_input_files(
        {"name": "x.pdf", "mimeType": "application/pdf", "buffer": b"%PDF"}
    )

    page.get_by_text("Only tables can be taken").first.wait_for()
    assert page.url.endswith("/imports")
