"""From a won deal to its order in one form: what is offered, what it comes to, what stands in the way."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tenants.utils import tenant_context

from bookings.models import InsertionOrder, IOBooking, OrderProfile
from bookings.queries.offers import offered_lines
from bookings.services import ChosenLine, book_lines, judge_lines
from tests.factories import (
    NOON,
    make_ad_unit,
    make_agency,
    make_booking,
    make_campaign,
    make_episode,
    make_podcast,
    make_rollup,
    make_sponsor,
    make_user,
)
from tracker.events.models import Event
from tracker.lib.actors import SYSTEM
from tracker.lib.errors import Conflict, DomainError

DAY = timedelta(days=1)
FIRST, LAST = (NOON + DAY).date(), (NOON + 28 * DAY).date()


@pytest.fixture(autouse=True)
def _bookings_on(monkeypatch):
    monkeypatch.setenv("ENABLE_IO_BOOKINGS", "1")


def won(*shows, **fields):
    deal = make_campaign(stage="won", **fields)
    deal.wanted_podcasts.set(shows)
    return deal


def weekly(podcast, count=3, at=NOON):
    return [make_episode(podcast, title=f"No. {week}", drops_at=at + week * 7 * DAY) for week in range(1, count + 1)]


def chosen(unit, episode=None, *, impressions=10_000, cpm_cents=2_500, first=None, last=LAST):
    day = episode.drops_at.date() if episode else FIRST
    key = f"{unit.pk}_{episode.pk if episode else 'all'}"
    return ChosenLine(key, unit, episode, first or day, day if episode else last, impressions, cpm_cents)


def judge(deal, *lines, status="held"):
    return judge_lines(campaign=deal, lines=lines, status=status, by=SYSTEM, at=NOON)


# --- what is offered ---
def test_each_episode_of_the_days_is_offered_and_what_is_taken_says_so(tenant):
    podcast = make_podcast()
    unit = make_ad_unit(podcast)
    drops = weekly(podcast)
    make_booking(ad_unit=unit, episode=drops[0])
    make_booking(ad_unit=unit, episode=drops[1], status="held")

    lines = offered_lines(won(podcast), [podcast], first_day=FIRST, last_day=LAST, at=NOON)

    assert [(line.episode, line.state, line.episodes) for line in lines] == [
        (drops[0], "sold", 1),
        (drops[1], "held", 1),
        (drops[2], "open", 1),
        (None, "sold", 3),
    ]
    assert (lines[0].first_day, lines[0].last_day) == (drops[0].drops_at.date(), drops[0].drops_at.date())


def test_free_slots_are_proposed_until_they_reach_what_the_deal_wants(tenant):
    podcast = make_podcast()
    unit = make_ad_unit(podcast, delivery="dynamic", is_shared=True, impressions_per_day=1_000)
    other = make_ad_unit(podcast, delivery="dynamic", is_shared=True, impressions_per_day=500)
    deal = won(podcast, wanted_impressions=20_000)

    lines = offered_lines(deal, [podcast], first_day=FIRST, last_day=LAST, at=NOON)

    # 28 days at 1,000 and at 500; one of them reaches 20,000 or both do.
    assert {line.unit: line.impressions for line in lines} == {unit: 28_000, other: 14_000}
    proposed = [line.impressions for line in lines if line.is_proposed]
    assert proposed in ([28_000], [14_000, 28_000], [28_000, 14_000])


def test_a_show_nobody_measured_is_offered_without_a_figure(tenant):
    podcast = make_podcast()
    make_ad_unit(podcast, delivery="dynamic")

    (line,) = offered_lines(won(podcast, wanted_impressions=9), [podcast], first_day=FIRST, last_day=LAST, at=NOON)

    assert (line.impressions, line.is_proposed) == (None, False)


def test_what_is_offered_costs_the_same_for_one_show_as_for_three(tenant):
    counts = []
    for number in (1, 3):
        shows = [make_podcast() for _show in range(number)]
        for show in shows:
            make_ad_unit(show)
            make_rollup(episode=weekly(show)[0])
        deal = won(*shows)
        with CaptureQueriesContext(
            connection,
        ) as asked:
            offered_lines(deal, shows, first_day=FIRST, last_day=LAST, at=NOON)
        counts.append(len(asked))
    assert counts[0] == counts[1]


# --- what it comes to ---
def test_totals_are_those_of_the_order_to_the_cent_and_nothing_is_booked(tenant):
    podcast = make_podcast()
    unit = make_ad_unit(podcast)
    drops = weekly(podcast)
    deal = won(podcast, agency=make_agency(commission_permille=150))

    judged = judge(deal, chosen(unit, drops[0], impressions=33_333, cpm_cents=2_515), chosen(unit, drops[1]))

    # 33,333 at 25.15 a thousand are 838.32495, so 838.32; 10,000 at 25.00 are 250.00; 15 % of 1,088.32 are 163.248.
    assert sorted(judged.gross_cents.values()) == [25_000, 83_832]
    totals = judged.totals
    assert (totals.gross_cents, totals.commission_cents, totals.net_cents) == (108_832, 16_325, 92_507)
    assert judged.impressions == 43_333
    assert (IOBooking.objects.count(), InsertionOrder.objects.count()) == (0, 0)
    assert not Event.objects.filter(type__startswith="io.").exists()


def test_lines_that_stand_in_each_others_way_are_told_as_they_are_chosen(tenant):
    podcast = make_podcast()
    unit = make_ad_unit(podcast)
    drops = weekly(podcast)

    judged = judge(won(podcast), chosen(unit, drops[0]), chosen(unit, None))

    assert {key.split("_")[1]: refusal.code for key, refusal in judged.refusals.items()} == {"all": "slot_taken"}
    assert len(judged.gross_cents) == 1


def test_a_slot_sold_meanwhile_a_rival_and_a_short_lead_are_told_with_what_is_free(tenant):
    OrderProfile.objects.create(separation="episode")
    podcast = make_podcast()
    unit, second = make_ad_unit(podcast), make_ad_unit(podcast)
    late = make_ad_unit(podcast, lead_days=60)
    drops = weekly(podcast)
    rival = make_campaign(sponsor=make_sponsor(category="Bikes"))
    make_booking(ad_unit=unit, episode=drops[0], campaign=rival)
    deal = won(podcast, sponsor=make_sponsor(category="bikes"))

    judged = judge(deal, chosen(unit, drops[0]), chosen(second, drops[0]), chosen(late, drops[1]))

    codes = [judged.refusals[chosen(one, drop).key].code for one, drop in ((unit, drops[0]), (second, drops[0]))]
    assert set(codes) <= {"slot_taken", "competitor_in_separation"}
    assert judged.refusals[chosen(late, drops[1]).key].code == "lead_time"
    assert judged.totals.gross_cents == 0


# --- booking ---
def test_chosen_lines_become_one_draft_order(tenant):
    podcast = make_podcast()
    unit = make_ad_unit(podcast)
    drops = weekly(podcast)
    deal = won(podcast)

    done = book_lines(campaign=deal, lines=[chosen(unit, drop) for drop in drops], status="held", by=SYSTEM, at=NOON)

    order = InsertionOrder.objects.get(campaign=deal)
    assert done.order == order
    assert list(order.lines.order_by("line_number").values_list("line_number", "episode", "status")) == [
        (number + 1, drop.pk, "held") for number, drop in enumerate(drops)
    ]


def test_one_refused_line_books_none(tenant):
    podcast = make_podcast()
    unit = make_ad_unit(podcast)
    drops = weekly(podcast)
    make_booking(ad_unit=unit, episode=drops[1])

    with pytest.raises(Conflict) as refusal:
        book_lines(
            campaign=won(podcast), lines=[chosen(unit, drop) for drop in drops], status="held", by=SYSTEM, at=NOON
        )

    assert refusal.value.details["lines"] == [chosen(unit, drops[1]).key]
    assert IOBooking.objects.count() == 1


def test_only_a_won_deal_with_a_chosen_line_becomes_an_order(tenant):
    unit = make_ad_unit()
    with pytest.raises(Conflict) as refusal:
        book_lines(campaign=make_campaign(stage="lead"), lines=[chosen(unit)], status="held", by=SYSTEM, at=NOON)
    assert refusal.value.code == "deal_not_won"
    with pytest.raises(DomainError) as refusal:
        book_lines(campaign=won(), lines=[], status="held", by=SYSTEM, at=NOON)
    assert refusal.value.code == "no_line_chosen"


# --- the page ---
PAGE, JUDGE = "/admin/bookings/insertionorder/wizard/", "/admin/bookings/insertionorder/wizard/judge/"


@pytest.fixture
def house(client, login, salesperson):
    login(client, salesperson)
    podcast = make_podcast(title="The Long Commute")
    unit = make_ad_unit(podcast, rate_cpm_cents=2_500)
    return podcast, unit, weekly(podcast, at=timezone.now()), won(podcast, name="Winter launch")


def body_of(unit, *episodes, **more):
    body = {}
    for episode in episodes:
        key = f"{unit.pk}_{episode.pk}"
        body |= {f"use_{key}": "1", f"impressions_{key}": "10,000", f"cpm_{key}": "25.00"}
    return {**body, **more}


def test_the_wizard_begins_with_a_won_deal(client, house):
    make_campaign(name="Still open", stage="proposal")

    text = client.get(PAGE).content.decode()

    assert "Winter launch" in text
    assert "Still open" not in text


def test_the_form_is_judged_while_one_types_and_books_at_the_end(client, house):
    _podcast, unit, drops, deal = house
    form = client.get(f"{PAGE}?deal={deal.pk}").content.decode()
    assert [text in form for text in ("The Long Commute", "No. 1", 'value="25.00"')] == [True] * 3

    live = client.post(f"{JUDGE}?deal={deal.pk}", body_of(unit, *drops[:2])).content.decode()
    assert "€500.00" in live
    assert IOBooking.objects.count() == 0

    answer = client.post(f"{PAGE}?deal={deal.pk}", body_of(unit, *drops[:2], status="held"))
    order = InsertionOrder.objects.get(campaign=deal)
    assert (answer.status_code, answer["Location"]) == (302, f"/admin/bookings/insertionorder/{order.pk}/change/")
    assert order.lines.filter(status="held").count() == 2


def test_a_conflict_names_the_slot_and_keeps_what_was_typed(client, house):
    _podcast, unit, drops, deal = house
    make_booking(ad_unit=unit, episode=drops[0], at=timezone.now())

    answer = client.post(f"{PAGE}?deal={deal.pk}", body_of(unit, *drops[:2], status="held"))
    text = answer.content.decode()

    assert answer.status_code == 409
    assert "“No. 1” is sold already" in text
    assert "Next free: No. 2" in text
    assert text.count('value="10,000"') == 2
    assert not InsertionOrder.objects.filter(campaign=deal).exists()


def test_a_chosen_line_needs_impressions_and_a_price(client, house):
    _podcast, unit, drops, deal = house
    key = f"{unit.pk}_{drops[0].pk}"
    for field, typed in (("impressions", "many"), ("impressions", ""), ("cpm", "-1"), ("cpm", "NaN")):
        answer = client.post(f"{PAGE}?deal={deal.pk}", body_of(unit, drops[0]) | {f"{field}_{key}": typed})
        assert answer.status_code == 409
    assert IOBooking.objects.count() == 0


def test_the_wizard_is_for_those_who_book_and_for_this_house(client, login, client_of, house, other_tenant, tenant):
    *_others, deal = house
    with tenant_context(other_tenant):
        foreign = won()
    for wrong in (foreign.pk, "nonsense"):
        assert client.get(f"{PAGE}?deal={wrong}").status_code == 404
        assert client.post(f"{JUDGE}?deal={wrong}").status_code == 404
    with tenant_context(tenant):
        login(client, make_user(role="ops"))
        assert client.get(f"{PAGE}?deal={deal.pk}").status_code == 403
    assert client_of(tenant).get(f"{PAGE}?deal={deal.pk}").status_code == 302
