"""A booking's page: who sees it, what it tells, what is done on it; the sponsor's answer; proof; links."""

from datetime import date, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tenants.utils import tenant_context

from bookings.makegoods.offers import offer_makegood
from bookings.makegoods.ranking import RankedSlot
from bookings.makegoods.services import open_makegood
from bookings.models import AgreedCount, Aircheck, BillingLine, IOBooking, Makegood, Redemption
from tests.bookings.deliveries import make_episode, make_line, make_show, make_sponsor, measure, teach_curve
from tests.factories import make_user
from tracker.flags.models import FlagOverride
from tracker.lib.actors import SYSTEM

CLIP = b"ID3\x04\x00\x00\x00\x00\x00\x00 a read"


@pytest.fixture(autouse=True)
def _bookings_on(tenant):
    FlagOverride.objects.create(flag="ENABLE_IO_BOOKINGS", is_on=True)


@pytest.fixture
def today() -> date:
    return timezone.now().date()


def running_line(today: date, **fields) -> IOBooking:
    """A dynamic line of thirty days that began twenty days ago and delivered 400 a day of 1,000 expected."""
    show = fields.pop("show", None) or make_show(title="The Salt Road")
    start = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=20)
    episode = make_episode(show, start - timedelta(days=60))
    measure(episode, [400] * 20, first=start.date())
    fields.setdefault("booked", 30_000)
    return make_line(show=show, start=start, end=start + timedelta(days=30), **fields)


def read(answer) -> str:
    """The page as a person reads it: no-break spaces are spaces."""
    return answer.content.decode().replace("\xa0", " ")


def url(line: IOBooking, more: str = "") -> str:
    return f"/bookings/{line.pk}{more}"


def test_staff_see_how_a_booking_stands_and_may_act(client, login, sales_manager, today):
    line = running_line(today)
    login(client, sales_manager)

    page = read(client.get(url(line)))

    # 20 x 400 = 8,000 of 20,000 expected.
    for said in ("40.0 %", "8,000", "of 30,000 downloads", "Behind", "Open a case by hand", "measured by podtrail"):
        assert said in page


def test_a_creator_reads_their_own_shows_and_no_others(client, login, tenant, today):
    line, other = running_line(today), running_line(today, show=make_show())
    creator = make_user(role="creator", bindings={"podcast": [line.ad_unit.podcast_id]})
    login(client, creator)

    page = client.get(url(line))

    assert page.status_code == 200
    assert "Open a case by hand" not in page.content.decode()
    assert "Send proof" in page.content.decode()
    assert client.get(url(other)).status_code == 404
    assert client.post(url(line, "/cases"), {"note": "x"}).status_code == 403


def test_an_advertiser_reads_their_own_bookings_and_no_others(client, login, tenant, today):
    sponsor = make_sponsor(name="Fennelbox")
    line, other = running_line(today, sponsor=sponsor), running_line(today)
    login(client, make_user(role="advertiser", bindings={"sponsor": [sponsor.pk]}))

    page = client.get(url(line))

    assert page.status_code == 200
    assert "Send proof" not in page.content.decode()
    assert client.get(url(other)).status_code == 404
    assert client.get(url(line, "/proof")).status_code == 403


def test_another_tenants_booking_is_not_there(client, login, administrator, other_tenant, today):
    with tenant_context(other_tenant):
        theirs = running_line(today)
    login(client, administrator)

    for more in ("", "/proof"):
        assert client.get(url(theirs, more)).status_code == 404
    for more in ("/cases", "/count", "/bill", "/redemptions", "/proof/judge"):
        assert client.post(url(theirs, more)).status_code == 404


def test_with_bookings_switched_off_the_page_is_not_there(client, login, administrator, today):
    FlagOverride.objects.update(is_on=False)
    login(client, administrator)

    assert client.get(url(running_line(today))).status_code == 404


