"""A client that openapi-python-client makes from the committed description does the main job, by types alone."""

import importlib
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from types import ModuleType

import pytest

from tests.factories import NOON, make_episode

DESCRIPTION = Path(__file__).resolve().parents[2] / "docs" / "openapi.yaml"
SETTINGS = """
package_name_override: tracker_client
post_hooks: []
content_type_overrides: {application/pdf: application/octet-stream}
"""


@pytest.fixture(scope="module")
def generated(tmp_path_factory) -> None:
    """The client, made anew from the description; a warning of its maker is a failure."""
    folder = tmp_path_factory.mktemp("client")
    (folder / "settings.yaml").write_text(SETTINGS)
    command = [Path(sys.executable).parent / "openapi-python-client", "generate", "--path", DESCRIPTION]
    options = ["--config", folder / "settings.yaml", "--output-path", folder / "tracker_client", "--meta", "none"]
    made = subprocess.run([*command, *options, "--fail-on-warning"], capture_output=True, text=True, cwd=folder)
    assert made.returncode == 0, made.stdout + made.stderr
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.partition(".")[0] == "tracker_client"]:
        del sys.modules[name]


def call(name: str) -> ModuleType:
    return importlib.import_module(f"tracker_client.api.{name}")


@pytest.fixture
def partner(generated, live_site, api, switch_on_all):
    """The client with a key; an answer that the description does not know raises."""
    made = importlib.import_module("tracker_client")
    client = made.AuthenticatedClient(
        base_url=f"http://127.0.0.1:{live_site.port}",
        token=api.defaults["HTTP_AUTHORIZATION"].removeprefix("Bearer "),
        headers={"Host": "acme.localhost"},
        raise_on_unexpected_status=True,
        timeout=60,
    )
    with client:
        yield client


def test_from_an_advertiser_to_a_printed_order_and_imported_figures(partner):
    models = importlib.import_module("tracker_client.models")
    types = importlib.import_module("tracker_client.types")

    # Who buys, and what there is to buy.
    sponsor = call("advertisers.advertisers_create").sync(
        client=partner, body=models.SponsorRequest(name="Halden Cykel")
    )
    show = call("podcasts.podcasts_create").sync(client=partner, body=models.PodcastRequest(title="The Long Commute"))
    unit = call("ad_units.ad_units_create").sync(
        client=partner,
        body=models.AdUnitRequest(
            podcast_id=show.podcast_id, name="Mid-roll", position=models.PositionEnum.MID, duration_seconds=60
        ),
    )

    # A deal moves, once, from the state in which it was read.
    deal = call("deals.deals_create").sync_detailed(
        client=partner, body=models.NewDealRequest(name="Autumn", advertiser_id=sponsor.advertiser_id)
    )
    tag, campaign = deal.headers["ETag"], deal.parsed.campaign_id
    move = call("deals.deals_stage_partial_update").sync
    step = models.PatchedStageRequest(stage="qualified")
    moved = move(campaign, client=partner, body=step, if_match=tag)
    refused = move(campaign, client=partner, body=models.PatchedStageRequest(stage="proposal"), if_match=tag)
    assert (moved.stage, refused.status, refused.code) == ("qualified", 412, "stale_version")

    # A booking, once, however often it is sent; the slot is taken then.
    wish = models.NewBookingRequest(
        campaign_id=campaign,
        ad_unit_id=unit.ad_unit_id,
        flight_start="2027-01-11",
        flight_end="2027-02-07",
        booked_impressions=240_000,
        booked_cpm_cents=2650,
    )
    book = call("io.io_create").sync
    first = book(client=partner, body=wish, idempotency_key="order-4711")
    again = book(client=partner, body=wish, idempotency_key="order-4711")
    taken = book(client=partner, body=wish, idempotency_key="order-4712")
    assert (first.status, first.gross_cents, first.currency) == ("scheduled", 636_000, "USD")
    assert again.io_id == first.io_id
    assert (taken.status, taken.code) == (409, "already_booked")
    orders = call("orders.orders_list").sync(client=partner, campaign_id=campaign)
    assert [(one.order_id, one.gross_cents) for one in orders.results] == [(first.order_id, 636_000)]

    # Its paper.
    printed = call("io.io_export_pdf_retrieve").sync(first.io_id, client=partner)
    assert printed.payload.read(5) == b"%PDF-"

    # Figures come in and are told.
    episode = make_episode(drops_at=NOON)
    rows = f"day,episode_id,source,downloads\n2026-11-20,{episode.pk},host,1200\n"
    file = types.File(payload=BytesIO(rows.encode()), file_name="figures.csv", mime_type="text/csv")
    sent = call("etl.etl_upload_create").sync(client=partner, body=models.UploadRequest(file=file))
    ended = call("etl.etl_status_retrieve").sync(sent.import_id, client=partner)
    assert (ended.status, ended.records_imported, ended.records_failed) == ("completed", 1, 0)

    # What happened, in order.
    feed = call("events.events_list").sync(client=partner, page_size=200)
    told = [one.type_ for one in feed.results]
    wanted = ["sponsor.added", "ad_unit.added", "deal.opened", "deal.stage_changed", "io.scheduled"]
    assert [type for type in told if type in wanted] == wanted
    assert {"io.pdf_exported", "etl.import_completed"} <= set(told)
