"""Every page of the product, seen by each role that may: accessible in both themes, never wider than the screen.

The house is the demo's. A page stands here by its address; what only exists in the demo's data is looked up.

Each role opens each of its pages, none of which may scroll sideways on a telephone. A page that several roles see is
judged in full with the one who sees most of it; the frame around the pages, once for each role.
"""

import re
from collections.abc import Callable

import pytest
from django.contrib import admin
from django.contrib.admin.utils import get_fields_from_path
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
from tests.browser.looks import LOOKS, WIDTHS, each_look, inaccessible, leave_few_of_a_kind, too_wide
from tracker.accounts.models import User
from tracker.tenants.models import Tenant

pytestmark = [pytest.mark.browser, pytest.mark.demo_house]

GONE = ("/no-such-page", "/sign/gone")
ANYBODY = ["/accounts/login/", "/accounts/password/reset/", "/another-house", *GONE]
# A show's slots: those of a whole house are the same cell five hundred times.
CALENDAR = "/admin/bookings/adunit/calendar/"
# What stands around every page: of the product, and of its admin.
FRAME = ("#side", ".topbar", ".menu", "#shortcuts", "#nav-sidebar")
# What stands in a list of the admin besides its rows.
TOOLS = {
    *(
        "actions",
        "actions_list",
        "actions_row",
        "list_sections",
        "search_fields",
        "list_editable",
        "list_filter_submit",
    ),
    *("date_hierarchy", "change_list_template"),
}
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
        *([f"/bookings/{case.booking_id}"] if case else []),
        *([f"/bookings/{line.pk}/copy"] if line else []),
        *([f"/matches/advertisers/{match.advertiser_id}", f"/matches/shows/{match.podcast_id}"] if match else []),
        *([f"/dashboard/advertiser?advertiser_id={sponsor.pk}"] if sponsor else []),
        *([f"/dashboard/creator?podcast_id={show.pk}"] if show else []),
    ]


def of_administrator() -> list[str]:
    deal, order = Campaign.objects.filter(stage="won").first(), InsertionOrder.objects.first()
    forms = [reverse("admin:deals_campaign_add"), reverse("admin:bookings_iobooking_add")]
    forms += [reverse("admin:deals_campaign_change", args=[deal.pk])] if deal else []
    forms += [reverse("admin:bookings_insertionorder_change", args=[order.pk])] if order else []
    imports = ["/imports", "/imports/waiting", "/imports/sheets", *_imports()]
    return ["/admin/", *forms, *imports, "/matches/weights"]


def _imports() -> list[str]:
    done = Import.objects.first()
    return [f"/imports/{done.pk}"] if done else []


# Those who see most come first.
ROLES: dict[str, Callable[[], list[str]]] = {
    "administrator": of_administrator,
    "sales_manager": of_manager,
    "creator": of_creator,
    "advertiser": of_advertiser,
    "ops": of_ops,
    "": of_anybody,
}


def kind_of(path: str) -> str:
    """Return the address without what names a single thing: `/bookings/*`, `/dashboard/creator`, `/find?q=mid`."""
    return re.sub(r"[0-9a-f-]{36}", "*", re.sub(r"\?\w+=[0-9a-f-]{36}", "", path))


def judge_of(path: str, pages: dict[str, list[str]]) -> str:
    """Return the role with which a page is judged in full: a dashboard's owner, else who sees most of it."""
    kind = kind_of(path)
    owner = kind.removeprefix("/dashboard/")
    return owner if owner in ROLES else next(one for one in ROLES if kind in map(kind_of, pages[one]))


@pytest.fixture
def demo(live_site):
    return Tenant.objects.get(schema_name="demo")


@pytest.mark.parametrize("role", ROLES)
def test_each_page_is_accessible_and_fits_at_every_width(demo, live_site, page, role):
    with tenant_context(demo):
        pages = {one: find() for one, find in ROLES.items()}
        person = User.objects.filter(role=role).order_by("email").first() if role else None
    if person:
        live_site.login(page, person, tenant=demo)

    # Many pages in one test: on a busy machine a single one may take its time.
    page.set_default_timeout(60_000)
    found, framed = [], set()
    for path in pages[role]:
        answer = page.goto(live_site.url(path, tenant=demo))
        wrong = wrong_answer(answer.status, path)
        wrong += ["a card did not load"] * page.get_by_text("This card did not load").count()
        if judge_of(path, pages) == role:
            wrong += too_wide(page)
            leave_few_of_a_kind(page)
            # The product's frame and the admin's: all of it with the first page, on the telephone too.
            frame = path.startswith("/admin/")
            wrong += inaccessible(page, but=FRAME if frame in framed else (), markup_once=frame in framed)
            framed.add(frame)
        else:
            wrong += too_wide(page, [min(WIDTHS)])
        found += [f"{path} at {words}" for words in wrong]

    assert found == [], "\n".join(found)


def test_the_lists_of_the_admin_are_accessible_and_fit(demo, live_site, page):
    """One template draws all lists: those are looked at that show a part which none before shows.

    That each list opens is told by tests/tracker/test_admin.py.
    """
    with tenant_context(demo):
        paths = of_lists_that_differ()
        live_site.login(page, User.objects.filter(role="administrator").earliest("email"), tenant=demo)

    # Many pages in one test: on a busy machine a single one may take its time.
    page.set_default_timeout(60_000)
    found = []
    # One half is seen at the desk by day, the other on the telephone by night.
    for turn, look in enumerate(each_look(page)):
        for path in paths[turn :: len(LOOKS)]:
            answer = page.goto(live_site.url(path, tenant=demo))
            wrong = wrong_answer(answer.status, path) + too_wide(page, [LOOKS[turn][0]])
            leave_few_of_a_kind(page)
            # The menu is the same beside all of them.
            wrong += violations(page, but=() if path in paths[: len(LOOKS)] else FRAME)
            found += [f"{path} at {look}: {words}" for words in wrong]

    assert found == [], "\n".join(found)


def of_lists_that_differ() -> list[str]:
    """The lists of the admin that show a part which none before shows, beginning with the one of most parts."""
    parts = {model._meta: parts_of(list_) for model, list_ in admin.site._registry.items()}
    shown: set[str] = set()
    paths = []
    for model in sorted(parts, key=lambda model: (-len(parts[model]), str(model))):
        if not parts[model] <= shown:
            shown |= parts[model]
            paths.append(reverse(f"admin:{model.app_label}_{model.model_name}_changelist"))
    return paths


def parts_of(list_: admin.ModelAdmin) -> set[str]:
    """Name what a list is made of: its tools, its own templates, the kinds of its filters, rows or the lack of them."""
    tools = {name for name in dir(list_) if name in TOOLS or name.startswith("list_") and name.endswith("_template")}
    parts = {name for name in tools if getattr(list_, name)}
    parts |= {f"filter {_kind_of_filter(list_, one)}" for one in list_.list_filter}
    return parts | {"rows" if list_.model._default_manager.exists() else "no rows"}


def _kind_of_filter(list_: admin.ModelAdmin, one: object) -> str:
    if not isinstance(one, str):
        return (one[1] if isinstance(one, tuple) else one).__name__
    field = get_fields_from_path(list_.model, one)[-1]
    return "choices" if field.choices else type(field).__name__


def wrong_answer(status: int, path: str) -> list[str]:
    return [] if status == (404 if path in GONE else 200) else [f"the server: answered {status}"]
