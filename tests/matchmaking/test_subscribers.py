"""Events that make matches stale: only what hangs on them is scored again, and one event tells of it."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from bookings.delivery.redemptions import import_redemptions
from bookings.models import DeliverySnapshot, PromoCode
from bookings.services.moves import move_booking
from deals.services import change_sponsor
from matchmaking import features, gather, services
from matchmaking.models import Match, Model, PackedPair, Stale
from metrics.reports import forget_reports, record_audience
from metrics.services import add_episode, add_podcast, change_podcast
from tests.factories import NOON, make_ad_unit, make_booking, make_campaign, make_sponsor
from tracker.events.models import Event
from tracker.events.registry import listeners_of
from tracker.events.services import emit
from tracker.flags.models import FlagOverride
from tracker.lib.actors import SYSTEM
from tracker.lib.ids import new_id


@pytest.fixture
def settled(house, monkeypatch):
    """The house after a run over everything, with matchmaking switched on; its model stands still."""
    monkeypatch.setattr(features, "REFIT_PART", 10)
    FlagOverride.objects.create(flag="ENABLE_MATCHMAKING", is_on=True)
    services.recalculate_matches(by=SYSTEM, at=NOON)
    Event.objects.all().delete()
    Stale.objects.all().delete()
    return house


def heard(times=1):
    """Let the subscribers of matchmaking hear what was told since; return what is stale."""
    for event in Event.objects.order_by("seq"):
        for listener in listeners_of(event.type):
            if listener.__module__ == "matchmaking.subscribers":
                for _ in range(times):
                    listener(event)
    return set(Stale.objects.values_list("kind", "subject_id"))


def rescored():
    """Run over what is stale. Return its run, and whether a full run after it finds anything to write."""
    run = services.recalculate_changed(by=SYSTEM, at=NOON)
    told = list(Event.objects.filter(type="match.recalculated").values_list("data__scope", "data__pairs"))
    after = services.recalculate_matches(by=SYSTEM, at=NOON)
    assert (after.counts["written"], after.counts["deleted"]) == (0, 0)
    return run, told


def test_a_sponsors_new_target_scores_its_own_pairs_alone(settled):
    _shows, sponsors = settled
    change_sponsor(sponsor=sponsors["saas"], by=SYSTEM, at=NOON, targets={"countries": {"AT": 1}})

    assert heard(times=2) == {("sponsor", sponsors["saas"].pk)}

    before = dict(Match.objects.exclude(advertiser=sponsors["saas"]).values_list("match_id", "updated_at"))
    run, told = rescored()
    assert (run.scope, run.counts["pairs"]) == ("changed", 3)
    assert told == [("changed", 3)]
    assert dict(Match.objects.exclude(advertiser=sponsors["saas"]).values_list("match_id", "updated_at")) == before
    # Its wish is Austria now: min(0.3, 1) = 0.3.
    tech = Match.objects.get(advertiser=sponsors["saas"], podcast=settled[0]["tech"])
    assert tech.signals["geo_overlap"] == 0.3


def test_a_newer_audience_scores_its_show_alone_and_taking_it_back_does_so_again(settled):
    shows, sponsors = settled
    import_id = new_id()
    as_of = date(2026, 11, 9)
    rows = [("country", "DE", Decimal("0.1"), as_of, False), ("country", "FR", Decimal("0.9"), as_of, False)]
    record_audience(podcast_id=shows["tech"].pk, source="host", shares=rows, import_id=import_id, at=NOON)
    emit("etl.import_completed", subject=shows["tech"], by=SYSTEM, at=NOON, data=told_of_import(import_id))

    assert heard() == {("podcast", shows["tech"].pk)}
    run, _told = rescored()
    assert run.counts["pairs"] == 3
    assert Match.objects.get(advertiser=sponsors["saas"], podcast=shows["tech"]).signals["geo_overlap"] == 0.1

    Event.objects.all().delete()
    forget_reports(import_id=import_id, at=NOON, label="undo")
    counts = {"removed": 2, "restored": 0, "kept": 0}
    source = {"source": "host", "file_name": "audience.csv"}
    data = {"import_id": str(import_id), **source, **counts, "podcast_ids": [str(shows["tech"].pk)]}
    emit("etl.import_undone", subject=shows["tech"], by=SYSTEM, at=NOON, data=data)
    assert heard() == {("podcast", shows["tech"].pk)}
    rescored()
    assert Match.objects.get(advertiser=sponsors["saas"], podcast=shows["tech"]).signals["geo_overlap"] == 0.7


def test_an_import_of_daily_figures_alone_makes_nothing_stale(settled):
    shows, _sponsors = settled
    emit("etl.import_completed", subject=shows["tech"], by=SYSTEM, at=NOON, data=told_of_import(new_id()))

    assert heard() == set()


def test_a_booking_and_its_end_score_its_sponsor_and_its_show(settled):
    shows, sponsors = settled
    booking = make_booking(
        ad_unit=make_ad_unit(shows["food"], delivery="dynamic"),
        campaign=make_campaign(sponsor=sponsors["meals"], stage="won"),
    )
    both = {("podcast", shows["food"].pk), ("sponsor", sponsors["meals"].pk)}
    assert heard() == both
    rescored()
    assert PackedPair.objects.filter(sponsor=sponsors["meals"], podcast=shows["food"]).exists()

    Event.objects.all().delete()
    move_booking(booking=booking, to="cancelled", by=SYSTEM, at=NOON, reason="The launch was put off.")
    assert heard() == both
    rescored()
    assert not PackedPair.objects.filter(sponsor=sponsors["meals"], podcast=shows["food"]).exists()


def test_shows_and_episodes_that_come_or_change_are_heard(settled):
    shows, sponsors = settled
    new = add_podcast(title="Byte Sized", categories=["Technology"], by=SYSTEM, at=NOON)
    change_podcast(podcast=shows["food"], by=SYSTEM, at=NOON, categories=["Technology"])
    change_podcast(podcast=shows["crime"], by=SYSTEM, at=NOON, title=shows["crime"].title)
    add_episode(podcast=shows["tech"], title="Next", by=SYSTEM, at=NOON, drops_at=NOON + timedelta(days=3))

    assert heard() == {("podcast", new.pk), ("podcast", shows["food"].pk), ("podcast", shows["tech"].pk)}
    rescored()
    assert Match.objects.filter(advertiser=sponsors["saas"], podcast=new, in_advertiser_top=True).exists()


def test_an_archived_show_leaves_every_list(settled):
    shows, _sponsors = settled
    change_podcast(podcast=shows["food"], by=SYSTEM, at=NOON, is_archived=True)

    heard()
    rescored()

    assert not Match.objects.filter(podcast=shows["food"]).exists()


def test_nothing_is_noted_while_matchmaking_is_off(settled):
    FlagOverride.objects.update(is_on=False)
    change_podcast(podcast=settled[0]["food"], by=SYSTEM, at=NOON, categories=["Technology"])

    assert heard() == set()


def test_orders_by_promo_code_move_the_history_of_their_pair(settled):
    """Two sponsors ran on the food show alike; whose code sells better than the house's usual is ahead there."""
    shows, _sponsors = settled
    pairs = {}
    for name in ("sells", "lags"):
        sponsor = make_sponsor(name=name, tags=["food"])
        booking = make_booking(
            ad_unit=make_ad_unit(shows["food"], delivery="dynamic"),
            campaign=make_campaign(sponsor=sponsor, stage="won"),
            booking_fields={"status": "completed"},
        )
        DeliverySnapshot.objects.create(
            booking=booking, known_on=NOON.date(), booked=10_000, delivered=10_000, taken_at=NOON
        )
        PromoCode.objects.create(sponsor=sponsor, podcast=shows["food"], code=name.upper(), folded=name)
        pairs[name] = sponsor
    services.recalculate_matches(by=SYSTEM, at=NOON)
    Event.objects.all().delete()
    before = {name: lift(sponsor, shows["food"]) for name, sponsor in pairs.items()}
    Model.objects.update(usual_rate=50 / 10_000)

    for name, orders in (("sells", 90), ("lags", 10)):
        lines = ["promo_code,day,orders", f"{name.upper()},2026-11-20,{orders}"]
        import_redemptions(lines=lines, sponsor=pairs[name], at=NOON)

    assert {("sponsor", sponsor.pk) for sponsor in pairs.values()} <= heard()
    services.recalculate_changed(by=SYSTEM, at=NOON)
    told = {one.sponsor_id: one for one in PackedPair.objects.filter(podcast=shows["food"], sponsor__in=pairs.values())}
    # Delivered as booked (1), and 0.009 orders a listener against the usual 0.005: 0.009 ÷ 0.014. The mean of both.
    assert told[pairs["sells"].pk].outcome == pytest.approx((1 + 0.009 / 0.014) / 2)
    assert told[pairs["sells"].pk].facts["orders"] == 90
    assert told[pairs["lags"].pk].outcome == pytest.approx((1 + 0.001 / 0.006) / 2)
    # The others ran as well as before, delivered in full: orders below what is usual pull down, others less.
    assert lift(pairs["lags"], shows["food"]) < lift(pairs["sells"], shows["food"]) <= before["sells"]


