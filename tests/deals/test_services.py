from datetime import UTC, date, datetime

import pytest

from deals.models import Campaign, GuardRule, Sponsor
from deals.queries import unmet_guards
from deals.services import (
    add_agency,
    add_contact,
    add_sponsor,
    change_deal,
    change_sponsor,
    move_deal,
    note_accepted_order,
    note_live_booking,
    note_on_deal,
    open_deal,
)
from tests.factories import make_agency, make_campaign, make_podcast, make_sponsor
from tracker.events.models import Event
from tracker.lib.errors import DomainError

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_a_deal_opens_as_a_lead_with_its_sponsors_agency(tenant, salesperson):
    agency = add_agency(name="Brass", by=salesperson, at=NOON)
    sponsor = add_sponsor(name="Harbor & Pine", by=salesperson, at=NOON, agency=agency)
    show = make_podcast()

    deal = open_deal(
        name="Winter layers",
        sponsor=sponsor,
        currency="EUR",
        by=salesperson,
        at=NOON,
        campaign_value=6_240_000,
        wanted_podcasts=[show],
    )

    deal.refresh_from_db()
    assert (deal.stage, deal.status, deal.stage_changed_at, deal.agency) == ("lead", "open", NOON, agency)
    assert list(deal.wanted_podcasts.all()) == [show]
    assert [event.type for event in Event.objects.order_by("seq")] == ["agency.added", "sponsor.added", "deal.opened"]


def test_the_stage_cannot_be_slipped_in_past_the_rules(tenant, salesperson):
    with pytest.raises(TypeError):
        change_deal(campaign=make_campaign(), by=salesperson, at=NOON, stage="won")


def test_changing_a_deal_tells_which_fields_once(tenant, salesperson):
    deal = make_campaign(name="Old name")
    show = make_podcast()

    change_deal(campaign=deal, by=salesperson, at=NOON, name="New name", next_step="Call", wanted_podcasts=[show])
    change_deal(campaign=deal, by=salesperson, at=NOON, name="New name", next_step="Call", wanted_podcasts=[show])

    deal.refresh_from_db()
    told = [event.data["fields"] for event in Event.objects.filter(type="deal.changed")]
    assert (deal.name, deal.next_step, deal.version) == ("New name", "Call", 2)
    assert told == [["name", "next_step", "wanted_podcasts"]]


def test_a_change_on_a_stale_version_overwrites_nothing(tenant, salesperson):
    deal = make_campaign(next_step="Call")
    seen = deal.version
    change_deal(campaign=deal, by=salesperson, at=NOON, next_step="Send offer", if_version=seen)

    with pytest.raises(DomainError) as refusal:
        change_deal(campaign=deal, by=salesperson, at=NOON, next_step="Wait", if_version=seen)

    deal.refresh_from_db()
    assert refusal.value.code == "stale_version"
    assert deal.next_step == "Send offer"


def test_facts_of_bookings_are_written_on_the_deal(tenant):
    deal = make_campaign(stage="won")

    note_accepted_order(campaign=deal, accepted=True)
    note_live_booking(campaign=deal, live=True, booked_from=date(2026, 12, 1))

    deal.refresh_from_db()
    assert (deal.has_accepted_order, deal.has_active_booking, deal.booked_from) == (True, True, date(2026, 12, 1))
    note_live_booking(campaign=deal, live=False)
    deal.refresh_from_db()
    assert (deal.has_active_booking, deal.booked_from) == (False, None)


def test_a_guard_that_warns_lets_the_move_pass_and_tells_of_it(tenant, salesperson):
    deal = make_campaign(stage="qualified", campaign_value=0, expected_close_on=None)

    move_deal(campaign=deal, to="proposal", by=salesperson, at=NOON)

    assert Event.objects.get(type="deal.stage_changed").data["warnings"] == ["value_missing", "close_missing"]


