"""The insertion order on paper, read back with pypdf: what it says, that it is tagged, that it reads nothing."""

import re
import subprocess
from datetime import UTC, datetime
from io import BytesIO

import pytest
from pypdf import PdfReader

from bookings import pdf, typesetter
from bookings.checks import fonts_for_every_name
from bookings.document import OrderDocument, clean
from bookings.models import InsertionOrder, OrderProfile
from bookings.paper import brand_colours, money, percent, span
from bookings.queries.documents import document_of, standing_of
from bookings.services import export_pdf, number_order
from deals.models import Contact
from deals.services import add_agency
from tests.factories import (
    NOON,
    make_ad_unit,
    make_agency,
    make_booking,
    make_campaign,
    make_episode,
    make_podcast,
    make_sponsor,
)
from tests.paper import needs_pango
from tracker.events.models import Event
from tracker.lib import pango
from tracker.lib.actors import SYSTEM
from tracker.lib.fonts import missing_scripts

pytestmark = [
    needs_pango,
    pytest.mark.usefixtures("real_paper"),
]


def text_of(content: bytes) -> str:
    pages = [page.extract_text() for page in PdfReader(BytesIO(content)).pages]
    return " ".join("\n".join(pages).replace("\u00a0", " ").split())


def printed(booking):
    return export_pdf(booking=booking, by=SYSTEM, at=NOON)


def a_booking(**fields):
    agency = add_agency(name="Harbour & Finch", by=SYSTEM, at=NOON, billing_email="pay@harbour.example")
    sponsor = make_sponsor(
        name="Halden Cykel", agency=agency, category="Bikes", website_url="https://halden.example/de"
    )
    fields.setdefault("ad_unit", make_ad_unit(make_podcast(title="The Long Commute"), name="Mid-roll 1"))
    return make_booking(
        campaign=make_campaign(sponsor=sponsor, name="Winter launch"),
        booked_impressions=240_000,
        booked_cpm_cents=2650,
        **fields,
    )


def test_the_paper_says_what_was_booked_to_the_cent(tenant):
    OrderProfile.objects.create(legal_name="Northlight Audio", number_prefix="NLA", measurement_of_record="megaphone")

    paper = printed(a_booking())

    text = text_of(paper.content)
    assert paper.file_name == "NLA-2026-0001-v1.pdf"
    for words in (
        "NLA-2026-0001",
        "Northlight Audio",
        "Halden Cykel",
        "Harbour & Finch",
        "Winter launch",
        "The Long Commute",
        "22 Nov – 20 Dec 2026",
        "240,000",
        "26.50",
        "6,360.00",
        "Agency commission, 15 %",
        "−954.00",
        "5,406.00",
        "megaphone",
        "LONGCOMMUTE",
        "/go/halden-cykel-long-commute",
        "14 days",
        "Page 1 of 2",
        paper.digest[:8],
    ):
        # Long addresses break over two rows of print.
        assert words.replace(" ", "") in text.replace(" ", ""), words


def test_two_lines_over_the_turn_of_a_year_are_two_pages_and_no_figure_runs_into_the_next(tenant):
    flight = {"flight_start": datetime(2026, 12, 14, tzinfo=UTC), "flight_end": datetime(2027, 1, 25, tzinfo=UTC)}
    first = a_booking(**flight)
    unit = make_ad_unit(make_podcast(title="A show with a name that is long enough for two rows"), name="Mid-roll 2")
    make_booking(campaign=first.campaign, ad_unit=unit, **flight)

    pages = PdfReader(BytesIO(printed(first).content)).pages

    assert len(pages) == 2
    laid_out = pages[0].extract_text(extraction_mode="layout").replace("\u00a0", " ")
    assert re.search(r"14 Dec 2026 – 24 Jan 2027 +\d", laid_out), laid_out


def test_the_paper_is_tagged_and_has_its_language_and_title(tenant):
    reader = PdfReader(BytesIO(printed(a_booking()).content))

    assert reader.root_object["/MarkInfo"]["/Marked"]
    assert reader.root_object["/Lang"] == "en"
    assert reader.metadata.title.startswith("Insertion order ACME-2026-0001")
    assert "/Names" not in reader.root_object or "/EmbeddedFiles" not in reader.root_object["/Names"]