def told_of_import(import_id):
    source = {"source": "host", "file_name": "audience.csv", "kind": "profile"}
    return {"import_id": str(import_id), **source, "records_imported": 2, "records_failed": 0}


def told_of(booking, *, delivered):
    DeliverySnapshot.objects.create(
        booking=booking, known_on=NOON.date(), booked=10_000, delivered=delivered, taken_at=NOON
    )


def lift(sponsor, show):
    return Match.objects.get(advertiser=sponsor, podcast=show).signals["historical_lift"]


def test_what_was_delivered_and_renewed_is_read_from_bookings(settled):
    shows, sponsors = settled
    unit = make_ad_unit(shows["food"], delivery="dynamic")
    for month in range(2):
        start = NOON + timedelta(days=1 + 40 * month)
        booking = make_booking(
            ad_unit=unit,
            campaign=make_campaign(sponsor=sponsors["meals"], stage="won"),
            flight_start=start,
            flight_end=start + timedelta(days=28),
            booking_fields={"status": "completed"},
        )
        DeliverySnapshot.objects.create(
            booking=booking, known_on=NOON.date(), booked=10_000, delivered=9_000, taken_at=NOON
        )

    record = gather.records(sponsors=[sponsors["meals"].pk])[0]

    assert (record.flights, record.deals, record.booked, record.delivered) == (2, 2, 20_000, 18_000)
    # One renewal of one chance, 90 % delivered.
    assert gather.outcome_of(record, at=NOON, usual_rate=None)[0] == pytest.approx((1 + 0.9) / 2)
