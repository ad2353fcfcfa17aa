"""Every page of the product, seen by each role that may: accessible in both themes, never wider than the screen.

The house is the demo's. A page stands here by its address; what only exists in the demo's data is looked up.
"""

from collections.abc import Callable

import pytest
from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from django_tenants.utils import tenant_context

from bookings.models import InsertionOrder, IOBooking, Makegood
from bookings.services import signing_address
from deals.models import Campaign, Sponsor
from etl.models import Import
from matchmaking.models import Match
from metrics.models import Podcast
from tests.browser.axe import violations
from tests.browser.looks import LOOKS, each_look, inaccessible, leave_few_of_a_kind, too_wide
from tracker.accounts.models import User
from tracker.tenants.models import Tenant

pytestmark = [pytest.mark.browser, pytest.mark.demo_house]

GONE = ("/no-such-page", "/sign/gone")
ANYBODY = ["/accounts/login/", "/accounts/password/reset/", "/another-house", *GONE]
# A show's slots: those of a whole house are the same cell five hundred times.
CALENDAR = "/admin/bookings/adunit/calendar/"
MENU = "#nav-sidebar"
ACCOUNT = ["/accounts/password/change/", "/find", "/find?q=mid"]


def of_anybody() -> list[str]:
    order = InsertionOrder.objects.filter(versions__isnull=False).first()
    paper = [signing_address(order=order, reader="x@demo.example", at=timezone.now())] if order else []
    return [*ANYBODY, *("/sign/" + one.rsplit("/", 1)[1] for one in paper)]


def of_creator() -> list[str]:
    line = IOBooking.objects.filter(status="active", ad_unit__podcast__title="programmier.bar").first()
    own = [f"/bookings/{line.pk}", f"/bookings/{line.pk}/copy"] if line else []
    return [*ACCOUNT, "/dashboard/creator", "/dashboard/creator?card=sponsor_revenue", "/inventory", "/copy", *own]


def of_advertiser() -> list[str]:
    line = IOBooking.objects.filter(status="active", campaign__sponsor__name="Blinkist").first()
    order = InsertionOrder.objects.filter(campaign__sponsor__name="Blinkist").exclude(status="draft").first()
    own = [f"/bookings/{line.pk}"] if line else []
    own += [f"/orders/{order.pk}/print"] if order else []
    return [*ACCOUNT, "/dashboard/advertiser", "/dashboard/advertiser/plan", *own]


def of_ops() -> list[str]:
    return ["/dashboard/ops", "/imports", "/dashboard/creator", "/admin/", *_imports()]


def of_manager() -> list[str]:
    line, case = IOBooking.objects.filter(status="active").first(), Makegood.objects.first()
    sponsor, show, match = Sponsor.objects.first(), Podcast.objects.first(), Match.objects.first()
    return [
        *("/dashboard/ops", "/dashboard/advertiser", "/matches", "/copy", "/imports", "/admin/"),
        *(reverse(f"admin:deals_campaign_{name}") for name in ("board", "numbers", "rules")),
        *([f"{grid}?show={show.pk}" for grid in ("/inventory", CALENDAR)] if show else []),
        *([f"/bookings/{line.pk}", f"/bookings/{line.pk}/copy"] if line else []),
        *([f"/bookings/{case.booking_id}"] if case else []),
        *([f"/matches/advertisers/{match.advertiser_id}", f"/matches/shows/{match.podcast_id}"] if match else []),
        *([f"/dashboard/advertiser?advertiser_id={sponsor.pk}"] if sponsor else []),
        *([f"/dashboard/creator?podcast_id={show.pk}"] if show else []),
    ]


def of_administrator() -> list[str]:
    deal, order = Campaign.objects.filter(stage="won").first(), InsertionOrder.objects.first()
    forms = [reverse("admin:deals_campaign_add"), reverse("admin:bookings_iobooking_add")]
    forms += [reverse("admin:deals_campaign_change", args=[deal.pk])] if deal else []
    forms += [reverse("admin:bookings_insertionorder_change", args=[order.pk])] if order else []
    return ["/admin/", *forms, "/imports", "/imports/sheets", "/matches/weights", *_imports()]


def of_every_list() -> list[str]:
    """The list of every model in the admin."""
    models = sorted((model._meta for model in admin.site._registry), key=str)
    return [reverse(f"admin:{model.app_label}_{model.model_name}_changelist") for model in models]


def _imports() -> list[str]:
    done = Import.objects.first()
    return [f"/imports/{done.pk}"] if done else []


ROLES: dict[str, Callable[[], list[str]]] = {
    "": of_anybody,
    "creator": of_creator,
    "advertiser": of_advertiser,
    "ops": of_ops,
    "sales_manager": of_manager,
    "administrator": of_administrator,
}


@pytest.fixture
def demo(live_site):
    return Tenant.objects.get(schema_name="demo")


@pytest.mark.parametrize("role", ROLES)
def test_each_page_is_accessible_and_fits_at_every_width(demo, live_site, page, role):
    with tenant_context(demo):
        paths = ROLES[role]()
        person = User.objects.filter(role=role).order_by("email").first() if role else None
    if person:
        live_site.login(page, person, tenant=demo)

    # Many pages in one test: on a busy machine a single one may take its time.
    page.set_default_timeout(60_000)
    found = []
    for number, path in enumerate(paths):
        answer = page.goto(live_site.url(path, tenant=demo))
        wrong = wrong_answer(answer.status, path) + too_wide(page)
        leave_few_of_a_kind(page)
        # What only a telephone shows is the frame around every page: once for each role.
        wrong += inaccessible(page, markup_once=number > 0)
        found += [f"{path} at {words}" for words in wrong]

    assert found == [], "\n".join(found)


def test_each_list_of_the_admin_is_accessible_and_fits(demo, live_site, page):
    with tenant_context(demo):
        paths = of_every_list()
        live_site.login(page, User.objects.filter(role="administrator").earliest("email"), tenant=demo)

    # Many pages in one test: on a busy machine a single one may take its time.
    page.set_default_timeout(60_000)
    found = []
    # They are drawn alike: each is seen once, one half at the desk by day, the other on the telephone by night.
    for turn, look in enumerate(each_look(page)):
        for path in paths[turn :: len(LOOKS)]:
            answer = page.goto(live_site.url(path, tenant=demo))
            wrong = wrong_answer(answer.status, path) + too_wide(page, [LOOKS[turn][0]])
            leave_few_of_a_kind(page)
            # The menu is the same beside all of them.
            but = MENU if path not in paths[: len(LOOKS)] else "none"
            found += [f"{path} at {look}: {words}" for words in [*wrong, *violations(page, but=but)]]

    assert found == [], "\n".join(found)


def wrong_answer(status: int, path: str) -> list[str]:
    return [] if status == (404 if path in GONE else 200) else [f"the server: answered {status}"]
