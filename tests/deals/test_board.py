import json
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tenants.utils import tenant_context

from deals.board import Amount, BoardFilter, card_of, filtered_deals, lane_heads, lanes, more_cards, quarter_bounds
from deals.cards import CardWriter
from deals.models import Campaign, SavedFilter
from deals.services import keep_filter
from tests.factories import make_campaign, make_podcast, make_sponsor
from tracker.flags.models import FlagOverride
from tracker.lib import words
from tracker.lib.errors import DomainError

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
BOARD = "/admin/deals/campaign/board/"


@pytest.fixture
def desk(tenant, client, salesperson, login):
    FlagOverride.objects.create(flag="ENABLE_DEAL_PIPELINE", is_on=True)
    return login(client, salesperson)


def lane(stage, found):
    return next(one for one in found if one.stage == stage)


def post_move(client, deal, to, **more):
    body = {"id": str(deal.pk), "to": to, "version": deal.version, **more}
    return client.post(f"{BOARD}move/", json.dumps(body), content_type="application/json")


def test_each_lane_has_its_sums_by_currency(tenant):
    make_campaign(stage="proposal", campaign_value=10_001, currency="EUR")
    make_campaign(stage="proposal", campaign_value=20_000, currency="EUR")
    make_campaign(stage="proposal", campaign_value=500, currency="USD")
    make_campaign(stage="won", campaign_value=900, currency="EUR", closed_at=NOON)

    found = lanes(BoardFilter(), at=NOON)

    assert [one.stage for one in found] == Campaign.Stage.values
    # 30,001 at 50 % is 15,000.5, rounded half up.
    assert lane("proposal", found).amounts == [Amount("EUR", 30_001, 15_001), Amount("USD", 500, 250)]
    assert lane("won", found).amounts == [Amount("EUR", 900, None)]
    assert lane("lead", found).amounts == []
    heads = lane_heads(BoardFilter(), at=NOON)
    assert [(one.deals, one.amounts) for one in heads] == [(one.deals, one.amounts) for one in found]


def test_days_turn_amber_past_the_expected_ones_and_red_at_half_as_many_again(tenant):
    for days in (10, 11, 14, 15):
        make_campaign(stage="proposal", name=f"{days}", stage_changed_at=NOON - timedelta(days=days))

    cards = lane("proposal", lanes(BoardFilter(), at=NOON)).cards

    assert [(card.name, card.days, card.tone) for card in cards] == [
        ("15", 15, "bad"),
        ("14", 14, "watch"),
        ("11", 11, "watch"),
        ("10", 10, ""),
    ]


def test_closed_deals_of_this_quarter_are_shown_the_latest_first(tenant):
    make_campaign(stage="won", name="old", closed_at=datetime(2026, 9, 30, 21, 59, tzinfo=UTC))
    first = make_campaign(stage="won", name="first", closed_at=datetime(2026, 10, 1, 9, tzinfo=UTC))
    last = make_campaign(stage="won", name="last", closed_at=datetime(2026, 11, 1, 9, tzinfo=UTC))

    cards = lane("won", lanes(BoardFilter(), at=NOON)).cards

    assert [card.campaign_id for card in cards] == [last.pk, first.pk]


def test_filters_narrow_the_board(tenant, salesperson):
    show = make_podcast()
    mine = make_campaign(name="Alpha", owner=salesperson, expected_close_on=date(2026, 12, 1), next_step="Ring Ada")
    other = make_campaign(name="Beta", expected_close_on=date(2027, 1, 2))
    mine.wanted_podcasts.add(show)

    def names(**wanted):
        return sorted(deal.name for deal in filtered_deals(BoardFilter(**wanted), at=NOON))

    assert names() == ["Alpha", "Beta"]
    assert names(owner=str(salesperson.pk)) == ["Alpha"]
    assert names(owner="none") == ["Beta"]
    assert names(sponsor=str(other.sponsor_id)) == ["Beta"]
    assert names(podcast=str(show.pk)) == ["Alpha"]
    assert names(quarter="2026-4") == ["Alpha"]
    assert names(quarter="2027-1") == ["Beta"]
    assert names(text="ada") == ["Alpha"]
    assert names(text=other.sponsor.name) == ["Beta"]


