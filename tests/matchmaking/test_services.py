"""Runs over real shows and sponsors, and what events do."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django_tenants.utils import tenant_context

from deals.services import change_sponsor
from matchmaking import features, gather, profiles, services
from matchmaking.models import Feedback, Match, Model, PackedPair, PlacementRule, Run, RunBlock, Stale, Weights
from matchmaking.queries import (
    audience_fit,
    best_matches,
    is_unknown,
    pair_view,
    preview_weights,
    weak_words,
    weights_now,
)
from tests.factories import (
    NOON,
    make_ad_unit,
    make_booking,
    make_campaign,
    make_episode,
    make_podcast,
    make_sponsor,
)
from tracker.events.models import Event
from tracker.lib.actors import SYSTEM
from tracker.lib.errors import DomainError, NotFound


def run_all(at=NOON):
    return services.recalculate_matches(by=SYSTEM, at=at)


def stored():
    fields = ("advertiser_id", "podcast_id", "score", "rationale", "signals", "in_advertiser_top", "in_podcast_top")
    return sorted(str(row) for row in Match.objects.values_list(*fields))


def test_a_full_run_scores_every_eligible_pair_and_tells_once(house):
    shows, sponsors = house

    run = run_all()

    assert (run.status, run.counts["pairs"], run.counts["written"]) == ("completed", 9, Match.objects.count())
    told = Event.objects.filter(type="match.recalculated")
    assert [(event.data["scope"], event.data["written"]) for event in told] == [("all", run.counts["written"])]
    ranked = list(best_matches(advertiser_id=sponsors["saas"].pk))
    assert {match.podcast for match in ranked} == set(shows.values())
    assert [match.score for match in ranked] == sorted((match.score for match in ranked), reverse=True)
    assert not Match.objects.filter(advertiser=sponsors["meals"], podcast=shows["crime"]).exists()


def test_geography_is_the_overlap_of_shares_and_the_unknown_part_lowers_confidence(house):
    shows, sponsors = house

    run_all()

    match = Match.objects.get(advertiser=sponsors["saas"], podcast=shows["tech"])
    # min(0.7, 1.0) + min(0.3, 0) = 0.7
    assert match.signals["geo_overlap"] == 0.7
    # All but demographics have data; geography counts by its known 80 %.
    expected = 0.15 * 0.8 + 0.25 + 0.20 + 0.15 + 0.05
    assert float(match.confidence) == pytest.approx(expected, abs=0.0006)


def test_a_signal_without_data_is_left_out_rather_than_zero(house):
    shows, sponsors = house

    run_all()

    match = Match.objects.get(advertiser=sponsors["broad"], podcast=shows["food"])
    assert not {"geo_overlap", "demographic_overlap", "inventory_fit"} & set(match.signals)


def test_an_advertiser_that_names_no_topic_is_seen_by_the_shows_that_carry_it(house):
    shows, _sponsors = house
    nameless = make_sponsor(name="Zyxt")
    for title in ("food", "crime"):
        make_booking(
            ad_unit=make_ad_unit(shows[title], delivery="dynamic"),
            campaign=make_campaign(sponsor=nameless, stage="won"),
        )

    run_all()

    found = {match.podcast: match for match in best_matches(advertiser_id=nameless.pk)}
    assert set(found) == set(shows.values())
    view = pair_view(advertiser=nameless, podcast=shows["food"], at=NOON, stored=found[shows["food"]])
    assert view.topics_seen_on == 2
    assert view.score == pytest.approx(float(found[shows["food"]].score), abs=0.0101)
    # Two shows tell it half: topics, history, slots and safety have data.
    assert float(found[shows["food"]].confidence) == pytest.approx(0.25 * 2 / 4 + 0.20 + 0.15 + 0.05, abs=0.0006)
    topic = {title: found[show].signals["topic_overlap"] for title, show in shows.items()}
    assert topic["food"] > topic["tech"] < topic["crime"]
    assert "shows that carry you" in found[shows["food"]].rationale


def test_its_first_booking_lists_an_advertiser_of_which_nothing_was_known(house, monkeypatch):
    monkeypatch.setattr(features, "REFIT_PART", 10)
    shows, _sponsors = house
    nameless = make_sponsor(name="Zyxt")
    run_all()
    assert is_unknown(advertiser_id=nameless.pk)
    assert not Match.objects.filter(advertiser=nameless).exists()
    services.recalculate_matches(by=SYSTEM, at=NOON, advertiser_id=nameless.pk, podcast_id=shows["tech"].pk)
    asked = Match.objects.get(advertiser=nameless)
    # No show carries it nor anybody like it: a history of 0 is known, beside slots and safety.
    slots = asked.signals["inventory_fit"]
    assert asked.signals == {"historical_lift": 0.0, "inventory_fit": slots, "brand_safety": 1.0}
    assert float(asked.score) == pytest.approx(100 * (0.15 * slots + 0.05) / 0.40, abs=0.02)
    assert (float(asked.confidence), asked.in_advertiser_top, asked.in_podcast_top) == (0.4, False, False)
    view = pair_view(advertiser=nameless, podcast=shows["tech"], at=NOON, stored=asked)
    assert view.score == pytest.approx(float(asked.score), abs=0.0101)
    assert view.lacking[0] == "Name what the advertiser sells: tags or a category."

    make_booking(
        ad_unit=make_ad_unit(shows["food"], delivery="dynamic"),
        campaign=make_campaign(sponsor=nameless, stage="won"),
    )
    services.mark_stale(podcasts=[shows["food"].pk], sponsors=[nameless.pk], at=NOON)
    services.recalculate_changed(by=SYSTEM, at=NOON)

    assert not is_unknown(advertiser_id=nameless.pk)
    assert best_matches(advertiser_id=nameless.pk).first().podcast == shows["food"]
    partial = stored()
    assert run_all().counts["written"] == 0
    assert stored() == partial


def test_a_show_that_changes_its_topics_takes_along_whom_it_carries(house, monkeypatch):
    monkeypatch.setattr(features, "REFIT_PART", 10)
    shows, _sponsors = house
    nameless = make_sponsor(name="Zyxt")
    make_booking(
        ad_unit=make_ad_unit(shows["food"], delivery="dynamic"),
        campaign=make_campaign(sponsor=nameless, stage="won"),
    )
    run_all()
    before = Match.objects.get(advertiser=nameless, podcast=shows["tech"]).signals["topic_overlap"]

    shows["food"].categories = ["Technology"]
    shows["food"].save()
    services.recalculate_matches(by=SYSTEM, at=NOON, podcast_id=shows["food"].pk)

    assert Match.objects.get(advertiser=nameless, podcast=shows["tech"]).signals["topic_overlap"] > before
    assert run_all().counts["written"] == 0


def test_the_same_run_again_writes_nothing_and_still_tells(house):
    run_all()

    again = run_all()

    assert (again.counts["written"], again.counts["deleted"]) == (0, 0)
    assert Event.objects.filter(type="match.recalculated").count() == 2


@pytest.mark.parametrize("scope", ["advertiser", "podcast"])
def test_a_run_over_one_side_leaves_what_a_full_run_would(house, scope):
    shows, sponsors = house
    run_all()
    if scope == "advertiser":
        change_sponsor(sponsor=sponsors["broad"], by=SYSTEM, at=NOON, tags=["food"])
        services.recalculate_matches(by=SYSTEM, at=NOON, advertiser_id=sponsors["broad"].pk)
    else:
        shows["food"].categories = ["Technology"]
        shows["food"].description = "software for kitchens"
        shows["food"].save()
        services.recalculate_matches(by=SYSTEM, at=NOON, podcast_id=shows["food"].pk)
    partial = stored()

    run_all()

    assert stored() == partial


def test_a_booking_marks_both_sides_and_only_they_are_scored_again(house, monkeypatch):
    # Three shows grow by more than a tenth with anything; a house of any size keeps its model meanwhile.
    monkeypatch.setattr(features, "REFIT_PART", 10)
    shows, sponsors = house
    run_all()
    make_booking(
        ad_unit=make_ad_unit(shows["food"]),
        episode=make_episode(shows["food"]),
        campaign=make_campaign(sponsor=sponsors["meals"], stage="won"),
    )
    services.mark_stale(podcasts=[shows["food"].pk], sponsors=[sponsors["meals"].pk], at=NOON)

    run = services.recalculate_changed(by=SYSTEM, at=NOON)

    assert run.scope == Run.Scope.CHANGED
    assert not Stale.objects.exists()
    assert PackedPair.objects.filter(sponsor=sponsors["meals"], podcast=shows["food"]).exists()
    partial = stored()
    run_all()
    assert stored() == partial


def test_nothing_stale_is_no_run_and_no_event(house):
    run_all()

    assert services.recalculate_changed(by=SYSTEM, at=NOON) is None
    assert Event.objects.filter(type="match.recalculated").count() == 1


def test_a_refusal_and_an_exclusivity_take_pairs_away_with_their_reason(house):
    shows, sponsors = house
    sponsors["broad"].category = "Bedding"
    sponsors["broad"].save()
    PlacementRule.objects.create(
        podcast=shows["tech"], kind="refusal", sponsor=sponsors["saas"], reason="Host's own firm"
    )
    PlacementRule.objects.create(
        podcast=shows["food"],
        kind="exclusivity",
        category="Bedding",
        holder=sponsors["saas"],
        last_day=NOON.date() + timedelta(days=30),
    )

    run_all()

    assert not Match.objects.filter(advertiser=sponsors["saas"], podcast=shows["tech"]).exists()
    assert not Match.objects.filter(advertiser=sponsors["broad"], podcast=shows["food"]).exists()
    view = pair_view(advertiser=sponsors["broad"], podcast=shows["food"], at=NOON)
    assert (view.score, view.refusal) == (None, "A rival has the show to itself in Bedding until 2026-12-21.")
    assert audience_fit(advertiser_id=sponsors["saas"].pk).not_eligible == {"The host refuses it: Host's own firm.": 1}


def test_an_exclusivity_that_is_over_shuts_nobody_out(house):
    shows, sponsors = house
    PlacementRule.objects.create(
        podcast=shows["food"],
        kind="exclusivity",
        sponsor=sponsors["broad"],
        category="Bedding",
        holder=sponsors["saas"],
        last_day=NOON.date() - timedelta(days=1),
    )

    assert gather.refusals(at=NOON) == []


def test_the_reference_on_the_page_agrees_with_the_stored_score(house):
    run_all()

    for match in Match.objects.select_related("advertiser", "podcast"):
        view = pair_view(advertiser=match.advertiser, podcast=match.podcast, at=NOON, stored=match)
        assert view.score == pytest.approx(float(match.score), abs=0.0101)


def test_an_unknown_advertiser_or_show_is_not_found(house):
    with pytest.raises(NotFound):
        services.recalculate_matches(by=SYSTEM, at=NOON, advertiser_id=house[0]["tech"].pk)


def test_blocks_of_several_tasks_end_in_the_same_lists_and_one_event(house, monkeypatch):
    run_all()
    whole = stored()
    Match.objects.all().delete()
    monkeypatch.setattr("matchmaking.engine.BLOCK_ROWS", 1)
    run = services.request_recalculation(by=SYSTEM, at=NOON)

    firsts = services.begin_blocks(run=run, at=NOON)
    last = [services.score_block(run_id=run.pk, first=first, at=NOON) for first in reversed(firsts)]
    services.join_blocks(run=run, at=NOON)
    services.join_blocks(run=run, at=NOON)

    assert firsts == [0, 1, 2]
    assert last == [False, False, True]
    assert stored() == whole
    assert not RunBlock.objects.exists()
    assert Event.objects.filter(type="match.recalculated").count() == 2


def test_weights_are_versions_and_change_scores(house, sales_manager):
    run_all()
    values = {signal: Decimal("0.1") for signal in profiles.SIGNALS}

    services.set_weights(values=values, by=sales_manager, at=NOON)
    services.set_weights(values=values, by=sales_manager, at=NOON)
    run_all()

    assert weights_now() == profiles.Weights(*[0.1] * 6, version=2)
    assert Weights.objects.count() == 1
    assert set(Match.objects.values_list("weights_version", flat=True)) == {2}


@pytest.mark.parametrize("value", ["-0.1", "1.5"])
def test_weights_outside_their_bounds_are_refused(tenant, sales_manager, value):
    values = {signal: Decimal(value) for signal in profiles.SIGNALS}

    with pytest.raises(DomainError) as refusal:
        services.set_weights(values=values, by=sales_manager, at=NOON)

    assert refusal.value.code == "bad_weights"


def test_the_preview_of_the_present_weights_moves_nothing(house):
    _shows, sponsors = house
    run_all()

    preview = preview_weights(weights=weights_now(), advertiser_id=sponsors["saas"].pk)

    assert preview.new_best == 0
    assert all(move.rise == 0 and abs(move.before - move.after) < 0.2 for move in preview.moves)


def test_a_second_word_of_the_same_person_replaces_the_first(house, salesperson):
    shows, sponsors = house
    for verdict in ("good", "bad"):
        services.give_feedback(
            advertiser=sponsors["saas"], podcast=shows["tech"], verdict=verdict, by=salesperson, at=NOON
        )

    assert [one.verdict for one in Feedback.objects.all()] == ["bad"]


def test_a_pairs_own_record_is_shrunk_by_its_volume():
    record = gather.Record(None, None, 3, 3, NOON.date(), 1000, 990, None, None)

    outcome, volume, facts = gather.outcome_of(record, at=NOON, usual_rate=None)

    # Two renewals of two chances, and 99 % delivered: (1 + 0.99) / 2.
    assert (round(outcome, 4), volume) == (0.995, 3.0)
    assert facts == {"flights": 3, "renewals": 2, "delivered": 0.99}


def test_a_lapsed_pair_has_a_poor_outcome_and_a_running_one_none():
    def outcome(last_day):
        record = gather.Record(None, None, 1, 1, last_day, 0, None, None, None)
        return gather.outcome_of(record, at=NOON, usual_rate=None)[0]

    assert outcome(NOON.date() - timedelta(days=200)) == 0
    assert outcome(NOON.date()) is None


def test_the_model_is_learned_again_only_when_the_house_has_changed(house):
    run_all()
    fitted = Model.objects.get().fitted_at

    run_all(NOON + timedelta(hours=1))
    assert Model.objects.get().fitted_at == fitted

    make_podcast(title="One more")
    assert features.fit_if_needed(at=NOON + timedelta(hours=2))


def test_matches_of_one_house_say_nothing_of_another(house, other_tenant):
    run_all()

    with tenant_context(other_tenant):
        assert not Match.objects.exists()
        assert services.recalculate_matches(by=SYSTEM, at=NOON).counts["pairs"] == 0


def test_topics_that_count_in_part_only_are_said_to_do_so_beside_their_bar():
    show, buyer = profiles.Podcast(topics={"business": 1.0}), profiles.Sponsor(interests={"sports": 0.2})

    # A third of the distance counts: 1 - 0.9 / 3 = 0.7, which alone would look near.
    in_part = weak_words({"topic_overlap": 0.7}, buyer, show, topic_part=1 / 3)
    whole = weak_words({"topic_overlap": 0.1}, buyer, show)

    far = "The show's topics are far from what the advertiser sells."
    assert in_part[0] == f"{far} Past placements tell more here, so this lowers the score in part only."
    assert whole[0] == far
