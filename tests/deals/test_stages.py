"""The state machine of deals against the table of the domain: every pair of stages, every role."""

import re
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from deals.models import Campaign
from deals.services import move_deal, note_live_booking
from tests.factories import make_campaign, make_user
from tracker.events.models import Event
from tracker.lib.errors import DomainError
from tracker.stack.state import PROJECT

Stage = Campaign.Stage
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ROLES = ["administrator", "sales_manager", "salesperson", "creator", "advertiser", "ops"]
MANAGERS = {"administrator", "sales_manager"}

# Written out by hand from the domain's table, apart from the code's own map.
PLAIN = {
    ("lead", "qualified"),
    ("qualified", "proposal"),
    ("qualified", "lead"),
    ("proposal", "negotiation"),
    ("proposal", "qualified"),
    ("negotiation", "won"),
    ("negotiation", "proposal"),
}
WITH_REASON = {
    ("lead", "lost"),
    ("qualified", "lost"),
    ("proposal", "lost"),
    ("negotiation", "lost"),
    ("lost", "qualified"),
}
MANAGER_WITH_REASON = {("won", "negotiation")}
FORCED = {
    ("lead", "proposal"),
    ("lead", "negotiation"),
    ("lead", "won"),
    ("qualified", "negotiation"),
    ("qualified", "won"),
    ("proposal", "won"),
}


def expected_code(was: str, to: str, *, role: str, force: bool, reason: str) -> str | None:
    """Return the code of the refusal that the domain's table asks for, or None for a move that goes through."""
    pair, manager = (was, to), role in MANAGERS
    if was == to or pair in PLAIN:
        return None
    if pair in WITH_REASON:
        return None if reason else "reason_required"
    if pair in MANAGER_WITH_REASON or (pair in FORCED and force):
        if not manager:
            return "manager_required"
        return None if reason else "reason_required"
    return "invalid_transition"


@pytest.mark.parametrize("role", ROLES)
def test_every_pair_of_stages_follows_the_table(tenant, role):
    user = make_user(role=role)
    for was, to, force, reason in product(Stage.values, Stage.values, [False, True], ["", "They asked for it"]):
        campaign = make_campaign(stage=was)
        expected = expected_code(was, to, role=role, force=force, reason=reason)

        code = None
        try:
            move_deal(campaign=campaign, to=to, by=user, at=NOON, reason=reason, force=force)
        except DomainError as refusal:
            code = refusal.code

        campaign.refresh_from_db()
        events = Event.objects.filter(type="deal.stage_changed", subject_id=str(campaign.pk))
        moved = expected is None and was != to
        case = (role, was, to, force, reason)
        assert code == expected, case
        assert campaign.stage == (to if expected is None else was), case
        assert [(event.data["from"], event.data["to"]) for event in events] == ([(was, to)] if moved else []), case


def test_a_refused_move_names_the_stages_allowed_from_here(tenant, salesperson):
    campaign = make_campaign(stage="proposal")

    with pytest.raises(DomainError) as refusal:
        move_deal(campaign=campaign, to=Stage.LEAD, by=salesperson, at=NOON)

    assert refusal.value.code == "invalid_transition"
    assert refusal.value.details == {"current": "proposal", "allowed": ["qualified", "negotiation", "lost"]}


def test_an_unknown_stage_is_no_stage(tenant, salesperson):
    with pytest.raises(DomainError) as refusal:
        move_deal(campaign=make_campaign(), to="closed", by=salesperson, at=NOON)

    assert refusal.value.code == "unknown_stage"


def test_moving_stamps_the_stage_and_closing_stamps_the_close(tenant, salesperson):
    campaign = make_campaign(stage="negotiation")

    won = move_deal(campaign=campaign, to=Stage.WON, by=salesperson, at=NOON)

    assert (won.stage, won.stage_changed_at, won.closed_at, won.status) == ("won", NOON, NOON, "won")


def test_a_lost_deal_keeps_its_reason_until_it_is_opened_again(tenant, salesperson):
    campaign = make_campaign(stage="proposal")

    lost = move_deal(campaign=campaign, to=Stage.LOST, by=salesperson, at=NOON, reason=" Price ", lost_to="A rival")
    assert (lost.lost_reason, lost.lost_to, lost.closed_at) == ("Price", "A rival", NOON)

    again = move_deal(campaign=lost, to=Stage.QUALIFIED, by=salesperson, at=NOON + timedelta(days=3), reason="Budget")
    assert (again.lost_reason, again.lost_to, again.closed_at) == ("", "", None)
    assert Event.objects.filter(subject_id=str(campaign.pk)).last().data["reason"] == "Budget"


@pytest.mark.parametrize("reason", ["", "   ", "-", "…"])
def test_a_reason_that_says_nothing_is_no_reason(tenant, salesperson, reason):
    with pytest.raises(DomainError) as refusal:
        move_deal(campaign=make_campaign(stage="lead"), to=Stage.LOST, by=salesperson, at=NOON, reason=reason)

    assert refusal.value.code == "reason_required"


def test_a_won_deal_with_a_running_booking_stays_won(tenant, sales_manager):
    campaign = make_campaign(stage="won")
    note_live_booking(campaign=campaign, live=True)

    with pytest.raises(DomainError) as refusal:
        move_deal(campaign=campaign, to=Stage.NEGOTIATION, by=sales_manager, at=NOON, reason="A mistake")
    assert refusal.value.code == "active_booking"

    note_live_booking(campaign=campaign, live=False)
    moved = move_deal(campaign=campaign, to=Stage.NEGOTIATION, by=sales_manager, at=NOON, reason="A mistake")
    assert moved.stage == "negotiation"


def test_a_stale_version_moves_nothing(tenant, salesperson):
    campaign = make_campaign(stage="lead")
    seen = campaign.version
    move_deal(campaign=campaign, to=Stage.QUALIFIED, by=salesperson, at=NOON)

    with pytest.raises(DomainError) as refusal:
        move_deal(campaign=campaign, to=Stage.PROPOSAL, by=salesperson, at=NOON, if_version=seen)

    campaign.refresh_from_db()
    assert refusal.value.code == "stale_version"
    assert refusal.value.details["current"] == "qualified"
    assert campaign.stage == "qualified"


def test_the_stage_of_a_deal_is_written_by_one_service_alone():
    """Admin, board, API, imports, matches and jobs all call deals.services: nobody else assigns or updates a stage."""
    writes = re.compile(r"\.stage\s*=[^=]|\.update\([^)]*\bstage\s*=|setattr\([^)]*[\"']stage[\"']")
    found = {
        str(path.relative_to(PROJECT))
        for app in ("deals", "bookings", "matchmaking", "etl", "metrics", "tracker")
        for path in (PROJECT / app).rglob("*.py")
        if "migrations" not in path.parts and writes.search(path.read_text())
    }

    assert found == {"deals/services.py"}