def test_a_guard_that_blocks_is_passed_only_by_a_manager_with_a_reason(tenant, salesperson, sales_manager):
    GuardRule.objects.create(code="value_missing", level="block")
    deal = make_campaign(stage="qualified", campaign_value=0)

    def code_of(**how):
        with pytest.raises(DomainError) as refusal:
            move_deal(campaign=deal, to="proposal", at=NOON, **how)
        return refusal.value.code

    assert code_of(by=salesperson) == "guard_blocked"
    assert code_of(by=salesperson, force=True, reason="Trust me") == "manager_required"
    assert code_of(by=sales_manager, force=True) == "reason_required"
    assert move_deal(
        campaign=deal, to="proposal", by=sales_manager, at=NOON, force=True, reason="Known price"
    ).stage == ("proposal")


def test_a_guard_that_is_off_says_nothing(tenant, salesperson):
    for code in ("value_missing", "close_missing"):
        GuardRule.objects.create(code=code, level="off")
    deal = make_campaign(stage="qualified", campaign_value=0)

    move_deal(campaign=deal, to="proposal", by=salesperson, at=NOON)

    assert Event.objects.get(type="deal.stage_changed").data["warnings"] == []


def test_a_sponsor_is_known_by_its_name_without_spelling(tenant, salesperson):
    sponsor = add_sponsor(name=" ACME-Foods Inc. ", by=salesperson, at=NOON)
    assert (sponsor.name, sponsor.name_key) == ("ACME-Foods Inc.", "acmefoods")

    changed = change_sponsor(sponsor=sponsor, by=salesperson, at=NOON, name="Beta Foods", category="Food")
    assert (changed.name_key, changed.category) == ("betafoods", "Food")
    assert Event.objects.get(type="sponsor.changed").data["fields"] == ["category", "name"]


def test_names_are_needed(tenant, salesperson):
    for add in (add_sponsor, add_agency):
        with pytest.raises(DomainError) as refusal:
            add(name="  ", by=salesperson, at=NOON)
        assert refusal.value.code == "name_required"
    assert not Sponsor.objects.exists()


def test_a_contact_belongs_to_somebody(tenant):
    with pytest.raises(DomainError) as refusal:
        add_contact(name="Ada")
    assert refusal.value.code == "contact_of_nobody"
    assert add_contact(name="Ada", sponsor=make_sponsor()).name == "Ada"


def test_a_note_is_kept_with_who_wrote_it(tenant, salesperson):
    deal = make_campaign()

    note = note_on_deal(campaign=deal, text=" Called, budget is set. ", kind="call", by=salesperson, at=NOON)

    assert (note.text, note.written_by["id"], note.written_at) == ("Called, budget is set.", str(salesperson.pk), NOON)
    assert Event.objects.get(type="deal.noted").data == {"campaign_id": str(deal.pk), "kind": "call"}
    with pytest.raises(DomainError):
        note_on_deal(campaign=deal, text="  ", by=salesperson, at=NOON)


def test_a_deal_with_a_merged_sponsor_is_refused(tenant, salesperson):
    kept = make_sponsor(name="Acme")
    twin = make_sponsor(name="ACME Inc.", merged_into=kept)

    with pytest.raises(DomainError) as refusal:
        open_deal(name="New", sponsor=twin, currency="EUR", by=salesperson, at=NOON)

    assert (refusal.value.code, refusal.value.details) == ("sponsor_merged", {"kept": str(kept.pk)})
    assert not Campaign.objects.exists()


@pytest.mark.parametrize("payer", ["sponsor", "agency of the sponsor", "agency of the deal"])
def test_credit_on_hold_counts_whoever_pays(tenant, payer):
    held = make_agency(credit_status="hold")
    deal = {
        "sponsor": lambda: make_campaign(sponsor=make_sponsor(credit_status="hold")),
        "agency of the sponsor": lambda: make_campaign(sponsor=make_sponsor(agency=held)),
        "agency of the deal": lambda: make_campaign(agency=held),
    }[payer]()

    assert "credit_hold" in [guard.code for guard, _level in unmet_guards(deal, to="won")]
    assert "credit_hold" not in [guard.code for guard, _level in unmet_guards(make_campaign(), to="won")]
