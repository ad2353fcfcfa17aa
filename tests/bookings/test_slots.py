"""A slot is sold once, in every shape in which two lines can meet."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError

from bookings.models import IOBooking, OrderProfile, SlotClaim
from bookings.services import block_slot, move_booking, schedule_booking, unblock_slot
from tests.factories import NOON, make_ad_unit, make_booking, make_campaign, make_episode, make_podcast, make_sponsor
from tracker.lib.actors import SYSTEM
from tracker.lib.errors import Conflict

DAY = timedelta(days=1)
START = datetime(2027, 1, 11, tzinfo=UTC)


def dynamic_unit(**fields):
    return make_ad_unit(delivery="dynamic", **fields)


def refused(**fields) -> Conflict:
    with pytest.raises(Conflict) as refusal:
        make_booking(**fields)
    return refusal.value


@pytest.mark.parametrize(
    ("begins", "ends", "meets"),
    [
        (0, 28, True),  # the same
        (7, 14, True),  # inside
        (-7, 35, True),  # around
        (-7, 1, True),  # over the start
        (27, 35, True),  # over the end
        (28, 35, False),  # from the moment the other ends
        (-7, 0, False),  # up to the moment the other starts
    ],
)
def test_dynamic_flights_meet_where_they_overlap_and_not_where_they_touch(tenant, begins, ends, meets):
    unit = dynamic_unit()
    make_booking(ad_unit=unit, flight_start=START, flight_end=START + 28 * DAY)
    flight = {"flight_start": START + begins * DAY, "flight_end": START + ends * DAY}

    if meets:
        assert refused(ad_unit=unit, **flight).code == "slot_taken"
    else:
        assert make_booking(ad_unit=unit, **flight).status == "scheduled"


def test_a_baked_in_episode_is_taken_for_ever_whatever_the_flight(tenant):
    podcast = make_podcast()
    unit, episode = make_ad_unit(podcast), make_episode(podcast)
    make_booking(ad_unit=unit, episode=episode, flight_start=START, flight_end=START + DAY)

    years_later = START + 700 * DAY
    refusal = refused(ad_unit=unit, episode=episode, flight_start=years_later, flight_end=years_later + DAY)

    assert refusal.code == "slot_taken"


def test_an_episode_without_a_date_is_taken_once_and_meets_no_flight(tenant):
    podcast = make_podcast()
    unit, undated = make_ad_unit(podcast), make_episode(podcast, drops_at=None, is_published=False)
    make_booking(ad_unit=unit, episode=undated)

    assert refused(ad_unit=unit, episode=undated, flight_start=START, flight_end=START + DAY).code == "slot_taken"
    assert make_booking(ad_unit=unit).status == "scheduled"


def test_the_whole_show_takes_every_episode_that_drops_in_its_flight(tenant):
    podcast = make_podcast()
    unit = make_ad_unit(podcast)
    inside = make_episode(podcast, drops_at=START + 5 * DAY)
    at_the_end = make_episode(podcast, drops_at=START + 28 * DAY)
    make_booking(ad_unit=unit, flight_start=START, flight_end=START + 28 * DAY)

    assert refused(ad_unit=unit, episode=inside).code == "slot_taken"
    assert make_booking(ad_unit=unit, episode=at_the_end).status == "scheduled"


def test_two_units_of_one_position_are_two_slots(tenant):
    podcast = make_podcast()
    episode = make_episode(podcast)

    make_booking(ad_unit=make_ad_unit(podcast, name="Mid 1"), episode=episode)

    assert make_booking(ad_unit=make_ad_unit(podcast, name="Mid 2"), episode=episode).status == "scheduled"


def test_drafts_cancelled_and_expired_lines_take_nothing(tenant):
    unit = dynamic_unit()
    make_booking(ad_unit=unit, status="draft")
    gone = make_booking(ad_unit=unit)
    move_booking(booking=gone, to="cancelled", by=SYSTEM, at=NOON, reason="budget cut")
    hold = make_booking(ad_unit=unit, status="held", held_until=NOON + DAY)
    move_booking(booking=hold, to="expired", by=SYSTEM, at=NOON + 2 * DAY)

    assert SlotClaim.objects.count() == 0
    assert make_booking(ad_unit=unit).status == "scheduled"


def test_an_episode_that_moves_takes_its_slot_along(tenant):
    podcast = make_podcast()
    unit, episode = make_ad_unit(podcast), make_episode(podcast, drops_at=START)
    booking = make_booking(ad_unit=unit, episode=episode)

    episode.drops_at = START + 100 * DAY
    episode.save()

    booking.claim.refresh_from_db()
    assert booking.claim.during.lower == START + 100 * DAY
    assert make_booking(ad_unit=unit, flight_start=START, flight_end=START + 28 * DAY).status == "scheduled"


def test_an_episode_cannot_move_into_a_flight_that_has_its_slot_sold(tenant):
    podcast = make_podcast()
    unit, episode = make_ad_unit(podcast), make_episode(podcast, drops_at=START - 10 * DAY)
    make_booking(ad_unit=unit, episode=episode)
    make_booking(ad_unit=unit, flight_start=START, flight_end=START + 28 * DAY)

    episode.drops_at = START + DAY
    with pytest.raises(IntegrityError, match="slot_not_taken_twice"):
        episode.save()


def test_the_refusal_offers_the_next_free_flights(tenant):
    unit = dynamic_unit()
    make_booking(ad_unit=unit, flight_start=START, flight_end=START + 7 * DAY)
    make_booking(ad_unit=unit, flight_start=START + 14 * DAY, flight_end=START + 21 * DAY)

    refusal = refused(ad_unit=unit, flight_start=START, flight_end=START + 7 * DAY)

    starts = [slot["flight_start"] for slot in refusal.details["next_free"]]
    assert starts == [(START + days * DAY).isoformat() for days in (7, 21, 28)]


def test_a_blocked_slot_is_not_sold_until_it_is_unblocked(tenant):
    unit = dynamic_unit()
    block = block_slot(
        ad_unit=unit,
        episode=None,
        flight_start=START,
        flight_end=START + 7 * DAY,
        reason="own campaign",
        by=SYSTEM,
        at=NOON,
    )
    flight = {"flight_start": START, "flight_end": START + 7 * DAY}

    assert refused(ad_unit=unit, **flight).details["taken"]["state"] == "blocked"
    unblock_slot(claim=block, by=SYSTEM, at=NOON)
    assert make_booking(ad_unit=unit, **flight).status == "scheduled"


# --- rivals ---
def rival_deals(category="Bikes", other="bikes"):
    return make_campaign(sponsor=make_sponsor(category=category)), make_campaign(sponsor=make_sponsor(category=other))


def test_two_rivals_never_share_an_episode(tenant):
    podcast = make_podcast()
    episode = make_episode(podcast)
    one, two = rival_deals()
    make_booking(campaign=one, ad_unit=make_ad_unit(podcast), episode=episode)

    refusal = refused(campaign=two, ad_unit=make_ad_unit(podcast), episode=episode)

    assert (refusal.code, refusal.details["category"]) == ("competitor_in_separation", "bikes")


def test_rivals_may_stand_in_neighbouring_episodes_unless_the_house_keeps_the_flight(tenant):
    podcast = make_podcast()
    one, two = rival_deals()
    first, second = make_episode(podcast), make_episode(podcast, drops_at=NOON + 14 * DAY)
    make_booking(campaign=one, ad_unit=make_ad_unit(podcast), episode=first)
    other_unit = make_ad_unit(podcast)

    OrderProfile.objects.create(separation="flight")
    assert refused(campaign=two, ad_unit=other_unit, episode=second).code == "competitor_in_separation"
    OrderProfile.objects.update(separation="episode")
    assert make_booking(campaign=two, ad_unit=other_unit, episode=second).status == "scheduled"


def test_a_hold_keeps_rivals_out_and_a_draft_does_not(tenant):
    podcast = make_podcast()
    episode = make_episode(podcast)
    one, two = rival_deals()
    hold = make_booking(campaign=one, ad_unit=make_ad_unit(podcast), episode=episode, status="held")

    assert refused(campaign=two, ad_unit=make_ad_unit(podcast), episode=episode).code == "competitor_in_separation"
    move_booking(booking=hold, to="draft", by=SYSTEM, at=NOON)
    assert make_booking(campaign=two, ad_unit=make_ad_unit(podcast), episode=episode).status == "scheduled"


def test_a_sponsor_is_no_rival_of_itself_and_no_category_has_no_rivals(tenant):
    podcast = make_podcast()
    episode = make_episode(podcast)
    sponsor = make_sponsor(category="Bikes")
    make_booking(campaign=make_campaign(sponsor=sponsor), ad_unit=make_ad_unit(podcast), episode=episode)

    again = make_campaign(sponsor=sponsor)
    plain = make_campaign()
    assert make_booking(campaign=again, ad_unit=make_ad_unit(podcast), episode=episode).status == "scheduled"
    assert make_booking(campaign=plain, ad_unit=make_ad_unit(podcast), episode=episode).status == "scheduled"


# --- shared units ---
def shared_unit(per_day=1_000):
    return dynamic_unit(is_shared=True, impressions_per_day=per_day)


def test_a_shared_unit_is_sold_to_its_last_impression_and_not_one_further(tenant):
    unit = shared_unit()
    ten_days = {"flight_start": START, "flight_end": START + 10 * DAY}
    make_booking(ad_unit=unit, booked_impressions=4_000, **ten_days)

    refusal = refused(ad_unit=unit, booked_impressions=6_001, **ten_days)
    last = make_booking(ad_unit=unit, booked_impressions=6_000, **ten_days)

    assert (refusal.code, refusal.details["free_impressions"]) == ("impressions_sold", 6_000)
    assert last.status == "scheduled"


def test_a_shared_units_busiest_day_is_what_counts(tenant):
    unit = shared_unit()
    # 900 of 1,000 a day on days 5 to 10; a flight of days 0 to 10 can only have 100 a day throughout.
    make_booking(ad_unit=unit, booked_impressions=4_500, flight_start=START + 5 * DAY, flight_end=START + 10 * DAY)

    wide = {"ad_unit": unit, "flight_start": START, "flight_end": START + 10 * DAY}
    assert refused(booked_impressions=1_001, **wide).details["free_impressions"] == 1_000
    assert make_booking(booked_impressions=1_000, **wide).status == "scheduled"


def test_a_shared_unit_nobody_knows_the_downloads_of_is_not_sold(tenant):
    unit = dynamic_unit(is_shared=True)

    assert refused(ad_unit=unit).code == "avails_unknown"


def test_the_database_itself_refuses_a_second_claim(tenant):
    first = make_booking(ad_unit=dynamic_unit())
    second = make_booking(ad_unit=first.ad_unit, status="draft")

    with pytest.raises(IntegrityError, match="slot_not_taken_twice"):
        SlotClaim.objects.create(
            booking=second, ad_unit=first.ad_unit, episodes=first.claim.episodes, during=first.claim.during
        )


def test_a_refused_booking_leaves_nothing_behind(tenant):
    taken = make_booking(ad_unit=dynamic_unit())
    campaign = make_campaign()

    with pytest.raises(Conflict):
        schedule_booking(
            campaign=campaign,
            ad_unit=taken.ad_unit,
            flight_start=taken.flight_start,
            flight_end=taken.flight_end,
            booked_impressions=1,
            booked_cpm_cents=1,
            by=SYSTEM,
            at=NOON,
        )

    assert IOBooking.objects.count() == 1
    assert not campaign.orders.exists()
