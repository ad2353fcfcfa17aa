import csv
import io

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_tenants.utils import tenant_context

from deals.models import Agency, Campaign, Contact, Sponsor
from tests.factories import make_campaign, make_podcast, make_sponsor
from tracker.events.models import Event
from tracker.flags.models import FlagOverride
from tracker.lib.spreadsheets import inert

LIST = "/admin/deals/campaign/"


@pytest.fixture
def desk(tenant, client, salesperson, login):
    FlagOverride.objects.create(flag="ENABLE_DEAL_PIPELINE", is_on=True)
    return login(client, salesperson)


def deal_form(sponsor, **changes):
    return {
        "name": "Winter layers",
        "sponsor": str(sponsor.pk),
        "agency": "",
        "owner": "",
        "source": "inbound",
        "value": "62400.50",
        "currency": "eur",
        "expected_close_on": "2026-12-24",
        "next_step": "Call",
        "next_step_on": "",
        "flight_first_day": "",
        "flight_last_day": "",
        "wanted_impressions": "",
        "notes": "",
        **changes,
    }


def test_a_deal_is_added_as_a_lead_with_its_value_in_cents(desk, salesperson):
    sponsor, show = make_sponsor(), make_podcast()

    answer = desk.post(f"{LIST}add/", deal_form(sponsor, wanted_podcasts=[str(show.pk)]))

    deal = Campaign.objects.get()
    assert answer.status_code == 302
    assert (deal.name, deal.stage, deal.campaign_value, deal.currency) == ("Winter layers", "lead", 6_240_050, "EUR")
    assert list(deal.wanted_podcasts.all()) == [show]
    assert Event.objects.get(type="deal.opened").actor["id"] == str(salesperson.pk)


def test_a_deal_is_changed_through_the_service(desk):
    deal = make_campaign(campaign_value=100, currency="EUR")

    desk.post(f"{LIST}{deal.pk}/change/", deal_form(deal.sponsor, next_step="Send offer", seen_version=deal.version))

    deal.refresh_from_db()
    assert (deal.next_step, deal.campaign_value, deal.version) == ("Send offer", 6_240_050, 2)
    assert Event.objects.filter(type="deal.changed").count() == 1


def test_a_form_opened_before_another_change_overwrites_nothing(desk):
    deal = make_campaign(next_step="Call", currency="EUR")
    seen = deal.version
    desk.post(f"{LIST}{deal.pk}/change/", deal_form(deal.sponsor, next_step="Send offer", seen_version=seen))

    late = deal_form(deal.sponsor, next_step="Wait", seen_version=seen)
    answer = desk.post(f"{LIST}{deal.pk}/change/", late, follow=True)

    deal.refresh_from_db()
    assert deal.next_step == "Send offer"
    assert "Somebody changed this deal in the meantime" in answer.content.decode()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"currency": "EURO"}, "at most 3 characters"),
        ({"currency": "E1R"}, "A currency is three letters"),
        ({"flight_first_day": "2026-12-02", "flight_last_day": "2026-12-01"}, "The flight ends before it begins."),
        ({"value": "-1"}, "greater than or equal to 0"),
        ({"name": ""}, "This field is required."),
    ],
)
def test_a_wrong_field_is_told_in_its_place(desk, changes, words):
    answer = desk.post(f"{LIST}add/", deal_form(make_sponsor(), **changes))

    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert not Campaign.objects.exists()


def test_a_deal_moves_along_by_a_form_with_a_reason(desk):
    deal = make_campaign(stage="proposal")

    asked = desk.get(f"{LIST}{deal.pk}/move/").content.decode()
    refused = desk.post(f"{LIST}{deal.pk}/move/", {"stage": "lost", "reason": ""})
    moved = desk.post(f"{LIST}{deal.pk}/move/", {"stage": "lost", "reason": "Price", "lost_to": "A rival"}, follow=True)

    deal.refresh_from_db()
    assert 'value="negotiation"' in asked
    assert 'value="won"' not in asked
    assert refused.status_code == 409
    assert "Say why the deal was lost." in refused.content.decode()
    assert (deal.stage, deal.lost_reason, deal.lost_to) == ("lost", "Price", "A rival")
    assert "moved to lost" in moved.content.decode()