@pytest.mark.parametrize("delivery", ["dynamic", "baked_in"])
def test_a_booking_without_any_data_is_shown_as_unknown(client, login, administrator, delivery):
    login(client, administrator)

    page = client.get(url(make_line(delivery=delivery))).content.decode()

    assert "unknown" in page
    assert "Nothing measured yet" in page
    assert "0.0 %" not in page


def test_the_page_asks_as_often_for_one_episode_as_for_many(client, login, administrator):
    def line_of(episodes: int) -> IOBooking:
        show = make_show()
        now = timezone.now()
        teach_curve(show, episodes=10, until=(now - timedelta(days=80)).date())
        for back in range(episodes):
            drop = now - timedelta(days=5 + back)
            measure(make_episode(show, drop, is_published=True), [100] * (5 + back), first=drop.date())
        return make_line(show=show, delivery="baked_in", start=now - timedelta(days=30), end=now + timedelta(days=5))

    login(client, administrator)
    one, many = line_of(1), line_of(8)
    client.get(url(one))

    with CaptureQueriesContext(connection) as for_one:
        client.get(url(one))
    with CaptureQueriesContext(connection) as for_many:
        client.get(url(many))

    assert len(for_many) <= len(for_one)


# --- cases on the page ------------------------------------------------------------------------------------------------
def test_a_case_is_opened_credited_and_told_on_the_page(client, login, sales_manager, today):
    line = running_line(today)
    login(client, sales_manager)

    opened = client.post(url(line, "/cases"), {"note": "agreed on the phone", "owed_impressions": "5000"}, follow=True)
    case = Makegood.objects.get()

    assert "Makegood opened." in opened.content.decode()
    assert (case.owed_impressions, case.owed_cents, case.reason) == (5_000, 12_500, "by_hand")

    waived = client.post(url(line, f"/cases/{case.pk}/waive"), {"reason": ""}, follow=True).content.decode()
    assert "a waiver needs its reason" in waived

    client.post(url(line, f"/cases/{case.pk}/credit"), {"reason": "next invoice"})
    case.refresh_from_db()
    assert (case.status, case.credited_cents) == ("credited", 12_500)


def test_slots_are_offered_and_taken_through_the_private_link(client, login, sales_manager, today):
    line = running_line(today)
    login(client, sales_manager)
    case = open_makegood(booking=line, reason="by_hand", owed_impressions=2_000, by=SYSTEM, at=timezone.now())

    page = client.post(url(line, f"/cases/{case.pk}/offer"), {"slot": ["0"]}, follow=True).content.decode()

    assert "shown once" in page
    link = page.split('id="offer-link">')[1].split("<")[0]
    assert "shown once" not in client.get(url(line)).content.decode()

    client.logout()
    path = "/makegood/" + link.rpartition("/")[2]
    offered = client.get(path)
    assert offered.status_code == 200
    assert "2,000 downloads" in offered.content.decode()
    option = case.offers.get().options.first()
    assert client.post(path, {"option": str(option.pk), "name": ""}).status_code == 400

    answered = client.post(path, {"option": str(option.pk), "name": "Lena Abt", "answer": "accept"}, follow=True)

    case.refresh_from_db()
    assert "Lena Abt" in answered.content.decode()
    assert (case.status, case.replacement.gross_cents, case.replacement.makegood_of) == ("scheduled", 0, line)


def test_a_guessed_link_leads_nowhere_and_one_of_another_house_neither(client, other_tenant, tenant, today):
    with tenant_context(other_tenant):
        theirs = running_line(today)
        case = open_makegood(booking=theirs, reason="by_hand", owed_impressions=9, by=SYSTEM, at=timezone.now())
        slot = RankedSlot(
            theirs.ad_unit, None, theirs.flight_end, theirs.flight_end + timedelta(days=3), 9, "ask_first", ""
        )
        _offer, token = offer_makegood(case=case, slots=[slot], by=SYSTEM, at=timezone.now())

    assert client.get(f"/makegood/{token}").status_code == 404
    assert client.get("/makegood/guess").status_code == 404