def test_the_same_order_gives_the_same_bytes_and_each_export_is_told(tenant):
    booking = a_booking()

    first, second = printed(booking), printed(booking)

    assert first.content == second.content
    assert Event.objects.filter(type="io.pdf_exported").count() == 2
    assert InsertionOrder.objects.get().number == "ACME-2026-0001"


def test_a_draft_cannot_be_signed_and_a_sent_order_can(tenant):
    booking = a_booking()
    draft = text_of(printed(booking).content)
    InsertionOrder.objects.update(status="sent", sent_at=NOON)

    sent = text_of(printed(booking).content)

    assert "This is a draft and binds nobody" in draft
    assert "By signing" not in draft
    assert "Sent, waiting for signature" in sent
    assert "5 Dec 2026" in sent


def test_the_hash_covers_what_is_agreed_and_nothing_else(tenant):
    order = number_order(order=a_booking().order, by=SYSTEM, at=NOON)
    before = document_of(order).digest

    InsertionOrder.objects.update(status="sent", sent_at=NOON)
    order.refresh_from_db()
    assert document_of(order).digest == before

    order.lines.update(booked_impressions=1)
    assert document_of(order).digest != before


def test_a_document_survives_being_kept_as_json(tenant):
    document = document_of(a_booking().order)

    assert OrderDocument.from_json(document.as_json()) == document


