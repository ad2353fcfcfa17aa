"""Pages of matches: what each kind of person sees and may do."""

from decimal import Decimal

import pytest
from django_tenants.utils import tenant_context

from deals.models import Campaign
from matchmaking import profiles, services
from matchmaking.models import Feedback, Match, Run, Weights
from tests.factories import NOON, make_podcast, make_sponsor, make_user
from tracker.lib.actors import SYSTEM


@pytest.fixture(autouse=True)
def _on(monkeypatch):
    monkeypatch.setenv("ENABLE_MATCHMAKING", "1")
    monkeypatch.setenv("ENABLE_DEAL_PIPELINE", "1")


@pytest.fixture
def house(tenant):
    shows = [
        make_podcast(title=title, categories=[genre])
        for title, genre in (("Kernel Talk", "Technology"), ("Pot and Pan", "Food"), ("Cold Trails", "True Crime"))
    ]
    sponsors = [make_sponsor(name="Cloudly", tags=["tech", "saas"]), make_sponsor(name="Fresh Box", tags=["food"])]
    services.recalculate_matches(by=SYSTEM, at=NOON)
    return shows, sponsors


def test_the_lists_lead_to_ranked_pages(client, login, salesperson, house):
    login(client, salesperson)
    shows, sponsors = house

    assert "Cloudly" in client.get("/matches").content.decode()
    page = client.get(f"/matches/advertisers/{sponsors[0].pk}").content.decode()
    assert page.index("Kernel Talk") < page.index("Pot and Pan")
    assert "Why not" in page
    assert "no data" in page
    assert "Fresh Box" in client.get(f"/matches/shows/{shows[1].pk}").content.decode()


def test_an_empty_house_has_pages_that_say_what_to_do(client, login, administrator):
    login(client, administrator)

    assert "Nobody to match yet" in client.get("/matches").content.decode()
    sponsor = make_sponsor()
    assert "No match yet" in client.get(f"/matches/advertisers/{sponsor.pk}").content.decode()
    assert client.get("/matches/weights").status_code == 200


def test_who_tells_too_little_is_on_no_list_and_the_pages_say_what_would_tell(client, login, salesperson, house):
    login(client, salesperson)
    shows, _sponsors = house
    nameless, untold = make_sponsor(name="Zyxt"), make_podcast(title="Qwxz", categories=[], description="")
    services.recalculate_matches(by=SYSTEM, at=NOON)

    def said(path):
        return client.get(path).content.decode()

    assert not Match.objects.filter(advertiser=nameless).exists()
    assert not Match.objects.filter(podcast=untold).exists()
    assert "Name what it sells (tags or a category)" in said(f"/matches/advertisers/{nameless.pk}")
    assert "Give it categories, a description or an audience" in said(f"/matches/shows/{untold.pk}")
    pair = said(f"/matches/shows/{shows[0].pk}?advertiser={nameless.pk}")
    assert "Too little is known to list this pair." in pair
    assert "Import who listens to the show." in pair


def test_the_number_of_queries_does_not_grow_with_the_list(client, login, salesperson, house):
    login(client, salesperson)
    _shows, sponsors = house
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def count():
        with CaptureQueriesContext(connection) as queries:
            assert client.get(f"/matches/advertisers/{sponsors[0].pk}").status_code == 200
        return len(queries)

    client.get(f"/matches/advertisers/{sponsors[0].pk}")
    few = count()
    for number in range(5):
        make_podcast(title=f"More {number}", categories=["Technology"])
    services.recalculate_matches(by=SYSTEM, at=NOON)
    assert count() == few


def test_switched_off_there_is_no_page(client, login, salesperson, house, monkeypatch):
    login(client, salesperson)
    monkeypatch.delenv("ENABLE_MATCHMAKING")

    assert client.get("/matches").status_code == 404


def test_an_advertiser_sees_their_own_list_and_no_other(client, login, house):
    shows, sponsors = house
    person = make_user(role="advertiser", bindings={"sponsor": [sponsors[0].pk]})
    login(client, person)

    assert client.get("/matches").url == f"/matches/advertisers/{sponsors[0].pk}"
    assert client.get(f"/matches/advertisers/{sponsors[0].pk}").status_code == 200
    assert client.get(f"/matches/advertisers/{sponsors[1].pk}").status_code == 404
    assert client.get(f"/matches/shows/{shows[0].pk}").status_code == 404
    refused = client.post("/matches/feedback", {"advertiser": sponsors[1].pk, "show": shows[0].pk, "verdict": "good"})
    assert refused.status_code == 404
    assert client.get("/matches/weights").status_code == 403


def test_pages_of_another_house_are_not_there(client, login, salesperson, house, other_tenant):
    login(client, salesperson)
    with tenant_context(other_tenant):
        sponsor, podcast = make_sponsor(), make_podcast()

    assert client.get(f"/matches/advertisers/{sponsor.pk}").status_code == 404
    assert client.get(f"/matches/shows/{podcast.pk}").status_code == 404
    assert client.post("/matches/deal", {"advertiser": sponsor.pk, "show": podcast.pk}).status_code == 404


def test_feedback_and_a_deal_start_from_a_match(client, login, salesperson, house):
    login(client, salesperson)
    shows, sponsors = house
    pair = {"advertiser": sponsors[0].pk, "show": shows[0].pk}

    client.post("/matches/feedback", {**pair, "verdict": "bad"})
    client.post("/matches/deal", pair)

    feedback = Feedback.objects.get()
    assert (feedback.verdict, feedback.score) == (
        "bad",
        Match.objects.get(advertiser=sponsors[0], podcast=shows[0]).score,
    )
    deal = Campaign.objects.get()
    assert (deal.sponsor, list(deal.wanted_podcasts.all()), deal.stage, deal.owner) == (
        sponsors[0],
        [shows[0]],
        "lead",
        salesperson,
    )


def test_weights_are_previewed_then_saved_and_everything_is_recalculated(
    client, login, sales_manager, house, django_capture_on_commit_callbacks
):
    login(client, sales_manager)
    values = dict.fromkeys(profiles.SIGNALS, "0.1")

    preview = client.get("/matches/weights", values, headers={"hx-request": "true", "hx-target": "preview"})
    assert "What would move" in preview.content.decode()
    assert "<html" not in preview.content.decode()
    assert not Weights.objects.exists()

    with django_capture_on_commit_callbacks(execute=True):
        client.post("/matches/weights", values)
    assert Weights.objects.get().topic_overlap == Decimal("0.1")
    assert Run.objects.filter(scope="all", status="completed").count() == 2
    assert set(Match.objects.values_list("weights_version", flat=True)) == {2}


def test_weights_that_make_no_sense_are_shown_again_with_the_reason(client, login, sales_manager, house):
    login(client, sales_manager)

    answer = client.post("/matches/weights", dict.fromkeys(profiles.SIGNALS, "0"))

    assert "At least one weight is above 0." in answer.content.decode()
    assert not Weights.objects.exists()


def test_only_administrators_recalculate_everything(client, login, sales_manager, administrator, house):
    login(client, sales_manager)
    assert client.post("/matches/recalculate").status_code == 403
    login(client, administrator)
    assert client.post("/matches/recalculate").status_code == 302