def test_looking_at_the_move_changes_nothing(desk):
    deal = make_campaign(stage="lead")

    desk.get(f"{LIST}{deal.pk}/move/?to=qualified")

    deal.refresh_from_db()
    assert deal.stage == "lead"


def test_nothing_moves_while_the_pipeline_is_switched_off(tenant, client, salesperson, login):
    login(client, salesperson)
    deal = make_campaign(stage="lead")

    assert client.get(f"{LIST}{deal.pk}/move/").status_code == 404
    assert "Move chosen deals" not in client.get(LIST).content.decode()
    client.post(LIST, {"action": "move_chosen", "_selected_action": [str(deal.pk)], "stage": "qualified"})
    deal.refresh_from_db()
    assert deal.stage == "lead"


def test_only_a_manager_is_offered_an_exception(desk, login, sales_manager):
    deal = make_campaign(stage="lead")
    assert 'name="force"' not in desk.get(f"{LIST}{deal.pk}/move/").content.decode()
    sneaked = desk.post(f"{LIST}{deal.pk}/move/", {"stage": "won", "reason": "x", "force": "on"})

    login(desk, sales_manager)
    forced = desk.post(f"{LIST}{deal.pk}/move/", {"stage": "won", "reason": "Signed at the fair", "force": "on"})

    deal.refresh_from_db()
    assert (sneaked.status_code, forced.status_code, deal.stage) == (200, 302, "won")


def test_chosen_deals_move_each_by_itself(desk):
    good, stuck = make_campaign(stage="lead", name="Good one"), make_campaign(stage="negotiation", name="Far one")
    chosen = {"action": "move_chosen", "_selected_action": [str(good.pk), str(stuck.pk)]}

    asked = desk.post(LIST, chosen).content.decode()
    done = desk.post(LIST, {**chosen, "stage": "qualified"}, follow=True).content.decode()

    good.refresh_from_db()
    stuck.refresh_from_db()
    assert "Good one" in asked
    assert "Far one" in asked
    assert (good.stage, stuck.stage) == ("qualified", "negotiation")
    assert "1 deal moved." in done
    assert "Far one: This deal is in negotiation" in done


def test_the_list_takes_as_many_queries_for_one_deal_as_for_five(desk, salesperson):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert desk.get(LIST).status_code == 200
        return len(captured)

    make_campaign(owner=salesperson)
    desk.get(LIST)
    one = queries()
    for _more in range(4):
        make_campaign(owner=salesperson)
    assert queries() == one


def test_an_export_cannot_run_in_a_spreadsheet(desk):
    make_campaign(name="=HYPERLINK(1)", sponsor=make_sponsor(name="@SUM(A1)"), campaign_value=12345, next_step="-1+2")

    answer = desk.get(f"{LIST}export/")

    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert answer["Content-Type"] == "text/csv"
    assert [(row["name"], row["sponsor"], row["next_step"], row["campaign_value"]) for row in rows] == [
        ("'=HYPERLINK(1)", "'@SUM(A1)", "'-1+2", "12345")
    ]


@pytest.mark.parametrize("cell", ["=1+1", "+1+1", "-2+3", "@SUM(1)", "\t=1", ' "=1"', "|calc", "％=1"[1:], "＝1"])
def test_dangerous_cells_get_an_apostrophe(cell):
    assert inert(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["Acme", "-12.5", "+49", "3", "", 7, None, "a=b"])
def test_harmless_cells_stay(cell):
    assert inert(cell) == cell


def test_a_sponsor_of_a_known_name_is_asked_about_once(desk):
    known = make_sponsor(name="Acme Foods")
    form = {
        **{"name": "ACME-Foods Inc.", "aliases": "", "tags": "", "blocked_categories": "", "targets": "{}"},
        **{"credit_status": "open", "category": "Food", "website_url": "", "agency": ""},
        **{"contacts-TOTAL_FORMS": "0", "contacts-INITIAL_FORMS": "0"},
    }

    asked = desk.post("/admin/deals/sponsor/add/", form)
    assert f"There is a sponsor of that name already: {known.name}" in asked.content.decode()
    assert Sponsor.objects.count() == 1

    desk.post("/admin/deals/sponsor/add/", {**form, "is_another": "on"})
    assert sorted(Sponsor.objects.values_list("name", "name_key")) == [
        ("ACME-Foods Inc.", "acmefoods"),
        ("Acme Foods", "acmefoods"),
    ]