@pytest.mark.parametrize("lines", [12, 26])
def test_long_orders_are_grouped_by_month_and_add_up(tenant, lines):
    campaign = make_campaign()
    for number in range(lines):
        booking = make_booking(campaign=campaign, booked_impressions=1_000 + number, booked_cpm_cents=1_999)

    text = text_of(printed(booking).content)

    # 1.999 cents an impression, each line rounded by itself.
    total = sum((1_999 * (1_000 + number) + 500) // 1000 for number in range(lines))
    assert money(total) in text
    assert ("Subtotal November 2026" in text) == (lines > 12)


HOSTILE = [
    '<img src="http://127.0.0.1:9/x"><link rel=attachment href="file:///etc/passwd">',
    "</style><style>@import url(http://127.0.0.1:9/y)</style>",
    "<object data='file:///etc/passwd'></object><iframe src=file:///etc/hostname>",
    "=cmd|' /C calc'!A0 {% load x %}{{ settings.SECRET_KEY }} \u202eevil\u2066\x00\x07 \ud800",
    "a" * 200,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_in_every_field_is_printed_as_text_and_fetches_nothing(tenant, monkeypatch, text):
    # The database keeps neither NUL nor lone surrogates; a house's own terms reach the paper as they are.
    storable = text.replace("\x00", "").encode("utf-8", "ignore").decode()
    OrderProfile.objects.create(
        legal_name=storable,
        address=storable,
        phone=storable[:40],
        tax_number=storable[:64],
        contact_name=storable,
        governing_law=storable,
        measurement_of_record=storable[:40],
        own_terms={"2": {"title": storable, "text": storable}},
    )
    agency = make_agency(name=storable, billing_address=storable, tax_number=storable[:64], commission_permille=150)
    sponsor = make_sponsor(
        name=storable,
        category=storable[:120],
        billing_address=storable,
        billing_name=storable,
        tax_number=storable[:64],
    )
    for side in ({"sponsor": sponsor}, {"agency": agency}):
        Contact.objects.create(name=storable, title=storable[:120], email="a@b.example", **side)
    unit = make_ad_unit(make_podcast(title=storable, language="ar"), name=storable[:120])
    booking = make_booking(
        campaign=make_campaign(sponsor=sponsor, agency=agency, name=storable),
        ad_unit=unit,
        episode=make_episode(unit.podcast, title=storable),
        external_ref=storable[:100],
    )
    InsertionOrder.objects.update(buyer_reference=storable[:100])
    monkeypatch.setattr("socket.socket.connect", _no_network)
    monkeypatch.setattr(pdf, "typeset", typesetter.typeset)  # in this process, where the network is watched

    order = InsertionOrder.objects.get()
    content = pdf.render(document_of(order), standing_of(order))

    reader = PdfReader(BytesIO(content))
    assert "root:" not in text_of(content)
    assert not reader.attachments
    assert booking.campaign.name == storable


def _no_network(*_arguments):
    raise AssertionError("making a PDF reached for the network")


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/", "file:///etc/passwd", "asset:other.css", "ftp://x/y"])
def test_the_fetcher_answers_its_own_assets_only(address):
    from weasyprint.urls import FatalURLFetchingError

    fetcher = typesetter.fetcher_class()(None)

    with pytest.raises(FatalURLFetchingError):
        fetcher.fetch(address)
    assert fetcher.fetch(typesetter.ORDER_SHEET).read().startswith(b"/* The insertion order")


def test_names_from_everywhere_are_drawn(tenant):
    booking = a_booking(ad_unit=make_ad_unit(make_podcast(title="Žižkov ☕ 昼休みのラジオ صباح", language="ja")))

    content = printed(booking).content

    assert "Žižkov" in text_of(content)
    fonts = subprocess.run(["pdffonts", "-"], input=content, capture_output=True, check=True).stdout.decode()
    assert "Doc-Sans" in fonts
    rows = fonts.splitlines()[2:]
    # Every face is embedded: the column before "sub" says so.
    assert all(" yes " in row for row in rows)


def test_scripts_that_no_font_here_draws_are_named_with_their_packages(monkeypatch, client):
    monkeypatch.setattr("tracker.lib.fonts._has", lambda _program, asked: asked not in (":lang=ja", ":charset=1f399"))
    missing_scripts.cache_clear()
    try:
        (warning,) = fonts_for_every_name(None)
        told = client.get("/readyz").json()["checks"]["fonts"]
    finally:
        missing_scripts.cache_clear()

    assert "Japanese, emoji" in warning.msg
    assert "fonts-noto-cjk fonts-noto-color-emoji" in warning.hint
    assert told["missing"] == ["Japanese", "emoji"]


def test_without_pango_the_export_says_what_to_do_and_leads_to_the_print_view(tenant, api, monkeypatch):
    monkeypatch.setenv("ENABLE_IO_BOOKINGS", "1")
    monkeypatch.setattr(pango, "is_installed", lambda: False)
    booking = a_booking()

    answer = api.get(f"/api/v1/io/{booking.pk}/export/pdf")

    assert (answer.status_code, answer.json()["code"]) == (503, "pdf_unavailable")
    assert "apt-get install" in answer.json()["detail"]
    assert answer.json()["print_view"] == f"/orders/{booking.order_id}/print"
    assert InsertionOrder.objects.get().number is None


def test_the_export_is_a_file_with_the_orders_name(tenant, api, monkeypatch):
    monkeypatch.setenv("ENABLE_IO_BOOKINGS", "1")

    answer = api.get(f"/api/v1/io/{a_booking().pk}/export/pdf")

    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"] == 'attachment; filename="ACME-2026-0001-v1.pdf"'
    assert answer.content.startswith(b"%PDF-1.7")


def test_the_print_view_carries_no_style_of_its_own(client, login, salesperson, monkeypatch):
    monkeypatch.setenv("ENABLE_IO_BOOKINGS", "1")
    login(client, salesperson)

    page = client.get(f"/orders/{a_booking().order_id}/print").content.decode()

    assert "<style" not in page
    assert " style=" not in page
    assert "/orders/brand.css" in page
    assert "--brand:#17473c" in client.get("/orders/brand.css").content.decode()


# --- how values are written ---
def test_values_are_written_the_way_orders_are_read():
    assert (money(0), money(5), money(-95_400), money(123_456_789)) == ("0.00", "0.05", "−954.00", "1,234,567.89")
    assert (percent(150), percent(125), percent(0)) == ("15\u00a0%", "12.5\u00a0%", "0\u00a0%")
    assert span("2027-01-11", "2027-02-07").replace("\u00a0", " ") == "11 Jan – 7 Feb 2027"
    assert span("2027-01-11", "2027-01-17").replace("\u00a0", " ") == "11 – 17 Jan 2027"
    assert span("2026-12-30", "2027-01-02").replace("\u00a0", " ") == "30 Dec 2026 – 2 Jan 2027"
    assert span("2027-01-11", "2027-01-11").replace("\u00a0", " ") == "11 Jan 2027"


def test_a_brand_nobody_could_read_on_white_gives_way():
    assert brand_colours("#ffee00")["brand"] == "#17473c"
    assert brand_colours("#7a1f3d")["brand"] == "#7a1f3d"


def test_names_lose_what_would_turn_the_page_around():
    assert clean("a\u202eb\u2066c\x00\x1bd\n e") == "abcd  e"