def test_a_filter_that_is_none_is_left_out():
    odd = {"owner": "' OR 1=1", "sponsor": "x", "podcast": "1", "quarter": "2026-5", "q": "  "}
    assert BoardFilter.read(odd) == BoardFilter()
    assert quarter_bounds("2026-1") == (date(2026, 1, 1), date(2026, 3, 31))
    assert [quarter_bounds(odd) for odd in ("", "2026", "20264", "2026-0", "abcd-1", "0001-1", "２０２６-1")] == [
        None
    ] * 7


def test_a_long_lane_shows_its_first_cards_and_then_the_rest(tenant):
    for number in range(7):
        make_campaign(stage="lead", name=f"{number}", stage_changed_at=NOON - timedelta(days=9 - number))

    found = lane("lead", lanes(BoardFilter(), at=NOON, cards=3))
    rest = more_cards(BoardFilter(), stage="lead", after=3, at=NOON)

    assert (found.deals, found.more, [card.name for card in found.cards]) == (7, 4, ["0", "1", "2"])
    assert [card.name for card in rest] == ["3", "4", "5", "6"]


def test_the_board_takes_as_many_queries_for_sixty_deals_as_for_six(desk, salesperson):
    def add(count):
        for number in range(count):
            make_campaign(stage=Campaign.Stage.values[number % 6], owner=salesperson)

    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert desk.get(BOARD).status_code == 200
        return len(captured)

    add(6)
    queries()
    few = queries()
    add(54)
    assert queries() == few


def test_the_board_shows_names_as_text(desk):
    make_campaign(stage="lead", name="<script>alert(1)</script>", next_step='"><img src=x>')

    page = desk.get(BOARD).content.decode()

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert(1)" not in page
    assert "<img src=x>" not in page


def test_a_move_answers_with_the_card_and_the_heads(desk):
    deal = make_campaign(stage="lead", name="Alpha", campaign_value=100_000, currency="EUR")

    answer = post_move(desk, deal, "qualified")

    deal.refresh_from_db()
    told = answer.json()
    assert (answer.status_code, deal.stage, told["stage"], told["undo"]) == (200, "qualified", "qualified", "lead")
    assert told["message"] == "Alpha moved to qualified."
    assert "€1,000" in told["heads"]["qualified"]
    assert f'data-version="{deal.version}"' in told["card"]


@pytest.mark.parametrize(
    ("stage", "to", "more", "status", "code", "ask"),
    [
        ("proposal", "lost", {}, 400, "reason_required", "lost"),
        ("lost", "qualified", {}, 422, "reason_required", "reason"),
        ("lead", "won", {}, 409, "invalid_transition", ""),
        ("lead", "closed", {}, 400, "unknown_stage", ""),
        ("won", "negotiation", {"reason": "A mistake"}, 403, "manager_required", ""),
        ("lead", "qualified", {"version": 99}, 412, "stale_version", ""),
    ],
)
def test_a_refused_move_says_why_and_where_the_deal_stands(desk, stage, to, more, status, code, ask):
    deal = make_campaign(stage=stage, closed_at=timezone.now() if stage in ("won", "lost") else None)

    answer = post_move(desk, deal, to, **more)

    told = answer.json()
    deal.refresh_from_db()
    assert (answer.status_code, told["code"], told["ask"]) == (status, code, ask)
    assert (deal.stage, told["stage"]) == (stage, stage)
    assert f'data-deal="{deal.pk}"' in told["card"]


