"""The demo tenant as the command makes it: one build, looked at from all sides."""

from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db.models import Q
from django.utils import timezone
from django_tenants.utils import tenant_context

from bookings.delivery.queries import pacing_of
from bookings.models import BookingCopy, InsertionOrder, IOBooking, Makegood, SlotClaim
from deals.models import Campaign, DealAlert, Sponsor
from etl.models import Import
from etl.services import run_waiting_imports, start_import
from matchmaking.models import Match
from metrics.models import DailyRollup, Episode, Podcast
from tests.database import said_of_demo
from tracker.accounts.models import User
from tracker.accounts.services import find_api_key
from tracker.demo.house import KEY, PASSWORD
from tracker.demo.ids import (
    FREE_UNIT,
    README_BOOKING_DEAL,
    README_MOVING_DEAL,
    SAMPLE_DEALS,
    SHOWS,
    demo_id,
)
from tracker.demo.plan import DEALS, LINES, PEOPLE, PROPOSED_DEAL
from tracker.events.models import Event
from tracker.flags.services import switched_on
from tracker.lib import pango
from tracker.lib.actors import SYSTEM
from tracker.tenants.models import Tenant


def make_demo_again() -> str:
    out = StringIO()
    call_command("make_demo", stdout=out)
    return out.getvalue()


@pytest.mark.own_database
@pytest.mark.demo_house
def test_the_demo_is_alive_whole_and_made_once(database, client_of):
    tenant = Tenant.objects.get(schema_name="demo")

    with tenant_context(tenant):
        _check_house(tenant, said_of_demo())
        _check_desk()
        _check_delivery()
        _check_imports()
        counts = _counts()
    _check_key(client_of, tenant)

    assert "was here already" in make_demo_again()
    with tenant_context(tenant):
        assert _counts() == counts
        _check_samples()


def _check_house(tenant: Tenant, printed: str) -> None:
    assert (tenant.currency, tenant.time_zone, tenant.status) == ("EUR", "Europe/Berlin", "active")
    assert switched_on() == frozenset(settings.FEATURE_FLAGS)
    for _slug, _name, email, role in PEOPLE:
        user = User.objects.get(email=email)
        assert (user.role_id, user.check_password(PASSWORD)) == (role, True)
        assert email in printed
    assert KEY in printed
    shows = Podcast.objects.all()
    assert {show.pk for show in shows} == {demo_id("podcast", slug) for slug in SHOWS}
    assert all(show.is_simulated for show in shows)
    now = timezone.now()
    for episode in Episode.objects.all():
        assert episode.is_published == (episode.drops_at <= now)
    newest = Episode.objects.get(pk=demo_id("episode", f"{SHOWS[0]}/26"))
    assert 0 <= (now - newest.drops_at).days < 7
    yesterday = now.date().toordinal() - 1
    assert DailyRollup.objects.latest("day").day.toordinal() == yesterday
    assert set(DailyRollup.objects.values_list("source", flat=True)) == {"host", "op3"}


def _check_desk() -> None:
    assert {deal.stage for deal in Campaign.objects.all()} == set(Campaign.Stage.values)
    moves = Event.objects.filter(type="deal.stage_changed").count()
    assert moves == sum(len(deal.path) - 1 for deal in DEALS)
    for slug in (*SAMPLE_DEALS, README_BOOKING_DEAL):
        deal = Campaign.objects.get(pk=demo_id("deal", slug))
        assert (deal.stage, deal.bookings.count()) == ("won", 0)
    assert Campaign.objects.get(pk=demo_id("deal", README_MOVING_DEAL)).stage == "negotiation"
    proposed = Campaign.objects.get(pk=demo_id("deal", PROPOSED_DEAL))
    assert [made.version for made in proposed.proposals.all()] == ([1] if pango.is_installed() else [])
    assert not Sponsor.objects.filter(Q(brands=[]) | Q(billing_email="")).exists()
    assert {"stuck", "stalled", "no_next_step", "close_past"} <= set(DealAlert.objects.values_list("kind", flat=True))


def _check_delivery() -> None:
    lines = IOBooking.objects.filter(makegood_of__isnull=True)
    assert {line.pk for line in lines} == {demo_id("booking", line.name) for line in LINES}
    assert {"draft", "held", "scheduled", "active", "makegood", "completed"} <= {line.status for line in lines}
    running = pacing_of(lines.filter(status="active"), at=timezone.now())
    assert {"behind", "on_track", "over"} <= {pace.band for pace in running}
    assert Makegood.objects.exists()
    assert {"proposed", "change_asked", "approved"} == set(BookingCopy.objects.values_list("status", flat=True))
    assert not SlotClaim.objects.filter(ad_unit__name=FREE_UNIT).exists()
    assert InsertionOrder.objects.filter(number__startswith="NA-").exists()
    assert Match.objects.filter(score__gt=0).exists()


def _check_imports() -> None:
    assert sorted(Import.objects.values_list("status", flat=True)) == ["completed"] * 6 + ["failed"]
    assert Import.objects.filter(records_failed__gt=0).exists()


def _check_key(client_of, tenant: Tenant) -> None:
    with tenant_context(tenant):
        assert find_api_key(KEY) is not None
    deal = demo_id("deal", README_MOVING_DEAL)
    answer = client_of(tenant, authorization=f"Bearer {KEY}").get(f"/api/v1/deals/{deal}")
    assert (answer.status_code, answer.json()["stage"]) == (200, "negotiation")


def _check_samples() -> None:
    """Both sample files come in whole: no line fails, no slot clashes."""
    samples = sorted((Path(settings.BASE_DIR) / "samples").glob("*.csv"))
    assert [path.name for path in samples] == ["io_bookings.csv", "metrics_daily.csv"]
    for path in samples:
        file = SimpleUploadedFile(path.name, path.read_bytes())
        run = start_import(file=file, by=SYSTEM, at=timezone.now())
        while run_waiting_imports():
            pass
        run.refresh_from_db()
        assert (run.status, run.records_failed, run.records_imported > 0) == ("completed", 0, True), path.name


def _counts() -> dict[str, int]:
    models = (Podcast, Episode, Campaign, IOBooking, Makegood, User, Import, DailyRollup)
    return {model.__name__: model.objects.count() for model in models}


def test_ids_of_the_demo_never_change():
    assert str(demo_id("episode", "devcouch/26")) == "13de3848-2bd6-5ae4-b2c0-3ca0b857ff14"
