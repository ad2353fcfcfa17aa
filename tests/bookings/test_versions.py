"""Orders that people sign: frozen versions, their differences, the private link."""

from datetime import timedelta
from io import BytesIO

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from django_tenants.utils import tenant_context
from pypdf import PdfReader

from bookings.models import InsertionOrder, OrderSignature, OrderVersion, SigningLink
from bookings.services import change_booking, export_pdf, send_order, sign_order
from tests.factories import NOON, make_ad_unit, make_booking, make_campaign, make_sponsor
from tests.paper import needs_pango
from tracker.events.models import Event
from tracker.lib.actors import SYSTEM
from tracker.lib.errors import Conflict, DomainError, NotFound

pytestmark = needs_pango
BUYER = ["buyer@harbour.example"]


def send(order, at=NOON):
    return send_order(order=order, to=BUYER, by=SYSTEM, at=at)


def secret_of(sent) -> str:
    return sent.signing_url.rsplit("/", 1)[1]


def sign(sent, at=NOON, **over):
    given = {"name": "Marcus Adeyemi", "title": "Audio buyer", "digest": sent.version.digest, **over}
    return sign_order(secret=secret_of(sent), at=at, **given)


def text_of(content) -> str:
    return " ".join(" ".join(page.extract_text() for page in PdfReader(BytesIO(content)).pages).split())


def test_sending_freezes_the_order_and_mails_it_with_its_private_link(tenant, real_paper):
    booking = make_booking()

    sent = send(booking.order)

    order = InsertionOrder.objects.get()
    assert (order.status, order.version, order.number, sent.is_new) == ("sent", 1, "ACME-2026-0001", True)
    letter = mail.outbox[0]
    assert letter.to == BUYER
    assert sent.signing_url in letter.body
    assert letter.attachments[0][0] == "ACME-2026-0001-v1.pdf"
    assert bytes(letter.attachments[0][1]) == bytes(sent.version.pdf)
    # The secret is in the mail and nowhere else.
    assert secret_of(sent) not in str(list(SigningLink.objects.values())) + str(list(Event.objects.values()))


def test_a_sent_order_is_the_same_bytes_for_ever_whatever_changes_in_the_product(tenant, real_paper):
    booking = make_booking()
    sent = send(booking.order)
    change_booking(booking=booking, by=SYSTEM, at=NOON, booked_impressions=99_000)

    first = export_pdf(booking=booking, by=SYSTEM, at=NOON)
    second = export_pdf(booking=booking, by=SYSTEM, at=NOON + timedelta(days=9))

    assert first.content == second.content == bytes(sent.version.pdf)
    assert "99,000" not in text_of(first.content)


