"""What is free: the slot calendar, the avails of a wish, the feeds of calendar programs."""

import json
import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tenants.utils import tenant_context
from icalendar import Calendar

from bookings.models import CalendarFeed, IOBooking, OrderProfile
from bookings.queries import Wish, avails_for, inventory_calendar
from bookings.services import block_slot
from metrics.models import Podcast
from tests.factories import (
    NOON,
    make_ad_unit,
    make_booking,
    make_campaign,
    make_episode,
    make_podcast,
    make_sponsor,
    make_user,
)
from tracker.flags.services import switch
from tracker.lib.actors import SYSTEM

DAY = timedelta(days=1)
# The Monday after NOON, and episodes on its Wednesdays.
MONDAY = date(2026, 11, 23)
WEDNESDAY = datetime(2026, 11, 25, 6, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _bookings_on(monkeypatch):
    monkeypatch.setenv("ENABLE_IO_BOOKINGS", "1")


def states(podcast, weeks=4):
    found = inventory_calendar([podcast], monday=MONDAY, weeks=weeks, at=NOON)
    return [[(slot.state, slot.who) for slot in week] for row in found.rows for week in row.weeks]


def test_the_calendar_tells_of_each_slot_whether_it_is_open_held_sold_or_blocked(tenant):
    podcast = make_podcast()
    unit = make_ad_unit(podcast)
    weekly = [make_episode(podcast, drops_at=WEDNESDAY + week * 7 * DAY) for week in range(4)]
    sponsor = make_sponsor(name="Halden")
    make_booking(ad_unit=unit, episode=weekly[1], campaign=make_campaign(sponsor=sponsor))
    make_booking(ad_unit=unit, episode=weekly[2], campaign=make_campaign(sponsor=sponsor), status="held")
    block_slot(
        ad_unit=unit, episode=weekly[3], flight_start=NOON, flight_end=NOON + DAY, reason="own ad", by=SYSTEM, at=NOON
    )

    assert states(podcast) == [[("open", "")], [("sold", "Halden")], [("held", "Halden")], [("blocked", "own ad")]]


def test_weeks_that_nobody_planned_show_the_usual_days(tenant):
    podcast = make_podcast(release_weekdays=[0, 3])
    make_ad_unit(podcast)

    found = inventory_calendar([podcast], monday=MONDAY, weeks=1, at=NOON)

    assert [(slot.starts_on, slot.is_planned) for slot in found.rows[0].weeks[0]] == [
        (date(2026, 11, 23), False),
        (date(2026, 11, 26), False),
    ]


def test_a_dynamic_unit_is_one_slot_a_week(tenant):
    podcast = make_podcast()
    unit = make_ad_unit(podcast, delivery="dynamic")
    start = datetime(2026, 12, 2, tzinfo=UTC)
    make_booking(ad_unit=unit, flight_start=start, flight_end=start + DAY, campaign=make_campaign())

    assert [week[0][0] for week in states(podcast)] == ["open", "sold", "open", "open"]


def test_the_calendar_asks_as_often_for_one_show_as_for_five(tenant):
    def shows(count):
        made = [make_podcast() for _show in range(count)]
        for podcast in made:
            make_booking(ad_unit=make_ad_unit(podcast), episode=make_episode(podcast, drops_at=WEDNESDAY))
        return made

    def asked(podcasts):
        with CaptureQueriesContext(connection) as queries:
            inventory_calendar(podcasts, monday=MONDAY, weeks=8, at=NOON)
            avails_for(Wish(MONDAY, MONDAY + 27 * DAY, impressions=1), podcasts, at=NOON)
        return len(queries)

    one = shows(1)
    asked(one)
    assert asked(one) == asked(shows(5))


# --- avails ---
def avail(podcast, **wish):
    wish.setdefault("first_day", MONDAY)
    wish.setdefault("last_day", MONDAY + 13 * DAY)
    (found,) = avails_for(Wish(**wish), [podcast], at=NOON)
    return found.answer, [code for code, _words in found.reasons]


def test_a_wish_is_available_partly_or_not_with_the_reason(tenant):
    podcast = make_podcast()
    unit = make_ad_unit(podcast, impressions_per_day=1_000, rate_cpm_cents=2_000)
    first, second = (make_episode(podcast, drops_at=WEDNESDAY + week * 7 * DAY) for week in range(2))

    assert avail(podcast, impressions=14_000, budget_cents=28_000) == ("available", [])
    # 14,000 at 20.00 is 280.00.
    assert avail(podcast, impressions=14_000, budget_cents=27_999) == ("partly", ["over_budget"])
    assert avail(podcast, impressions=14_001) == ("partly", ["too_few_impressions"])
    make_booking(ad_unit=unit, episode=first)
    assert avail(podcast) == ("partly", ["some_taken"])
    make_booking(ad_unit=unit, episode=second)
    assert avail(podcast) == ("not", ["sold_out"])
    assert avail(podcast, first_day=MONDAY + 60 * DAY, last_day=MONDAY + 61 * DAY) == ("not", ["no_episode"])


def test_rivals_lead_time_and_length_stand_in_a_wishs_way(tenant):
    OrderProfile.objects.create(separation="flight")
    podcast = make_podcast()
    make_ad_unit(podcast, delivery="dynamic", lead_days=5, max_flight_days=7)
    rival = make_campaign(sponsor=make_sponsor(category="Bikes"))
    other = make_ad_unit(podcast, delivery="dynamic", is_active=True)
    make_booking(campaign=rival, ad_unit=other, flight_start=NOON + 3 * DAY, flight_end=NOON + 9 * DAY)

    found = avails_for(Wish(MONDAY, MONDAY + 13 * DAY, category="bikes"), [podcast], at=NOON)

    codes = {one.unit.pk: [code for code, _words in one.reasons] for one in found}
    assert codes[other.pk] == ["competitor", "sold_out"]
    assert sorted(codes.values())[1] == ["lead_time", "flight_length", "competitor"]


def test_a_wish_counts_the_days_of_the_release_schedule_that_nobody_planned_yet(tenant):
    podcast = make_podcast(release_weekdays=[2])
    unit = make_ad_unit(podcast)
    make_episode(podcast, drops_at=WEDNESDAY)
    wish = Wish(first_day=MONDAY, last_day=MONDAY + 20 * DAY)

    (avail,) = avails_for(wish, [podcast], at=NOON)
    assert (avail.answer, avail.free, avail.slots) == ("available", 3, 3)
    day = WEDNESDAY.replace(hour=0) + 7 * DAY
    make_booking(ad_unit=unit, flight_start=day, flight_end=day + DAY)
    (avail,) = avails_for(wish, [podcast], at=NOON)
    assert (avail.answer, avail.free, avail.slots) == ("partly", 2, 3)


def test_a_day_of_the_release_schedule_is_held_from_the_calendar(client, login, salesperson):
    login(client, salesperson)
    day = (timezone.now() + 14 * DAY).date()
    unit = make_ad_unit(make_podcast(release_weekdays=[day.weekday()]))
    address = f"/inventory/slot?unit={unit.pk}&day={day.isoformat()}"
    assert address.replace("&", "&amp;") in client.get("/inventory").content.decode()
    body = {"act": "hold", "campaign": make_campaign().pk, "last_day": day, "booked_impressions": "9", "cpm": "1"}

    assert client.post(address, body).status_code == 302
    episode = make_episode(unit.podcast, drops_at=datetime(day.year, day.month, day.day, 6, tzinfo=UTC))
    again = client.post(f"{address}&episode={episode.pk}", body | {"campaign": make_campaign().pk})

    assert (again.status_code, IOBooking.objects.get().status) == (409, "held")


def test_an_episode_with_a_rival_in_it_is_no_avail_of_that_category(tenant):
    OrderProfile.objects.create(separation="episode")
    podcast = make_podcast()
    _unit, other = make_ad_unit(podcast, name="Mid-roll 1"), make_ad_unit(podcast, name="Mid-roll 2")
    weekly = [make_episode(podcast, drops_at=WEDNESDAY + week * 7 * DAY) for week in range(2)]
    rival = make_campaign(sponsor=make_sponsor(category="Bikes"))
    make_booking(ad_unit=other, episode=weekly[0], campaign=rival)
    window = {"first_day": MONDAY, "last_day": MONDAY + 13 * DAY}

    def answers(**more):
        found = avails_for(Wish(**window, **more), [podcast], at=NOON)
        return {
            avail.unit.name: (avail.answer, avail.free, [code for code, _words in avail.reasons]) for avail in found
        }

    assert answers()["Mid-roll 1"] == ("available", 2, [])
    assert answers(category="bikes")["Mid-roll 1"] == ("partly", 1, ["some_taken", "competitor"])
    assert answers(category="bikes", sponsor_id=rival.sponsor_id)["Mid-roll 1"] == ("available", 2, [])
    make_booking(ad_unit=other, episode=weekly[1], campaign=rival)
    assert answers(category="bikes")["Mid-roll 1"] == ("not", 0, ["competitor"])


def test_a_shared_unit_offers_what_is_left_of_it(tenant):
    podcast = make_podcast()
    unit = make_ad_unit(podcast, delivery="dynamic", is_shared=True, impressions_per_day=1_000)
    start = datetime(2026, 11, 23, tzinfo=UTC)
    make_booking(ad_unit=unit, flight_start=start, flight_end=start + 14 * DAY, booked_impressions=10_000)

    assert avail(podcast, impressions=4_000) == ("available", [])
    assert avail(podcast, impressions=4_001) == ("partly", ["too_few_impressions"])


def test_partners_ask_for_avails_in_one_call(tenant, api):
    podcast = make_podcast(title="The Long Commute")
    make_ad_unit(podcast, delivery="dynamic")
    make_ad_unit(make_podcast(), delivery="dynamic")
    body = {"first_day": "2027-01-11", "last_day": "2027-02-07", "podcast_ids": [str(podcast.pk)]}

    answer = api.post("/api/v1/io/avails", json.dumps(body), content_type="application/json")

    assert answer.status_code == 200
    assert [(row["podcast"], row["answer"]) for row in answer.json()["avails"]] == [("The Long Commute", "available")]
    body["last_day"] = "2027-01-01"
    assert api.post("/api/v1/io/avails", json.dumps(body), content_type="application/json").status_code == 422


# --- the page ---
def test_the_page_shows_slots_and_leads_to_booking_them(client, login, salesperson):
    login(client, salesperson)
    unit = make_ad_unit(make_podcast(title="The Long Commute"))
    make_episode(unit.podcast, drops_at=timezone.now() + 7 * DAY)

    page = client.get("/inventory").content.decode()

    assert "The Long Commute" in page
    assert f"/inventory/slot?unit={unit.pk}&amp;episode=" in page


def test_the_desk_has_the_grid_inside_the_admin(client, login, salesperson):
    unit = make_ad_unit(make_podcast(title="Slow Signal", release_weekdays=[0]))
    login(client, salesperson)

    page = client.get("/admin/bookings/adunit/calendar/").content.decode()
    assert "Slow Signal" in page
    assert re.search(rf"/inventory/slot\?unit={unit.pk}[^\"]*&amp;desk=1\"", page)

    switch(flag="ENABLE_IO_BOOKINGS", on=False)
    assert client.get("/admin/bookings/adunit/calendar/").status_code == 403


@pytest.mark.parametrize("role", ["creator", "advertiser"])
def test_who_does_not_sell_has_no_grid_in_the_admin(client, login, tenant, role):
    login(client, make_user(role=role))

    assert client.get("/admin/bookings/adunit/calendar/", follow=True).status_code == 403


def test_the_page_is_empty_kindly_and_gone_when_bookings_are_off(client, login, salesperson, monkeypatch):
    login(client, salesperson)
    assert "Nothing is for sale here yet" in client.get("/inventory?from=nonsense").content.decode()

    monkeypatch.delenv("ENABLE_IO_BOOKINGS")
    assert client.get("/inventory").status_code == 404


def test_a_creator_sees_their_own_shows_without_rates(client, login, tenant):
    own = make_ad_unit(make_podcast(title="Own show"), rate_cpm_cents=4_321)
    make_ad_unit(make_podcast(title="Other show"))
    login(client, make_user(role="creator", bindings={"podcast": [own.podcast_id]}))

    page = client.get("/inventory").content.decode()

    assert "Own show" in page
    assert "Other show" not in page
    assert "43.21" not in page


def test_an_advertiser_sees_what_is_free_and_a_name_and_a_price_on_their_own_alone(client, login, tenant):
    podcast = make_podcast(title="The Long Commute")
    unit = make_ad_unit(podcast, rate_cpm_cents=4_321)
    drops = [make_episode(podcast, drops_at=timezone.now() + week * 7 * DAY) for week in (1, 2, 3)]
    own, rival = make_sponsor(name="Halden"), make_sponsor(name="Fennelbox")
    make_booking(ad_unit=unit, episode=drops[0], campaign=make_campaign(sponsor=own), at=timezone.now())
    make_booking(
        ad_unit=unit,
        episode=drops[1],
        campaign=make_campaign(sponsor=rival),
        booked_cpm_cents=7_700,
        at=timezone.now(),
    )
    login(client, make_user(role="advertiser", bindings={"sponsor": [own.pk]}))

    page = client.get("/inventory").content.decode()

    assert "The Long Commute" in page
    assert 'data-state="mine"' in page
    assert "€250.00" in page
    for secret in ("Fennelbox", "770.00", "43.21", "/inventory/slot"):
        assert secret not in page
    assert client.get(f"/inventory/slot?unit={unit.pk}&day=2026-12-01").status_code == 403


# --- one slot ---
def a_slot(**fields):
    unit = make_ad_unit(make_podcast(title="The Long Commute"), **fields)
    drops = [
        make_episode(unit.podcast, title=f"No. {week}", drops_at=timezone.now() + week * 7 * DAY) for week in (1, 2)
    ]
    address = f"/inventory/slot?unit={unit.pk}&episode={drops[0].pk}&day=2026-12-01"
    return unit, drops, address


def test_a_slot_is_held_for_a_deal_from_the_calendar(client, login, salesperson):
    login(client, salesperson)
    unit, drops, address = a_slot(rate_cpm_cents=2_500)
    deal = make_campaign(name="Winter launch")
    assert 'value="25.00"' in client.get(address).content.decode()
    day = drops[0].drops_at.date().isoformat()
    body = {"act": "hold", "campaign": deal.pk, "last_day": day, "booked_impressions": "10000", "cpm": "25.00"}

    assert client.post(address, body).status_code == 302
    held = IOBooking.objects.get()
    again = client.post(address, body | {"campaign": make_campaign().pk})

    assert (held.status, held.ad_unit, held.episode, held.gross_cents) == ("held", unit, drops[0], 25_000)
    assert again.status_code == 409
    assert "is held already" in again.content.decode()
    assert "Next free: <bdi>No. 2</bdi>" in again.content.decode()


@pytest.mark.parametrize(
    ("from_where", "back"), [("", "/inventory?from="), ("&desk=1", "/admin/bookings/adunit/calendar/?from=")]
)
def test_who_acted_on_a_slot_is_led_back_to_the_calendar_they_came_from(client, login, salesperson, from_where, back):
    login(client, salesperson)
    _unit, _drops, address = a_slot()

    page = client.get(address + from_where).content.decode()
    answer = client.post(address + from_where, {"act": "block", "reason": "own ad"})

    assert f'href="{back}' in page
    assert answer["Location"].startswith(back)


def test_a_slot_is_blocked_with_its_reason_and_sold_again(client, login, salesperson):
    login(client, salesperson)
    unit, drops, address = a_slot()

    assert client.post(address, {"act": "block", "reason": "own ad"}).status_code == 302
    assert "own ad" in client.get("/inventory").content.decode()
    assert client.post(address, {"act": "block", "reason": "twice"}).status_code == 409
    assert client.post(address, {"act": "unblock"}).status_code == 302
    assert make_booking(ad_unit=unit, episode=drops[0], at=timezone.now()).status == "scheduled"


def test_a_hold_without_a_deal_or_a_price_keeps_the_form(client, login, salesperson):
    login(client, salesperson)
    _unit, _drops, address = a_slot()

    assert client.post(address, {"act": "hold", "booked_impressions": "10"}).status_code == 409
    assert not IOBooking.objects.exists()


def test_a_slot_of_another_house_or_of_nothing_is_not_there(client, login, salesperson, other_tenant, tenant):
    login(client, salesperson)
    with tenant_context(other_tenant):
        foreign = make_ad_unit()
    unit = make_ad_unit()
    for address in (
        f"unit={foreign.pk}&day=2026-12-01",
        f"unit={unit.pk}&day=soon",
        f"unit={unit.pk}&episode={unit.pk}&day=2026-12-01",
        "unit=nonsense&day=2026-12-01",
    ):
        assert client.get(f"/inventory/slot?{address}").status_code == 404


# --- feeds ---
def a_feed(client) -> str:
    client.post("/inventory/feeds", {"name": "My telephone", "show": ""})
    page = client.get("/inventory").content.decode()
    address = page.split('<code class="digest">')[1].split("</code>")[0]
    return address.split(":8000", 1)[1] if ":8000" in address else "/" + address.split("/", 3)[3]


def test_a_feed_tells_of_reads_and_flights_until_it_is_revoked(client, login, client_of, tenant):
    login(client, make_user(role="salesperson"))
    podcast = make_podcast(title="The Long Commute")
    drop = timezone.now().replace(microsecond=0) + 7 * DAY
    deal = make_campaign(sponsor=make_sponsor(name="Halden"))
    read = make_booking(ad_unit=make_ad_unit(podcast), episode=make_episode(podcast, drops_at=drop), campaign=deal)
    address = a_feed(client)

    stranger = client_of(tenant)
    calendar = Calendar.from_ical(stranger.get(address).content)

    (event,) = calendar.events
    assert (event["uid"].split("@")[0], event.start) == (str(read.pk), drop)
    assert event["summary"].startswith("Halden: ")
    assert address not in client.get("/inventory").content.decode()
    client.post(f"/inventory/feeds/{CalendarFeed.objects.get().pk}/revoke")
    assert stranger.get(address).status_code == 404


def test_a_feed_shows_what_its_owner_may_see_and_ends_with_them(client, login, client_of, tenant, other_tenant):
    own = make_podcast()
    mine = make_booking(ad_unit=make_ad_unit(own, delivery="dynamic"), flight_start=timezone.now())
    make_booking(flight_start=timezone.now())
    creator = make_user(role="creator", bindings={"podcast": [own.pk]})
    login(client, creator)
    address = a_feed(client)
    stranger = client_of(tenant)

    events = Calendar.from_ical(stranger.get(address).content).events
    assert [event["uid"].split("@")[0] for event in events] == [str(mine.pk)]
    assert client_of(other_tenant).get(address).status_code == 404
    with tenant_context(tenant):
        creator.is_active = False
        creator.save()
    assert stranger.get(address).status_code == 404


def test_somebody_elses_feed_cannot_be_revoked_nor_a_foreign_show_be_fed(client, login, client_of, tenant):
    login(client, make_user(role="salesperson"))
    a_feed(client)
    creator = login(client_of(tenant), make_user(role="creator", bindings={"podcast": [make_podcast().pk]}))

    assert creator.post(f"/inventory/feeds/{CalendarFeed.objects.get().pk}/revoke").status_code == 404
    foreign = make_ad_unit().podcast
    assert creator.post("/inventory/feeds", {"name": "x", "show": foreign.pk}).status_code == 404
    assert Podcast.objects.filter(pk=foreign.pk).exists()
