"""Bookings at the sales desk, through the admin's own pages."""

from datetime import timedelta

import pytest
from django.urls import reverse

from bookings.models import AdUnit, IOBooking, OrderProfile
from tests.factories import NOON, make_ad_unit, make_booking, make_campaign, make_episode, make_podcast


@pytest.fixture(autouse=True)
def _bookings_on(monkeypatch):
    monkeypatch.setenv("ENABLE_IO_BOOKINGS", "1")


@pytest.fixture
def desk(client, login, salesperson):
    return login(client, salesperson)


def booking_form(**over):
    return {
        "booked_impressions": "10000",
        "cpm": "25.50",
        "first_day": "2027-01-11",
        "last_day": "2027-02-07",
        "opens_as": "scheduled",
        "episode": "",
        "promo_code": "",
        "vanity_url": "",
        "landing_url": "",
        "external_ref": "",
        **over,
    }


def test_a_salesperson_adds_an_ad_unit(desk):
    podcast = make_podcast()

    answer = desk.post(
        reverse("admin:bookings_adunit_add"),
        {
            "podcast": podcast.pk,
            "name": "Pre-roll",
            "position": "pre",
            "index": 1,
            "duration_seconds": 30,
            "read_type": "host_read",
            "delivery": "baked_in",
            "lead_days": 3,
            "is_active": "on",
        },
    )

    assert answer.status_code == 302, answer.context["errors"]
    unit = AdUnit.objects.get()
    assert (unit.podcast, unit.name, unit.lead_days) == (podcast, "Pre-roll", 3)


def test_a_salesperson_books_whole_days_at_a_price_with_decimals(desk):
    unit, campaign = make_ad_unit(), make_campaign()

    answer = desk.post(reverse("admin:bookings_iobooking_add"), booking_form(campaign=campaign.pk, ad_unit=unit.pk))

    assert answer.status_code == 302, answer.context["errors"]
    booking = IOBooking.objects.get()
    assert (booking.booked_cpm_cents, booking.gross_cents) == (2550, 25_500)
    assert booking.flight_end - booking.flight_start == timedelta(days=28)


def test_a_slot_that_is_taken_is_a_red_line_and_nothing_typed_is_lost(desk):
    podcast = make_podcast()
    unit, episode = make_ad_unit(podcast), make_episode(podcast)
    make_booking(ad_unit=unit, episode=episode)

    answer = desk.post(
        reverse("admin:bookings_iobooking_add"),
        booking_form(campaign=make_campaign().pk, ad_unit=unit.pk, episode=episode.pk, promo_code="KEEPME"),
    )

    page = answer.content.decode()
    assert answer.status_code == 200
    assert "is sold already" in page
    assert "KEEPME" in page
    assert IOBooking.objects.count() == 1


def test_the_page_of_a_booking_shows_its_timeline_and_saves_changes(desk):
    booking = make_booking()
    address = reverse("admin:bookings_iobooking_change", args=[booking.pk])

    page = desk.get(address).content.decode()
    answer = desk.post(
        address,
        booking_form(
            booked_impressions="20000",
            cpm="25.00",
            first_day="2026-11-22",
            last_day="2026-12-20",
            promo_code=booking.promo_code,
            vanity_url=booking.vanity_url,
        ),
    )

    assert "<span>scheduled</span>" in page
    assert answer.status_code == 302, answer.context["errors"]
    changed = IOBooking.objects.get()
    assert changed.gross_cents == 50_000
    # The days were not touched, so the instants stay: noon, as the partner gave them.
    assert changed.flight_start == booking.flight_start


def test_a_booking_is_moved_by_a_form_that_names_what_cancelling_costs(desk):
    booking = make_booking(flight_start=NOON - timedelta(days=400), flight_end=NOON - timedelta(days=390))
    address = reverse("admin:bookings_iobooking_move", args=[booking.pk])

    page = desk.get(address).content.decode()
    refused = desk.post(address, {"to": "cancelled"}, follow=True).content.decode()
    desk.post(address, {"to": "cancelled", "reason": "budget cut"})

    assert "250.00" in page
    assert "Say why the booking is cancelled." in refused
    booking.refresh_from_db()
    assert (booking.status, booking.cancel_charge_cents) == ("cancelled", 25_000)


def test_the_order_is_printed_from_the_booking(desk):
    booking = make_booking()

    answer = desk.get(reverse("admin:bookings_iobooking_print_order", args=[booking.pk]))

    assert answer["Content-Type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF-")


def test_the_house_sets_how_it_appears_on_paper(client, login, administrator):
    login(client, administrator)

    first = client.get(reverse("admin:bookings_orderprofile_changelist"))

    assert first.url == reverse("admin:bookings_orderprofile_add")
    OrderProfile.objects.create(legal_name="Northlight")
    assert client.get(reverse("admin:bookings_orderprofile_changelist"), follow=True).status_code == 200


@pytest.mark.parametrize("name", ["adunit", "iobooking", "insertionorder"])
def test_each_list_and_page_opens_and_is_gone_when_bookings_are_off(desk, monkeypatch, name):
    booking = make_booking()
    key = {"adunit": booking.ad_unit_id, "iobooking": booking.pk, "insertionorder": booking.order_id}[name]
    pages = [reverse(f"admin:bookings_{name}_changelist"), reverse(f"admin:bookings_{name}_change", args=[key])]

    assert [desk.get(page).status_code for page in pages] == [200, 200]

    monkeypatch.delenv("ENABLE_IO_BOOKINGS")
    assert [desk.get(page).status_code for page in pages] == [403, 403]


def test_the_print_view_shows_the_order_to_its_own_advertiser_only(client, login, advertiser_user, tenant):
    booking = make_booking()
    login(client, advertiser_user)

    answer = client.get(reverse("bookings:order-print", args=[booking.order_id]))

    assert answer.status_code == 404


# --- an episode that moves ---
def sold_twice_at_another_drop():
    """An episode with a read of its own, sixty days ahead, and a flight over the whole show before it."""
    podcast = make_podcast()
    unit = make_ad_unit(podcast)
    episode = make_episode(podcast, title="Night trains", drops_at=NOON + timedelta(days=60))
    make_booking(ad_unit=unit, episode=episode)
    make_booking(ad_unit=unit, flight_start=NOON + timedelta(days=1), flight_end=NOON + timedelta(days=29))
    return episode


def test_a_drop_moved_onto_a_sold_slot_is_a_red_line_at_its_field(desk):
    episode = sold_twice_at_another_drop()
    body = {"title": "Night trains 2", "drops_at_0": "2026-11-30", "drops_at_1": "06:00:00", "guid": "", "number": ""}

    page = desk.post(f"/admin/metrics/episode/{episode.pk}/change/", body)

    assert page.status_code == 200
    (error,) = page.context["adminform"].form.errors["drops_at"]
    assert error.startswith("At that moment an ad unit of this episode is sold over the whole show")
    assert "Night trains 2" in page.content.decode()
    moved = desk.post(f"/admin/metrics/episode/{episode.pk}/change/", body | {"drops_at_0": "2027-03-01"})
    assert moved.status_code == 302
    episode.refresh_from_db()
    assert (episode.title, episode.drops_at.date().isoformat()) == ("Night trains 2", "2027-03-01")


def test_the_same_move_over_the_api_is_a_conflict(api):
    episode = sold_twice_at_another_drop()

    answer = api.patch(
        f"/api/v1/episodes/{episode.pk}", '{"drops_at": "2026-11-30T06:00:00Z"}', content_type="application/json"
    )

    assert (answer.status_code, answer.json()["code"]) == (409, "slot_taken")