def test_the_database_itself_keeps_a_sent_version_and_its_signatures_as_they_are(tenant):
    sent = send(make_booking().order)
    sign(sent)
    version = OrderVersion.objects.get()

    for rows, changes in (
        (OrderVersion.objects.all(), {"document": {}}),
        (OrderVersion.objects.all(), {"digest": "0" * 64}),
        (OrderVersion.objects.all(), {"pdf": b"%PDF other"}),
        (OrderVersion.objects.all(), {"signed_pdf": b"%PDF other"}),
        (OrderSignature.objects.all(), {"name": "Somebody Else"}),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.update(**changes)
    for rows in (OrderSignature.objects.all(), OrderVersion.objects.all()):
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.delete()

    assert bytes(OrderVersion.objects.get().pdf) == bytes(version.pdf)
    assert OrderSignature.objects.count() == 2


def test_the_buyer_signs_with_name_title_and_hash_and_a_second_time_changes_nothing(tenant, real_paper):
    booking = make_booking(status="held")
    sent = send(booking.order)

    sign(sent)
    sign(sent, name="Somebody Else")

    booking.refresh_from_db()
    order = InsertionOrder.objects.get()
    campaign = booking.campaign
    campaign.refresh_from_db()
    assert (order.status, order.signed_at, booking.status) == ("signed", NOON, "scheduled")
    assert campaign.has_accepted_order
    signature = sent.version.signatures.get(side="buyer")
    assert (signature.name, signature.digest) == ("Marcus Adeyemi", sent.version.digest)
    paper = text_of(export_pdf(booking=booking, by=SYSTEM, at=NOON).content)
    assert "Signed" in paper
    assert "Marcus Adeyemi" in paper
    assert Event.objects.filter(type="order.signed").count() == 1


@pytest.mark.parametrize(
    ("over", "code"),
    [({"name": " . "}, "name_required"), ({"title": ""}, "title_required"), ({"digest": "0" * 64}, "version_changed")],
)
def test_a_signature_without_name_title_or_the_right_text_is_refused(tenant, over, code):
    sent = send(make_booking().order)

    with pytest.raises(DomainError) as refusal:
        sign(sent, **over)

    assert refusal.value.code == code
    assert InsertionOrder.objects.get().status == "sent"


def test_a_link_ends_when_it_expires_and_when_a_new_one_is_sent(tenant):
    order = make_booking().order
    first = send(order)
    again = send(order)

    assert (again.is_new, again.version.pk) == (False, first.version.pk)
    with pytest.raises(NotFound):
        sign(first)
    with pytest.raises(NotFound):
        sign(again, at=NOON + timedelta(days=28))
    assert sign(again, at=NOON + timedelta(days=27)).number == 1


def test_a_material_change_is_a_new_version_that_asks_for_a_new_signature(tenant, real_paper):
    booking = make_booking(booked_impressions=220_000, booked_cpm_cents=2_650)
    first = send(booking.order)
    sign(first)
    change_booking(booking=booking, by=SYSTEM, at=NOON, booked_impressions=240_000)

    second = send(InsertionOrder.objects.get())

    order = InsertionOrder.objects.get()
    assert (second.version.number, second.version.severity, order.status) == (2, "material", "sent")
    assert "line 1, impressions from 220,000 to 240,000" in second.version.changes[0]
    assert "line 1, gross from 5,830.00 to 6,360.00" in second.version.changes[0]
    assert "A new signature is needed." in second.version.changes[0]
    assert "2, replaces 1" in text_of(bytes(second.version.pdf))
    with pytest.raises(NotFound):
        sign(first)
    assert OrderVersion.objects.get(number=1).pdf == first.version.pdf


def test_a_minor_change_leaves_a_signed_order_signed(tenant):
    booking = make_booking()
    sign(send(booking.order))
    InsertionOrder.objects.update(buyer_reference="PO 48-2201")

    second = send(InsertionOrder.objects.get())

    assert (second.version.severity, second.version.needs_signature) == ("minor", False)
    assert InsertionOrder.objects.get().status == "signed"


def test_another_advertiser_is_a_critical_change(tenant):
    booking = make_booking()
    send(booking.order)
    booking.campaign.sponsor = make_sponsor(name="Somebody Else Ltd")
    booking.campaign.save()

    assert send(InsertionOrder.objects.get()).version.severity == "critical"


def test_an_order_is_sent_only_with_lines_that_hold_their_slots_and_to_real_addresses(tenant):
    draft = make_booking(status="draft")

    with pytest.raises(Conflict) as unsafe:
        send(draft.order)
    with pytest.raises(DomainError) as address:
        send_order(order=draft.order, to=["nobody"], by=SYSTEM, at=NOON)

    assert (unsafe.value.code, address.value.code) == ("line_is_draft", "recipient_invalid")
    assert InsertionOrder.objects.get().number is None


def test_a_line_booked_after_sending_begins_a_new_order(tenant):
    booking = make_booking()
    send(booking.order)

    later = make_booking(campaign=booking.campaign, ad_unit=make_ad_unit())

    assert later.order_id != booking.order_id


# --- the page ---
def test_the_page_of_a_link_is_read_signed_and_private(tenant, client):
    sent = send(make_booking(campaign=make_campaign(name="Winter launch")).order)
    address = f"/sign/{secret_of(sent)}"

    page = client.get(address)
    signed = client.post(address, {"name": "Ana", "title": "Lead", "digest": sent.version.digest}, follow=True)

    assert "Winter launch" in page.content.decode()
    assert sent.version.digest in page.content.decode()
    assert (page["Referrer-Policy"], page["X-Robots-Tag"]) == ("same-origin", "noindex, nofollow")
    assert "Both sides are bound" in signed.content.decode()
    assert client.get(f"{address}/order.pdf").content.startswith(b"%PDF")


def test_a_wrong_secret_and_another_houses_are_a_friendly_404(tenant, other_tenant, client):
    with tenant_context(other_tenant):
        foreign = send(make_booking().order)

    answers = [client.get(f"/sign/{secret}") for secret in (secret_of(foreign), "x" * 43)]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert "not valid any more" in answers[0].content.decode()
    assert client.get(f"/sign/{secret_of(foreign)}/order.pdf").status_code == 404


def test_a_refused_signature_keeps_what_was_typed(tenant, client):
    sent = send(make_booking().order)

    answer = client.post(f"/sign/{secret_of(sent)}", {"name": "Ana", "title": "Lead", "digest": "0" * 64})

    assert answer.status_code == 409
    assert 'value="Ana"' in answer.content.decode()


def test_the_desk_sends_an_order_and_sees_its_versions(client, login, salesperson, monkeypatch):
    monkeypatch.setenv("ENABLE_IO_BOOKINGS", "1")
    login(client, salesperson)
    order = make_booking().order
    page = f"/admin/bookings/insertionorder/{order.pk}/send/"

    assert client.get(page).status_code == 200
    client.post(page, {"to": "buyer@harbour.example; second@harbour.example", "note": "As agreed."})

    version = OrderVersion.objects.get()
    assert mail.outbox[0].to == ["buyer@harbour.example", "second@harbour.example"]
    assert "As agreed." in mail.outbox[0].body
    shown = client.get(f"/admin/bookings/insertionorder/{order.pk}/change/").content.decode()
    assert version.digest in shown
    assert client.get(f"/orders/versions/{version.pk}.pdf").content.startswith(b"%PDF")