def test_a_manager_is_asked_for_the_exception(desk, login, sales_manager):
    login(desk, sales_manager)
    deal = make_campaign(stage="lead")

    asked = post_move(desk, deal, "proposal").json()
    made = post_move(desk, deal, "proposal", reason="Met at the fair", force=True)

    assert asked["ask"] == "exception"
    assert made.status_code == 200


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"id": "x", "to": "won"}', b'{"id": 1}', b"\xff", b"[" * 5000])
def test_a_move_that_cannot_be_read_is_refused(desk, body):
    assert desk.post(f"{BOARD}move/", body, content_type="application/json").status_code == 400


def test_the_board_is_for_those_who_sell(tenant, client, login, ops_user, creator_user):
    deal = make_campaign(stage="lead")
    login(client, ops_user)
    assert client.get(BOARD).status_code == 404
    assert post_move(client, deal, "qualified").status_code == 404

    FlagOverride.objects.create(flag="ENABLE_DEAL_PIPELINE", is_on=True)
    assert client.get(BOARD).status_code == 200
    assert post_move(client, deal, "qualified").status_code == 403

    login(client, creator_user)
    assert client.get(BOARD).status_code == 302


def test_a_deal_of_another_house_is_not_on_the_board(desk, other_tenant):
    with tenant_context(other_tenant):
        foreign = make_campaign(stage="lead", name="Foreign secret")

    assert "Foreign secret" not in desk.get(BOARD).content.decode()
    assert post_move(desk, foreign, "qualified").status_code == 404
    assert desk.get(f"{BOARD}more/?stage=lead&after=0").content == b""


def test_the_rest_of_a_lane_wants_a_stage_and_a_number(desk):
    for query in ("", "?stage=lead", "?stage=nowhere&after=1", "?stage=lead&after=-1", "?stage=lead&after=x"):
        assert desk.get(f"{BOARD}more/{query}").status_code == 400


def test_a_filter_is_kept_for_its_person_alone(desk, login, sales_manager, salesperson):
    desk.post(f"{BOARD}keep/?q=winter&nonsense=1", {"name": "Winter deals"})
    desk.post(f"{BOARD}keep/?q=winter&owner=none", {"name": "Winter deals"})
    desk.post(f"{BOARD}keep/?q=x", {"name": "  "})

    kept = SavedFilter.objects.get()
    assert (kept.user, kept.name, kept.query) == (salesperson, "Winter deals", "owner=none&q=winter")
    assert "?owner=none&amp;q=winter" in desk.get(BOARD).content.decode()
    assert desk.get(f"{BOARD}keep/").status_code == 405

    login(desk, sales_manager)
    assert "Winter deals" not in desk.get(BOARD).content.decode()
    desk.post(f"{BOARD}keep/", {"forget": "Winter deals"})
    assert SavedFilter.objects.count() == 1

    login(desk, salesperson)
    desk.post(f"{BOARD}keep/", {"forget": "Winter deals"})
    assert not SavedFilter.objects.exists()


def test_filters_have_a_limit(tenant, salesperson, monkeypatch):
    monkeypatch.setattr("deals.services.MOST_FILTERS", 1)
    keep_filter(user=salesperson, name="One", query="q=1")
    keep_filter(user=salesperson, name="One", query="q=2")
    with pytest.raises(DomainError) as refusal:
        keep_filter(user=salesperson, name="Two", query="q=3")
    assert refusal.value.code == "too_many_filters"


def test_a_card_writes_money_as_every_page_does_and_escapes_what_people_typed(tenant):
    deal = make_campaign(
        name='<b>"Loud" & proud</b>',
        sponsor=make_sponsor(name="Harbor & <Pine>"),
        next_step="<script>",
        campaign_value=123_456_750,
        currency="SEK",
    )

    html = CardWriter().write(card_of(deal.pk, at=NOON))

    assert words.money_whole(123_456_750, "SEK") in html
    assert "&lt;b&gt;&quot;Loud&quot; &amp; proud&lt;/b&gt;" in html
    assert "Harbor &amp; &lt;Pine&gt;" in html
    assert "<script>" not in html
