"""Reports of sales by promo code: asked whose they are, checked, recorded once, taken back, and codes nobody knows."""

from datetime import date

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django_tenants.utils import tenant_context

from bookings.delivery.redemptions import import_redemptions
from bookings.models import PromoCode, Redemption
from bookings.services.codes import claim_code
from etl.models import RedemptionStep, WaitingRow
from etl.services import answer_code, run_waiting_imports, save_profile, undo_import
from tests.etl.files import bring_in, issues
from tests.factories import NOON, make_podcast, make_sponsor
from tracker.events.models import Event
from tracker.lib.actors import SYSTEM
from tracker.lib.errors import Conflict, DomainError

HEADER = "promo_code,day,orders,revenue,new_customers"


@pytest.fixture(autouse=True)
def _switched_on(monkeypatch):
    monkeypatch.setenv("ENABLE_ETL_CSV_UPLOAD", "1")


@pytest.fixture
def show(tenant):
    return make_podcast(title="Night")


@pytest.fixture
def sponsor(show):
    sponsor = make_sponsor(name="Fennelbox")
    claim_code(sponsor, show, "SALT")
    return sponsor


def sales(sponsor, *rows: str, header: str = HEADER, name: str = "sales.csv", **options):
    answers = {"sponsor": str(sponsor.pk), "currency": "USD"} | options.pop("answers", {})
    return bring_in("\n".join([header, *rows]) + "\n", name=name, answers=answers, **options)


def kept() -> list[tuple]:
    rows = Redemption.objects.order_by("promo_code", "day")
    return list(rows.values_list("promo_code", "day", "orders", "revenue_cents", "new_customers"))


def test_money_and_days_are_read_as_written_and_a_dash_is_not_zero(sponsor):
    run = sales(
        sponsor,
        'SALT,2026-03-01,3,"$1,204.50",2',
        "salt,2.3.2026,0,0,0",
        "Salt,20260303,1,–,-",
        "Total,,4,,",
    )

    assert (run.status, run.kind, run.records_imported, run.records_failed) == ("completed", "redemptions", 3, 0)
    assert kept() == [
        ("salt", date(2026, 3, 1), 3, 120_450, 2),
        ("salt", date(2026, 3, 2), 0, 0, 0),
        ("salt", date(2026, 3, 3), 1, None, None),
    ]


