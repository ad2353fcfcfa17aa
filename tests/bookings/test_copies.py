"""What hosts are to say: written by sales, answered by the show, frozen once approved, told when late."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from django_tenants.utils import tenant_context

from bookings.automation import late_copy
from bookings.models import AdUnit, BookingCopy
from bookings.queries.copies import late_copies
from bookings.services.copies import accept_copy, ask_for_change, check_late_copies, propose_copy
from bookings.subscribers import ask_the_show, tell_sales_of_a_change, tell_sales_of_late_copy
from tests.factories import (
    NOON,
    make_ad_unit,
    make_booking,
    make_campaign,
    make_podcast,
    make_sponsor,
    make_user,
)
from tracker.events.models import Event
from tracker.lib.actors import SYSTEM
from tracker.lib.errors import Conflict, DomainError

DAY = timedelta(days=1)
WHO_HEARS = {
    "copy.proposed": ask_the_show,
    "copy.change_asked": tell_sales_of_a_change,
    "copy.late": tell_sales_of_late_copy,
}


@pytest.fixture(autouse=True)
def _bookings_on(monkeypatch):
    monkeypatch.setenv("ENABLE_IO_BOOKINGS", "1")


def written(booking, text="Ask how they built it.", **more):
    return propose_copy(booking=booking, talking_points=text, by=SYSTEM, at=NOON, **more)


def creator_of(podcast, **fields):
    return make_user(role="creator", bindings={"podcast": [podcast.pk]}, **fields)


def statuses(booking):
    return list(BookingCopy.objects.filter(booking=booking).order_by("number").values_list("number", "status"))


def test_copy_waits_for_the_show_and_is_due_on_the_material_day_of_the_order(tenant):
    # The flight begins on Sunday 22 November at noon; five working days before it lies Monday the 16th.
    booking = make_booking()

    copy = written(booking, must_say="Code HALDEN.", disclosure="A paid message.")

    assert (copy.number, copy.status, copy.due_on) == (1, "proposed", date(2026, 11, 16))
    told = Event.objects.get(type="copy.proposed")
    assert (told.subject_id, told.data["copy_id"]) == (str(booking.pk), str(copy.pk))


def test_an_approved_copy_stays_in_force_until_the_next_one_is_approved(tenant):
    booking = make_booking()
    accept_copy(copy=written(booking), by=SYSTEM, at=NOON)
    second = written(booking, "Shorter, please.")
    third = written(booking, "Shorter still.")

    assert statuses(booking) == [(1, "approved"), (2, "replaced"), (3, "proposed")]

    accept_copy(copy=third, by=SYSTEM, at=NOON)

    assert statuses(booking) == [(1, "replaced"), (2, "replaced"), (3, "approved")]
    with pytest.raises(Conflict) as refusal:
        accept_copy(copy=second, by=SYSTEM, at=NOON)
    assert refusal.value.code == "copy_replaced"


def test_a_change_is_asked_for_with_words_and_told_once(tenant):
    copy = written(make_booking())
    with pytest.raises(DomainError) as refusal:
        ask_for_change(copy=copy, answer="  ", by=SYSTEM, at=NOON)
    assert refusal.value.code == "answer_required"

    for _twice in range(2):
        asked = ask_for_change(copy=copy, answer="We do not say “best”.", by=SYSTEM, at=NOON)

    assert (asked.status, asked.answer) == ("change_asked", "We do not say “best”.")
    assert Event.objects.filter(type="copy.change_asked").count() == 1


def test_accepting_twice_tells_it_once_and_an_approved_copy_is_not_sent_back(tenant):
    copy = written(make_booking())
    for _twice in range(2):
        accept_copy(copy=copy, by=SYSTEM, at=NOON)

    assert Event.objects.filter(type="copy.approved").count() == 1
    with pytest.raises(Conflict) as refusal:
        ask_for_change(copy=copy, answer="Too late?", by=SYSTEM, at=NOON)
    assert refusal.value.code == "copy_approved"


@pytest.mark.parametrize(
    "change",
    [
        {"talking_points": "Something else."},
        {"must_say": "Another code."},
        {"disclosure": ""},
        {"number": 9},
        {"status": "proposed"},
        {"due_on": date(2027, 1, 1)},
        {"decided_at": NOON + DAY},
    ],
)
def test_the_database_itself_refuses_to_change_an_approved_copy(tenant, change):
    copy = accept_copy(copy=written(make_booking(), must_say="Code.", disclosure="Paid."), by=SYSTEM, at=NOON)

    with pytest.raises(IntegrityError), transaction.atomic():
        BookingCopy.objects.filter(pk=copy.pk).update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        BookingCopy.objects.filter(pk=copy.pk).delete()

    assert list(BookingCopy.objects.values_list("talking_points", "status")) == [("Ask how they built it.", "approved")]


def test_the_words_of_a_waiting_copy_are_a_new_version_and_never_an_edit(tenant):
    copy = written(make_booking())

    with pytest.raises(IntegrityError), transaction.atomic():
        BookingCopy.objects.filter(pk=copy.pk).update(talking_points="Read this instead.")


def test_copy_without_words_or_of_an_ended_booking_is_refused(tenant):
    with pytest.raises(DomainError) as refusal:
        written(make_booking(), "  ")
    assert refusal.value.code == "talking_points_required"
    with pytest.raises(Conflict) as refusal:
        written(make_booking(booking_fields={"status": "completed"}))
    assert refusal.value.code == "booking_ended"


def test_late_copy_raises_one_alert_that_clears_itself(tenant, mailoutbox):
    owner = make_user(name="Ines Kovac")
    booking = make_booking(campaign=make_campaign(owner=owner), flight_start=NOON + 30 * DAY)
    copy = written(booking, due_on=NOON.date())

    # Due on 21 November: late from the 22nd on.
    assert check_late_copies(at=NOON) == (0, 0)
    assert check_late_copies(at=NOON + DAY) == (1, 0)
    assert check_late_copies(at=NOON + 2 * DAY) == (0, 0)
    copy.refresh_from_db()
    assert copy.late_told_at is not None

    accept_copy(copy=copy, by=SYSTEM, at=NOON + 3 * DAY)

    assert check_late_copies(at=NOON + 3 * DAY) == (0, 1)
    assert Event.objects.filter(type="copy.late").count() == 1


def test_a_read_without_any_copy_is_late_from_its_material_day_until_it_begins(tenant):
    # It begins on Monday 14 December; five working days before lies Monday the 7th.
    begins = datetime(2026, 12, 14, tzinfo=UTC)
    host = make_booking(flight_start=begins)
    make_booking(flight_start=begins, ad_unit=make_ad_unit(read_type=AdUnit.ReadType.PRODUCED))
    make_booking(flight_start=begins, status="held", held_until=begins)

    assert [one.booking for one in late_copies(at=begins - 7 * DAY)] == []
    assert [(one.booking, one.kind, one.due_on) for one in late_copies(at=begins - 6 * DAY)] == [
        (host, "missing", date(2026, 12, 7))
    ]
    assert late_copies(at=begins + DAY) == []


def test_the_late_list_asks_as_often_for_one_line_as_for_three(tenant, django_assert_num_queries):
    for count in (1, 2):
        for _line in range(count):
            written(make_booking(flight_start=NOON + 9 * DAY), due_on=NOON.date())
        with django_assert_num_queries(3):
            assert len(late_copies(at=NOON + DAY)) in (1, 3)


def test_the_job_tells_the_deals_owner_once_and_the_show_of_new_copy(tenant, mailoutbox):
    podcast = make_podcast(title="The Long Commute")
    creator_of(podcast, email="host@acme.example")
    owner = make_user(email="seller@acme.example")
    unit = make_ad_unit(podcast)
    deal = make_campaign(owner=owner, sponsor=make_sponsor(name="Halden"))
    booking = make_booking(campaign=deal, ad_unit=unit, flight_start=NOON + 30 * DAY)
    copy = written(booking, due_on=NOON.date())

    assert late_copy(at=NOON + DAY).counts == {"raised": 1, "cleared": 0}
    ask_for_change(copy=copy, answer="Shorter.", by=SYSTEM, at=NOON + DAY)
    for event in Event.objects.filter(type__startswith="copy.").order_by("seq"):
        WHO_HEARS[event.type](event)

    # The first version was answered when its letter was due, so the show is not asked again.
    assert [(mail.to, mail.subject) for mail in mailoutbox] == [
        (["seller@acme.example"], "Copy for Halden on The Long Commute is late"),
        (["seller@acme.example"], "The Long Commute asks for a change in copy"),
    ]
    written(booking, "Shorter.")
    ask_the_show(Event.objects.filter(type="copy.proposed").latest("seq"))
    assert mailoutbox[-1].to == ["host@acme.example"]
    assert f"/bookings/{booking.pk}/copy" in mailoutbox[-1].body


# --- pages ---
def test_the_creator_reads_accepts_and_the_page_says_that_it_is_frozen(client, login, tenant):
    booking = make_booking()
    copy = written(booking, must_say="Code HALDEN.", disclosure="A paid message.")
    login(client, creator_of(booking.ad_unit.podcast, name="Ada Host"))

    page = client.get(f"/bookings/{booking.pk}/copy").content.decode()
    assert ("Code HALDEN." in page, "Accept this copy" in page, "Send to the show" in page) == (True, True, False)
    answer = client.post(f"/bookings/{booking.pk}/copy/{copy.pk}/answer", {"decision": "accept"})

    assert answer.status_code == 302
    assert "Accepted by Ada Host" in client.get(f"/bookings/{booking.pk}/copy").content.decode()


def test_a_change_without_words_keeps_the_page_and_says_why(client, login, tenant):
    booking = make_booking()
    copy = written(booking)
    login(client, creator_of(booking.ad_unit.podcast))

    answer = client.post(f"/bookings/{booking.pk}/copy/{copy.pk}/answer", {"decision": "change", "answer": " "})

    assert (answer.status_code, "Write what should change." in answer.content.decode()) == (409, True)


def test_sales_writes_on_the_page_and_cannot_accept_for_the_show(client, login, salesperson):
    booking = make_booking()
    login(client, salesperson)
    body = {"talking_points": "Ask.", "must_say": "", "disclosure": "Paid.", "due_on": "2026-12-01"}

    assert client.post(f"/bookings/{booking.pk}/copy", body).status_code == 302
    copy = BookingCopy.objects.get()
    refused = client.post(f"/bookings/{booking.pk}/copy/{copy.pk}/answer", {"decision": "accept"})

    assert (copy.due_on, copy.written_by["label"], refused.status_code) == (
        date(2026, 12, 1),
        salesperson.name,
        403,
    )
    assert "Waiting for the creator" in client.get("/copy").content.decode()


def test_copy_is_seen_by_its_own_show_and_sponsor_alone(client, login, tenant, other_tenant):
    booking, other = make_booking(), make_booking()
    copy = written(other, "Not for your eyes")
    sponsor = make_user(role="advertiser", bindings={"sponsor": [other.campaign.sponsor_id]})
    with tenant_context(other_tenant):
        foreign = written(make_booking(), "Another house")

    login(client, creator_of(booking.ad_unit.podcast))
    for line, key in ((other.pk, copy.pk), (foreign.booking_id, foreign.pk), (booking.pk, copy.pk)):
        assert client.post(f"/bookings/{line}/copy/{key}/answer", {"decision": "accept"}).status_code == 404
    assert client.get(f"/bookings/{other.pk}/copy").status_code == 404
    assert "Not for your eyes" not in client.get("/copy").content.decode()

    login(client, sponsor)
    assert "Not for your eyes" in client.get(f"/bookings/{other.pk}/copy").content.decode()
    assert client.post(f"/bookings/{other.pk}/copy", {"talking_points": "Mine"}).status_code == 403
    assert client.get(f"/bookings/{booking.pk}/copy").status_code == 404


def test_the_desk_lists_copy_and_its_alerts_and_writes_a_version(client, login, salesperson):
    booking = make_booking(flight_start=NOON + 30 * DAY)
    written(booking, due_on=NOON.date())
    check_late_copies(at=NOON + DAY)
    login(client, salesperson)

    assert client.get("/admin/bookings/bookingcopy/").status_code == 200
    assert "has not answered" in client.get("/admin/bookings/copyalert/").content.decode()
    body = {"booking": str(booking.pk), "talking_points": "Anew.", "must_say": "", "disclosure": "", "due_on": ""}
    assert client.post("/admin/bookings/bookingcopy/add/", body).status_code == 302
    assert statuses(booking) == [(1, "replaced"), (2, "proposed")]
    page = client.get(f"/admin/bookings/bookingcopy/{BookingCopy.objects.latest('number').pk}/change/")
    assert (page.status_code, "Anew." in page.content.decode()) == (200, True)


# --- partners ---
def test_partners_write_and_creators_answer_over_the_api(tenant, api, api_of, other_tenant):
    booking = make_booking()
    path = f"/api/v1/io/{booking.pk}/copies"
    made = api.post(path, json.dumps({"talking_points": "Ask."}), content_type="application/json")
    assert (made.status_code, made.json()["version"], made.json()["status"]) == (201, 1, "proposed")
    host = api_of(tenant, role="creator", bindings={"podcast": [booking.ad_unit.podcast_id]})
    answer = f"{path}/{made.json()['copy_id']}/answer"

    def say(client, **body):
        return client.post(answer, json.dumps(body), content_type="application/json")

    assert say(api, decision="accept").status_code == 403
    assert say(host, decision="change").json()["code"] == "answer_required"
    assert say(host, decision="change", answer="Shorter.").json()["status"] == "change_asked"
    assert say(host, decision="accept").json()["status"] == "approved"
    assert [one["status"] for one in host.get(path).json()] == ["approved"]
    refused = host.post(path, json.dumps({"talking_points": "Mine."}), content_type="application/json")
    assert refused.status_code == 403

    elsewhere = api_of(tenant, role="creator", bindings={"podcast": [make_podcast().pk]})
    foreign = api_of(other_tenant)
    for client in (elsewhere, foreign):
        assert (client.get(path).status_code, say(client, decision="accept").status_code) == (404, 404)