def test_agencies_and_contacts_are_added(desk):
    desk.post(
        "/admin/deals/agency/add/",
        {
            **{"name": "Brass", "commission_permille": "150", "credit_status": "open"},
            **{"contacts-TOTAL_FORMS": "1", "contacts-INITIAL_FORMS": "0", "contacts-0-name": "Ada"},
        },
    )

    agency = Agency.objects.get()
    assert (agency.name, [contact.name for contact in agency.contacts.all()]) == ("Brass", ["Ada"])
    assert desk.get("/admin/deals/contact/").status_code == 200
    assert Contact.objects.get().agency == agency


def test_a_deal_of_another_house_is_not_there(desk, other_tenant):
    with tenant_context(other_tenant):
        foreign = make_campaign(name="Foreign secret")

    for address in (f"{LIST}{foreign.pk}/move/", f"{LIST}{foreign.pk}/change/"):
        answer = desk.get(address, follow=True)
        assert "Foreign secret" not in answer.content.decode()
    assert desk.get(f"{LIST}{foreign.pk}/move/").status_code == 404


@pytest.mark.parametrize("role", ["creator", "advertiser"])
def test_those_who_do_not_sell_do_not_come_in(tenant, client, login, role, request):
    login(client, request.getfixturevalue(f"{role}_user"))

    assert client.get(LIST).status_code == 302
    assert client.get(f"{LIST}{make_campaign().pk}/move/").status_code == 302


def test_ops_may_look_and_not_move(tenant, client, login, ops_user):
    FlagOverride.objects.create(flag="ENABLE_DEAL_PIPELINE", is_on=True)
    login(client, ops_user)
    deal = make_campaign(stage="lead")

    assert client.get(LIST).status_code == 200
    assert client.post(f"{LIST}{deal.pk}/move/", {"stage": "qualified"}).status_code == 403


def test_a_category_is_offered_by_the_names_of_the_trade_and_by_the_house_s_own(desk):
    make_sponsor(category="Bicycle bells")

    page = desk.get("/admin/deals/sponsor/add/").content.decode()

    assert 'list="category-suggestions"' in page
    offered = page.split('<datalist id="category-suggestions">')[1].split("</datalist>")[0]
    assert offered.index("Bicycle bells") < offered.index("Alcohol") < offered.index("Meal Kits")


@pytest.mark.parametrize("listed", ["sponsor", "agency", "contact"])
def test_each_list_of_the_desk_takes_as_many_queries_for_one_row_as_for_five(desk, listed):
    def add():
        agency = Agency.objects.create(name="Brass")
        sponsor = make_sponsor(agency=agency)
        Contact.objects.create(name="Ada", sponsor=sponsor, agency=agency)

    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert desk.get(f"/admin/deals/{listed}/").status_code == 200
        return len(captured)

    add()
    queries()
    one = queries()
    for _more in range(4):
        add()
    assert queries() == one


def test_rows_of_the_lists_open_pages_and_forms_stay_a_button_away(desk):
    deal = make_campaign(sponsor=make_sponsor(agency=Agency.objects.create(name="Brass")))

    def page(listed):
        return desk.get(f"/admin/deals/{listed}/").content.decode()

    assert f'href="/admin/deals/campaign/{deal.pk}/"' in page("campaign")
    assert f'href="/admin/deals/sponsor/{deal.sponsor_id}/"' in page("sponsor")
    assert f'href="/admin/deals/agency/{deal.sponsor.agency_id}/"' in page("agency")

    FlagOverride.objects.update(is_on=False)
    assert f'href="/admin/deals/campaign/{deal.pk}/change/"' in page("campaign")