def test_what_the_file_does_not_say_is_asked_with_what_its_name_suggests(sponsor):
    make_sponsor(name="Another")

    asked = bring_in(f"{HEADER}\nSALT,2026-03-01,1,2,3\n", name="Fennelbox_march-sales.csv", dry_run=True)
    without_money = bring_in("promo_code,day,orders\nSALT,2026-03-01,1\n", dry_run=True)
    order = sales(sponsor, "SALT,3/9/2026,1,2,3", dry_run=True)

    assert asked.metadata["asked"]["asks"] == ["sponsor", "currency"]
    assert asked.metadata["asked"]["suggested"] == {"sponsor": str(sponsor.pk), "currency": "USD"}
    assert without_money.metadata["asked"]["asks"] == ["sponsor"]
    assert order.metadata["asked"]["asks"] == ["day_first"]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("SALT,2026-03-01,-3,,", "not_a_whole_number"),
        ("SALT,soon,1,,", "not_a_day"),
        ("SALT,2026-03-01,1,(12.50),", "amount_below_zero"),
        ("SALT,2026-03-01,1,€ 3,", "other_currency"),
        (",2026-03-01,1,2,", "missing"),
        ("SALT,2026-03-09,9,,", "stands_twice"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_reason(sponsor, row, code):
    run = sales(sponsor, "SALT,2026-03-09,1,,", row)

    assert (run.records_imported, [found for *_rest, found in issues(run)]) == (1, [code])


def test_a_check_tells_what_would_change_and_writes_nothing(sponsor):
    sales(sponsor, "SALT,2026-03-01,3,10.00,", "SALT,2026-03-02,2,5.00,")

    run = sales(sponsor, "SALT,2026-03-01,30,90.00,", "SALT,2026-03-02,2,5.00,", "SALT,2026-03-03,1,,", dry_run=True)

    told = run.metadata
    assert (told["new"], told["changed"], told["unchanged"], told["would_import"]) == (1, 1, 1, 2)
    assert (told["orders_before"], told["orders_after"]) == (5, 33)
    assert (told["sales_before"], told["sales_after"]) == (1_500, 9_500)
    assert (told["first_day"], told["last_day"]) == ("2026-03-01", "2026-03-03")
    assert [(jump["episode"], jump["before"], jump["after"]) for jump in told["jumps"]] == [("SALT", 3, 30)]
    assert len(kept()) == 2


def test_the_same_file_again_changes_nothing_whatever_way_it_comes(sponsor):
    text = "promo_code,day,orders,revenue_cents\nSALT,2026-03-01,3,9000\n"
    answers = {"sponsor": str(sponsor.pk), "currency": "USD"}
    first, again = (bring_in(text, answers=answers) for _ in range(2))
    by_form = import_redemptions(lines=text.splitlines(), sponsor=sponsor, at=NOON)

    assert (first.records_imported, again.records_imported, again.metadata["unchanged"]) == (1, 0, 1)
    assert (by_form.taken, by_form.issues) == (1, ())
    assert Event.objects.filter(type="redemptions.imported").count() == 1
    assert kept() == [("salt", date(2026, 3, 1), 3, 9_000, None)]


def test_undoing_restores_what_stood_there(sponsor):
    sales(sponsor, "SALT,2026-03-01,3,10.00,1")
    before = kept()
    run = sales(sponsor, "SALT,2026-03-01,4,20.00,2", "SALT,2026-03-02,9,,")

    undone = undo_import(import_run=run, by=SYSTEM, at=NOON)

    assert kept() == before
    told = undone.metadata["undo"]
    assert (told["removed"], told["restored"], told["kept"]) == (1, 1, 0)
    assert Event.objects.filter(type="redemptions.taken_back").count() == 1


def test_what_a_later_import_changed_is_kept_and_listed_and_goes_back_past_the_first(sponsor):
    first = sales(sponsor, "SALT,2026-03-01,1,,")
    second = sales(sponsor, "SALT,2026-03-01,2,,")

    undone = undo_import(import_run=first, by=SYSTEM, at=NOON)
    assert [row[2] for row in kept()] == [2]
    assert undone.metadata["undo"]["kept_rows"] == [{"day": "2026-03-01", "episode": "salt", "source": "Fennelbox"}]

    undo_import(import_run=second, by=SYSTEM, at=NOON)
    assert kept() == []


def test_what_a_person_changed_by_the_bookings_form_is_kept(sponsor):
    run = sales(sponsor, "SALT,2026-03-01,1,,")
    Redemption.objects.update(orders=7)

    undone = undo_import(import_run=run, by=SYSTEM, at=NOON)

    assert ([row[2] for row in kept()], undone.metadata["undo"]["kept"]) == ([7], 1)


def test_an_unknown_code_waits_until_a_person_says_which_show_speaks_it(sponsor, show):
    other = make_podcast(title="Day")
    run = sales(sponsor, "SALT,2026-03-01,1,,", "PEPPER,2026-03-01,2,,", "pepper,2026-03-02,3,,")
    assert (run.records_imported, run.records_failed, run.metadata["lines_waiting"]) == (1, 2, 2)
    row = WaitingRow.objects.order_by("line").first()

    with pytest.raises(DomainError):
        answer_code(row=row, podcast=None, by=SYSTEM, at=NOON)
    taken = answer_code(row=row, podcast=other, by=SYSTEM, at=NOON)

    run.refresh_from_db()
    assert (taken, run.records_imported, run.records_failed, run.metadata["lines_waiting"]) == (2, 3, 0, 0)
    assert PromoCode.objects.get(folded="pepper").podcast == other
    assert [row[:3] for row in kept()][:2] == [("pepper", date(2026, 3, 1), 2), ("pepper", date(2026, 3, 2), 3)]
    assert sales(sponsor, "PEPPER,2026-03-01,2,,").metadata["unchanged"] == 1

    undo_import(import_run=run, by=SYSTEM, at=NOON)
    assert kept() == []
    with pytest.raises(Conflict):
        answer_code(row=row, podcast=other, by=SYSTEM, at=NOON)


def test_a_report_of_another_shape_is_mapped_once_and_known_the_next_time(sponsor):
    header = "Discount,When,Used,Net"
    columns = {"code": "discount", "day": "when", "orders": "used", "revenue": "net"}
    save_profile(header=header.split(","), columns=columns, source="", kind="sales", title="Shop", by=SYSTEM, at=NOON)

    asked = {"day_first": "day", "time_zone": "America/New_York"}

    run = sales(sponsor, 'SALT,01/03/2026 23:30,2,"12,50"', header=header, answers=asked)

    assert run.metadata["profile"] == "Shop"
    # Half past eleven in New York is the next day in UTC.
    assert kept() == [("salt", date(2026, 3, 2), 2, 1_250, None)]
    with pytest.raises(DomainError):
        save_profile(header=["a"], columns={"code": "a"}, source="", kind="sales", by=SYSTEM, at=NOON)


def test_the_queue_and_the_page_show_it_and_one_click_takes_it(sponsor, show, client, login, administrator):
    run = sales(sponsor, "PEPPER,2026-03-01,2,$3.00,1")
    login(client, administrator)

    queue = client.get("/imports/waiting").content.decode()
    assert "PEPPER" in queue
    assert "sales by an unknown code" in queue
    row = WaitingRow.objects.get()
    client.post(f"/imports/waiting/{row.pk}", {"choice": str(show.pk)})

    page = client.get(f"/imports/{run.pk}").content.decode()
    assert "Sales by promo code" in page
    assert "Fennelbox" in page
    assert kept() == [("pepper", date(2026, 3, 1), 2, 300, 1)]
    assert client.get("/imports/templates/redemptions.csv").getvalue().startswith(b"promo_code,day,orders")


def test_a_file_of_unknown_codes_alone_reaches_the_queue_from_its_check(sponsor, client, login, administrator):
    checked = sales(sponsor, "PEPPER,2026-03-01,2,,", dry_run=True)
    login(client, administrator)
    page = client.get(f"/imports/{checked.pk}").content.decode()
    assert "Import, and decide then" in page
    assert "Decide once the file is imported." in page

    client.post(f"/imports/{checked.pk}/import")
    run_waiting_imports()

    assert "PEPPER" in client.get("/imports/waiting").content.decode()


def test_the_columns_of_sales_are_mapped_on_the_page(sponsor, client, login, administrator):
    text = "Discount,When,Used\nSALT,2026-03-01,2\n"
    run = bring_in(text, dry_run=True)
    login(client, administrator)
    assert "sales by code" in client.get(f"/imports/{run.pk}").content.decode()

    form = {"kind": "sales", "sales_code": "discount", "sales_day": "when", "sales_orders": "used"}
    again = client.post(f"/imports/{run.pk}/columns", form, follow=True)

    assert again.status_code == 200
    assert client.post(f"/imports/{run.pk}/columns", {"kind": "nonsense"}).status_code == 404
    mapped = bring_in(text, answers={"sponsor": str(sponsor.pk), "time_zone": "UTC"})
    assert mapped.records_imported == 1


def test_an_advertiser_of_another_house_is_not_there(sponsor, other_tenant, api):
    with tenant_context(other_tenant):
        theirs = make_sponsor(name="Theirs")

    with pytest.raises(DomainError) as refused:
        sales(theirs, "SALT,2026-03-01,1,,")
    assert refused.value.code == "unknown_sponsor"

    file = SimpleUploadedFile("sales.csv", f"{HEADER}\nSALT,2026-03-01,1,,\n".encode())
    answer = api.post("/api/v1/etl/upload", {"file": file, "sponsor_id": str(theirs.pk)})
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_sponsor")
    with tenant_context(other_tenant):
        assert not Redemption.objects.exists()
        assert not RedemptionStep.objects.exists()


def test_those_who_may_not_import_cannot_answer(sponsor, show, client, login, creator_user):
    sales(sponsor, "PEPPER,2026-03-01,2,,")
    login(client, creator_user)

    answer = client.post(f"/imports/waiting/{WaitingRow.objects.get().pk}", {"choice": str(show.pk)})

    assert answer.status_code == 403
    assert kept() == []