# --- proof ------------------------------------------------------------------------------------------------------------
def send_proof(client, line, **fields):
    file = SimpleUploadedFile(fields.pop("name", "read.mp3"), fields.pop("content", CLIP))
    return client.post(url(line, "/proof"), {"file": file, "episode": "", **fields}, follow=True)


def test_a_proof_that_is_late_is_called_overdue_where_it_is_sent_too(client, login, tenant, sales_manager):
    login(client, sales_manager)
    show = make_show()
    drop = timezone.now() - timedelta(days=24)
    make_episode(show, drop, is_published=True)
    line = make_line(show=show, delivery="baked_in", start=drop - timedelta(hours=5), end=drop + timedelta(days=30))

    assert "Overdue" in read(client.get(url(line, "/proof")))


def test_a_creator_sends_proof_and_staff_approve_it(client, login, tenant, sales_manager, today):
    line = running_line(today)
    login(client, make_user(role="creator", bindings={"podcast": [line.ad_unit.podcast_id]}))

    sent = send_proof(client, line, offset_seconds="1510", length_seconds="62")

    proof = Aircheck.objects.get()
    assert "Proof sent." in sent.content.decode()
    assert (proof.file_name, proof.offset_seconds, proof.length_seconds) == ("read.mp3", 1_510, 62)
    assert "read" not in proof.file.name
    clip = client.get(url(line, f"/proof/{proof.pk}/file"))
    assert (b"".join(clip.streaming_content), clip["Content-Disposition"]) == (CLIP, 'attachment; filename="read.mp3"')

    login(client, sales_manager)
    client.post(url(line, "/proof/judge"), {"verdict": "approved", "episode": ""})

    proof.refresh_from_db()
    assert (proof.verdict, Makegood.objects.count()) == ("approved", 0)


def test_a_bad_read_opens_a_case_and_needs_a_reason(client, login, sales_manager, today):
    line = running_line(today)
    login(client, sales_manager)
    send_proof(client, line)

    refused = client.post(url(line, "/proof/judge"), {"verdict": "stale", "episode": ""}, follow=True).content.decode()
    assert "Say what is wrong with the read." in refused
    for _ in range(2):
        client.post(url(line, "/proof/judge"), {"verdict": "stale", "episode": "", "reason": "last year's offer"})

    (case,) = Makegood.objects.all()
    assert (case.reason, case.owed_impressions, case.note) == ("stale", 30_000, "last year's offer")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("read.mp3", b"<html>", "not a sound or video file"),
        ("read.html", CLIP, "not a sound or video file"),
        ("read.mp3", CLIP + b"0" * (25 * 2**20), "25 MiB"),
    ],
)
def test_only_sound_of_a_decent_size_is_taken(client, login, sales_manager, today, name, content, said):
    line = running_line(today)
    login(client, sales_manager)

    answer = send_proof(client, line, name=name, content=content)

    assert answer.status_code == 400
    assert said in answer.content.decode()
    assert not Aircheck.objects.exists()


# --- counts, billing, sales -------------------------------------------------------------------------------------------
def closed_line(today: date, **fields) -> IOBooking:
    """A dynamic line of ten days that is over; the host counted 9,000, a third party 8,400."""
    show = make_show()
    start = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=20)
    episode = make_episode(show, start - timedelta(days=60))
    measure(episode, [900] * 20, first=start.date())
    measure(episode, [840] * 20, first=start.date(), source="earprint")
    order = {"commission_permille": 150}
    return make_line(show=show, start=start, end=start + timedelta(days=10), order=order, status="completed", **fields)


