"""Triggers keep every change of every tracked row: who, when, what, and through which door."""

from datetime import timedelta

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from django_tenants.utils import tenant_context
from pghistory.models import Event as HistoryEvent

from bookings.models import AdUnit
from deals.models import Campaign, Sponsor
from metrics.models import Podcast
from tests.etl.files import BOOKINGS_HEADER, upload
from tests.factories import NOON, make_ad_unit, make_booking, make_campaign, make_podcast, make_sponsor
from tracker.accounts.audit import acting
from tracker.accounts.models import ApiKey, User
from tracker.automation.services import run_job
from tracker.events.services import deliver_pending
from tracker.lib.actors import SYSTEM, Actor

# What people act on. Facts, outbox, runs and claims' arithmetic have ledgers of their own.
AUDITED = {
    "accounts": "Role User ApiKey Binding Invitation",
    "feature_flags": "FlagOverride",
    "metrics": "Podcast Episode",
    "deals": "Campaign Sponsor Agency Contact StageRule GuardRule Goal",
    "bookings": "AdUnit IOBooking InsertionOrder Makegood MakegoodOffer SlotClaim PromoCode VanityLink Aircheck"
    " AgreedCount BillingLine DeliveryPause DeliveryPolicy OrderProfile CalendarFeed Redemption",
    "matchmaking": "Weights Feedback PlacementRule",
}


def trails() -> dict[str, type[HistoryEvent]]:
    """Every history table of the product: {"app.Model": its events}."""
    found = {}
    for model in apps.get_models():
        if issubclass(model, HistoryEvent) and model._meta.managed and getattr(model, "pgh_tracked_model", None):
            tracked = model.pgh_tracked_model._meta
            found[f"{tracked.app_label}.{tracked.object_name}"] = model
    return found


TRAILS = trails()
audited = pytest.mark.parametrize("name", sorted(TRAILS))


def trail_of(thing) -> list[HistoryEvent]:
    meta = thing._meta
    events = TRAILS[f"{meta.app_label}.{meta.object_name}"]
    return list(events.objects.filter(pgh_obj_id=thing.pk).select_related("pgh_context").order_by("pgh_id"))


def last_door(thing) -> tuple[str, str, str]:
    """The newest change of a row: (door, kind of actor, its label)."""
    told = trail_of(thing)[-1].pgh_context.metadata
    return told["door"], told["actor"]["kind"], told["actor"]["label"]


def test_all_that_people_act_on_is_audited():
    wanted = {f"{app}.{name}" for app, names in AUDITED.items() for name in names.split()}

    assert wanted - set(TRAILS) == set()


@audited
def test_each_audited_table_has_its_three_triggers(tenant, name):
    table = TRAILS[name].pgh_tracked_model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgtype::int FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal"
            " AND tgname LIKE 'pgtrigger_%%' AND tgenabled = 'O'",
            [f"acme.{table}"],
        )
        kinds = [kind for (kind,) in cursor.fetchall()]

    # The bits of pg_trigger: 4 insert, 8 delete, 16 update.
    assert all(any(kind & bit for kind in kinds) for bit in (4, 8, 16))


@audited
def test_no_trail_holds_a_password_or_what_opens_a_door(name):
    columns = {field.name for field in TRAILS[name]._meta.get_fields()}

    assert columns & {"password", "key_hash", "token_digest", "secret"} == set()


def test_a_row_is_followed_from_its_making_to_its_end(tenant):
    sponsor = make_sponsor(name="Halden")
    Sponsor.objects.filter(pk=sponsor.pk).update(category="bicycles")
    sponsor.refresh_from_db()
    key = sponsor.pk
    sponsor.delete()

    told = [(one.pgh_label, one.name, one.category) for one in trail_of(Sponsor(pk=key))]

    assert told == [
        ("insert", "Halden", ""),
        ("update", "Halden", "bicycles"),
        ("delete", "Halden", "bicycles"),
    ]


def test_raw_sql_and_bulk_writes_leave_their_trace_and_a_write_that_changes_nothing_leaves_none(tenant):
    shows = [make_podcast() for _ in range(3)]
    with connection.cursor() as cursor:
        cursor.execute("UPDATE podcasts SET language = 'de'")
    Podcast.objects.filter(pk__in=[one.pk for one in shows]).update(language="de")

    for show in shows:
        assert [(one.pgh_label, one.language) for one in trail_of(show)] == [("insert", ""), ("update", "de")]


def test_a_change_that_is_rolled_back_was_none(tenant):
    from django.db import transaction

    show = make_podcast()
    with transaction.atomic():
        Podcast.objects.filter(pk=show.pk).update(language="de")
        transaction.set_rollback(True)

    assert [one.pgh_label for one in trail_of(show)] == ["insert"]


def test_when_is_the_moment_of_the_change(tenant):
    before = timezone.now()

    show = make_podcast()

    assert before - timedelta(hours=1) < trail_of(show)[0].pgh_created_at <= timezone.now()


def test_the_door_of_the_admin(client, administrator, login, switch_on_all):
    show = make_podcast(title="Before")
    login(client, administrator)
    path = f"/admin/metrics/podcast/{show.pk}/change/"
    form = client.get(path).context["adminform"].form
    fields = {name: "" if form[name].value() is None else form[name].value() for name in form.fields}
    inlines = {"release_weekdays": [], "categories": "", "tags": ""}

    saved = client.post(path, {**fields, **inlines, **_management(client.get(path)), "title": "After"})

    assert saved.status_code == 302, saved.context["errors"] if saved.context else saved
    assert trail_of(show)[-1].title == "After"
    assert last_door(show) == ("admin", "user", str(administrator))
    assert trail_of(show)[-1].pgh_context.metadata["path"] == path


def _management(page) -> dict[str, str]:
    """The hidden counters of the inline forms on an admin page."""
    found = {}
    for formset in page.context["inline_admin_formsets"]:
        found |= {field.html_name: field.value() for field in formset.formset.management_form}
    return found


def test_the_door_of_the_api_with_a_key(api):
    show = make_podcast()

    api.patch(f"/api/v1/podcasts/{show.pk}", {"title": "After"}, content_type="application/json")

    assert last_door(show) == ("api", "key", "test")
    assert trail_of(show)[-1].pgh_context.metadata["actor"]["id"] == str(ApiKey.objects.get().pk)


def test_the_door_of_the_api_with_a_session(client, administrator, login):
    show = make_podcast()
    login(client, administrator)

    client.patch(f"/api/v1/podcasts/{show.pk}", {"title": "After"}, content_type="application/json")

    assert last_door(show) == ("api", "user", str(administrator))


def test_one_request_is_one_context_for_all_that_it_changed(api, switch_on_all):
    deal, unit = make_campaign(), make_ad_unit()
    wish = {"flight_start": "2027-01-11", "flight_end": "2027-02-07", "booked_impressions": 1000}
    body = {"campaign_id": str(deal.pk), "ad_unit_id": str(unit.pk), "booked_cpm_cents": 2650, **wish}

    line = api.post("/api/v1/io", body, content_type="application/json").json()

    events = [TRAILS[name].objects.get() for name in ("bookings.IOBooking", "bookings.SlotClaim")]
    assert str(events[0].pgh_obj_id) == line["io_id"]
    assert events[0].pgh_context_id == events[1].pgh_context_id is not None


def test_the_door_of_a_job(tenant, switch_on_all):
    hold = make_booking(status="held", held_until=NOON + timedelta(days=1))

    run_job(name="expire-holds", by=SYSTEM, at=NOON + timedelta(days=2))

    hold.refresh_from_db()
    assert hold.status == "expired"
    assert last_door(hold) == ("job", "job", "expire-holds")


def test_the_door_of_a_subscriber_in_a_worker(api, tenant, switch_on_all):
    deal = make_campaign(stage="negotiation")
    api.patch(f"/api/v1/deals/{deal.pk}/stage", {"stage": "won"}, content_type="application/json")

    deliver_pending()

    order = TRAILS["bookings.InsertionOrder"].objects.select_related("pgh_context").get(pgh_label="insert")
    assert order.campaign_id == deal.pk
    assert order.pgh_context.metadata["door"] == "event"
    assert last_door(Campaign(pk=deal.pk))[:2] == ("api", "key")


def test_the_door_of_an_import_names_who_sent_the_file(tenant, salesperson):
    from etl.services import run_waiting_imports, start_import

    deal, unit = make_campaign(stage="won"), make_ad_unit(delivery="dynamic")
    row = f"{deal.pk},{unit.pk},,2027-03-01,2027-03-28,8000,1400,,"
    run = start_import(file=upload(f"{BOOKINGS_HEADER}\n{row}\n", "io.csv"), by=salesperson, at=timezone.now())

    run_waiting_imports()

    run.refresh_from_db()
    line = TRAILS["bookings.IOBooking"].objects.select_related("pgh_context").get(pgh_label="insert")
    assert (run.status, run.records_imported) == ("completed", 1)
    assert line.pgh_context.metadata["door"] == "import"
    assert line.pgh_context.metadata["actor"] == salesperson.as_actor().as_json()


def test_the_door_of_a_command(tenant):
    call_command("create_api_key", "--tenant", "acme", "--name", "tool", "--scopes", "io", verbosity=0)

    assert last_door(ApiKey.objects.get(name="tool")) == ("command", "system", "Command line")


def test_what_other_code_does_for_somebody_is_kept_as_theirs(tenant):
    somebody = Actor(kind="user", id="1", label="Ann Example")
    unit = make_ad_unit()

    with acting(actor=somebody, door="page"):
        AdUnit.objects.filter(pk=unit.pk).update(rate_cpm_cents=2_600)

    assert last_door(unit) == ("page", "user", "Ann Example")


def test_reading_opens_no_context(api):
    show = make_podcast()
    contexts = apps.get_model("pghistory.Context").objects.count()

    api.get(f"/api/v1/podcasts/{show.pk}")

    assert apps.get_model("pghistory.Context").objects.count() == contexts


def test_one_tenants_trail_is_in_no_others(tenant, other_tenant):
    make_podcast(title="acme's own")

    with tenant_context(other_tenant):
        assert not TRAILS["metrics.Podcast"].objects.filter(title="acme's own").exists()
        assert User.objects.count() == 0 or TRAILS["accounts.User"].objects.exists()


def test_a_person_of_the_desk_cannot_change_the_trail(client, administrator, login, tenant):
    from django.contrib import admin

    changeable = [
        model
        for model, site in admin.site._registry.items()
        if issubclass(model, HistoryEvent) and type(site).__name__ != "ReadOnlyAdmin"
    ]
    assert changeable == []