def test_two_counts_are_compared_agreed_and_billed_when_proof_is_there(client, login, sales_manager, today):
    line = closed_line(today)
    login(client, sales_manager)

    page = read(client.get(url(line)))
    # 8,400 against 9,000: 6.7 % less.
    assert "−6.7 %" in page
    assert "no agreed count, 1 of 1 reads not approved" in page
    client.post(url(line, "/bill"))
    assert not BillingLine.objects.exists()

    client.post(url(line, "/count"), {"impressions": "8700", "reason": "met in the middle"})
    send_proof(client, line)
    client.post(url(line, "/proof/judge"), {"verdict": "approved", "episode": ""})
    for _ in range(2):
        client.post(url(line, "/bill"))

    agreed, billed = AgreedCount.objects.get(), BillingLine.objects.get()
    assert (agreed.recorded_impressions, agreed.third_party, agreed.third_party_impressions) == (
        9_000,
        "earprint",
        8_400,
    )
    # 8,700 x 25.00 / 1000 = 217.50; 15 % of that is 32.625, rounded half up to 32.63.
    assert (billed.gross_cents, billed.commission_cents, billed.net_cents) == (21_750, 3_263, 18_487)
    export = client.get("/billing.csv").content.decode().splitlines()
    assert len(export) == 2
    assert ",8700,2500,21750,3263,18487,EUR," in export[1]


def test_a_later_agreement_replaces_the_earlier_one(client, login, sales_manager, today):
    line = closed_line(today)
    login(client, sales_manager)

    for impressions in ("8700", "8600", "8650"):
        client.post(url(line, "/count"), {"impressions": impressions, "reason": "talked"})

    first, second, third = AgreedCount.objects.order_by("agreed_at")
    assert (first.replaced_by, second.replaced_by, third.replaced_by) == (second, third, None)
    assert third.impressions == 8_650


def test_billing_never_exceeds_the_contract(client, login, sales_manager, today):
    line = closed_line(today, booked=5_000)
    login(client, sales_manager)

    client.post(url(line, "/count"), {"impressions": "9000", "reason": "as counted"})

    # 5,000 x 25.00 / 1000
    assert "€125.00" in client.get(url(line)).content.decode()


def test_redemptions_are_read_once_and_bad_rows_named(client, login, sales_manager, today):
    line = running_line(today, promo_code="Salt", order={"currency": "USD"})
    login(client, sales_manager)
    yesterday = today - timedelta(days=1)
    rows = [f"SALT,{today},3,9000", f"salt,{yesterday},2,", "salt,soon,1,1"]
    report = "\n".join(["promo_code,day,orders,revenue_cents", *rows])

    for _ in range(2):
        file = SimpleUploadedFile("sales.csv", report.encode())
        page = client.post(url(line, "/redemptions"), {"file": file}, follow=True).content.decode()

    assert "2 rows taken, 1 not." in page
    assert "Line 4, day" in page
    assert sorted(Redemption.objects.values_list("orders", "revenue_cents")) == [(2, None), (3, 9_000)]
    # 5 redemptions, 90.00 in sales; spent: 8,000 x 25.00 / 1000 = 200.00, 40.00 a sale.
    for said in ("$90.00", "$40.00", "0.45"):
        assert said in page


# --- lists and rules of the sales desk --------------------------------------------------------------------------------
def test_sales_and_ops_list_the_cases_of_the_house(client, login, tenant, today):
    line = running_line(today, sponsor=make_sponsor(name="Fennelbox"))
    open_makegood(booking=line, reason="late", owed_impressions=1_200, by=SYSTEM, at=timezone.now())

    for role in ("sales_manager", "ops"):
        login(client, make_user(role=role))
        page = read(client.get("/admin/bookings/makegood/"))
        for said in ("Fennelbox", "1,200", "€30.00", f"/bookings/{line.pk}#mk"):
            assert said in page


def test_a_house_draws_its_own_bands(client, login, administrator, today):
    line = running_line(today, booked=12_500)
    login(client, administrator)
    # 8,000 of 8,333 expected: 96.0 %.
    assert "Watch" in read(client.get(url(line)))

    answer = client.post(
        "/admin/bookings/deliverypolicy/add/",
        {"watch_from_pct": 90, "on_track_from_pct": 95, "over_above_pct": 110, "proof_days": 7},
    )

    assert answer.status_code == 302
    assert "On track" in read(client.get(url(line)))
