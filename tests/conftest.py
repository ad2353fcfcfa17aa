"""What every test can ask for: two tenants migrated once, people of each role, clients, a browser."""

import gc
import io
import itertools
import logging
import logging.config
from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import chain
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from tests import database as databases
from tests.factories import make_user
from tests.sessions import session_of
from tracker.flags.models import FlagOverride
from tracker.lib.logs import log_settings

pytest_plugins = ["tests.browser_fixtures", "tests.event_schemas"]


# Tests that mostly wait: for processes that start, die and come back, for servers, for clocks.
WAITING = (
    "tests/faults/",
    "tests/tracker/stack/",
    "tests/tracker/events/test_exchange.py",
    "tests/tracker/events/test_webhooks.py",
    "tests/etl/test_killed_workers.py",
    "tests/bookings/test_redirects.py",
)
# Tests that ask a running site, most of them in a browser: one process starts one of each for all of them.
ASKING_A_SITE = (
    "tests/browser/",
    "tests/flows/",
    "tests/bookings/test_booking_browser.py",
    "tests/sheets/",
    "tests/test_fixtures.py",
    "tests/test_openapi.py",
    "tests/tracker/api/test_idempotency.py",
    "tests/tracker/api/test_resources.py::test_of_twenty_who",
)
# Begun first: the demo's tests make the house that many wait for; the other two ask a site without it meanwhile.
FIRST = ("tests/demo/", "tests/test_openapi.py", "tests/flows/test_main_job.py")
# Begun last: once told of a Sentry, a process asks it about every request.
LAST = ("tests/lib/test_reporting.py",)

# Each in one process, so that what its tests share is made once: a started product, shows judged by the hundred.
TOGETHER = ("tests/faults/", "tests/bookings/test_curve_evaluation.py")

_numbers = itertools.count()

# Other examples in every run, and as many of them however busy the machine; one that fails says how to have it again.
hypothesis_settings.register_profile(
    "steady", deadline=None, database=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("steady")


class ByProduct(LoadScopeScheduling):
    """Each test by itself to whichever process is free, save those that share something dear.

    The first process takes the tests that ask a site before any other; of three or more, the last takes those that
    wait, so that the others always have work for the cores.
    """

    def _split_scope(self, nodeid: str) -> str:
        return next((shared for shared in TOGETHER if nodeid.startswith(shared)), nodeid)

    def _assign_work_unit(self, node: WorkerController) -> None:
        if (scope := self._next_scope(node)) is not None:
            self.workqueue.move_to_end(scope, last=False)
            super()._assign_work_unit(node)

    def _reschedule(self, node: WorkerController) -> None:
        if not node.shutting_down and self._next_scope(node) is None:
            node.shutdown()
        super()._reschedule(node)

    def _next_scope(self, node: WorkerController) -> str | None:
        """Return what this process does next, None if it may end."""
        own: tuple[str, ...] = ()
        if node is self.nodes[0]:
            own = ASKING_A_SITE
        elif len(self.nodes) > 2 and node is self.nodes[-1]:
            own = WAITING
        theirs = tuple(one for one in WAITING + ASKING_A_SITE if one not in own)
        mine = (scope for scope in self.workqueue if own and scope.startswith(own))
        free = (scope for scope in self.workqueue if not scope.startswith(theirs))
        # What others do best is done by whoever has nothing else, save by the one that is only there to wait.
        return next(chain(mine, free, () if own == WAITING else self.workqueue), None)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return ByProduct(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: (not item.nodeid.startswith(FIRST), item.nodeid.startswith(LAST)))


def pytest_collection_finish() -> None:
    """Let the collector of garbage leave alone what is loaded by now, which stays until the end."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


# --- database ---------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: pytest.FixtureRequest) -> Iterator[None]:
    """Give each parallel worker its copy of the template, in place of pytest-django's own database."""
    with django_db_blocker.unblock():
        databases.drop_leftovers()
        with databases.copy_of_template("shared"):
            yield


@pytest.fixture
def database(request, django_db_setup, django_db_blocker) -> Iterator[None]:
    """A database whose changes are undone: by a rollback, or for tests that commit by a copy of their own."""
    commits = request.node.get_closest_marker("own_database") or "live_site" in request.fixturenames
    if not commits:
        request.getfixturevalue("db")
        yield
        return
    with_demo = request.node.get_closest_marker("demo_house") is not None
    with django_db_blocker.unblock(), databases.copy_of_template("own", with_demo=with_demo):
        yield


@pytest.fixture(scope="session", autouse=True)
def _whole_admin() -> None:
    """Load every page of the admin, as a web process does: tests that go through them all must find them all."""
    admin.autodiscover()


@pytest.fixture(autouse=True)
def _clean_caches() -> Iterator[None]:
    """Forget what earlier tests left in caches, whose databases have been rolled back."""
    from tracker.tenants import routing

    routing.forget()
    yield
    cache.clear()


@pytest.fixture(autouse=True)
def _private_files(settings, tmp_path_factory) -> None:
    """Each test keeps files in a folder of its own, which is made with the first of them."""
    settings.MEDIA_ROOT = str(tmp_path_factory.getbasetemp() / f"media-{next(_numbers)}")


@pytest.fixture
def real_paper() -> None:
    """Typesetting takes half a second of a core for each paper, so only tests that read one ask for it."""


@pytest.fixture(autouse=True)
def _quick_paper(request, monkeypatch) -> None:
    """Elsewhere equal pages make equal bytes, as they do on paper."""
    from bookings import pdf

    if "real_paper" not in request.fixturenames:
        monkeypatch.setattr(pdf, "typeset", lambda page: b"%PDF-1.7 " + sha256(repr(page).encode()).digest())


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """The log as an installation writes it, one JSON object a line, into memory."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    logging.config.dictConfig(log_settings(as_json=True, level="INFO"))
    stream = io.StringIO()
    handler = next(one for one in root.handlers if type(one) is logging.StreamHandler)
    handler.setStream(stream)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)


# --- tenants and people -----------------------------------------------------------------------------------------------
@pytest.fixture
def tenant(database):
    """The tenant acme, its schema entered."""
    acme = _tenant("acme")
    with tenant_context(acme):
        yield acme


@pytest.fixture
def other_tenant(database):
    """The tenant beta, not entered: use `tenant_context(other_tenant)`."""
    return _tenant("beta")


@pytest.fixture
def platform_tenant(database):
    """The platform's own tenant, which owns the bare host; not entered."""
    return _tenant("platform")


@pytest.fixture
def administrator(tenant):
    return make_user(role="administrator")


@pytest.fixture
def sales_manager(tenant):
    return make_user(role="sales_manager")


@pytest.fixture
def salesperson(tenant):
    return make_user(role="salesperson")


@pytest.fixture
def creator_user(tenant):
    """A creator, bound to no podcast yet."""
    return make_user(role="creator")


@pytest.fixture
def advertiser_user(tenant):
    """An advertiser, bound to no sponsor yet."""
    return make_user(role="advertiser")


@pytest.fixture
def ops_user(tenant):
    return make_user(role="ops")


@pytest.fixture
def switch_on_all(tenant) -> None:
    """Every feature is on in acme."""
    FlagOverride.objects.bulk_create(FlagOverride(flag=flag, is_on=True) for flag in settings.FEATURE_FLAGS)


# --- clients ----------------------------------------------------------------------------------------------------------
@pytest.fixture
def client_of() -> Callable[..., Client]:
    """Make a client on the host of any tenant."""

    def make(tenant, **headers: str) -> Client:
        client = Client(headers={"host": tenant.host, **headers})
        client.tenant = tenant
        return client

    return make


@pytest.fixture
def client(tenant, client_of) -> Client:
    """A client on acme's host; nobody is signed in."""
    return client_of(tenant)


@pytest.fixture
def login() -> Callable[[Client, object], Client]:
    """`login(client, user)` signs a person in without a password."""

    def sign_in(client: Client, user: object) -> Client:
        client.cookies[settings.SESSION_COOKIE_NAME] = session_of(user, client.tenant).session_key
        return client

    return sign_in


@pytest.fixture
def api_of(client_of) -> Callable[..., Client]:
    """`api_of(tenant, role=…, scopes=…, bindings=…)` makes a client that sends a key of that tenant."""
    from tracker.accounts.services import create_api_key
    from tracker.lib.actors import SYSTEM

    def make(tenant, *, role: str = "administrator", scopes=("*",), bindings=None) -> Client:
        with tenant_context(tenant):
            _key, secret = create_api_key(
                name="test", scopes=scopes, role=role, by=SYSTEM, at=timezone.now(), bindings=bindings
            )
        return client_of(tenant, authorization=f"Bearer {secret}")

    return make


@pytest.fixture
def api(tenant, api_of) -> Client:
    """A client with a key of acme that may do everything."""
    return api_of(tenant)


def _tenant(slug: str):
    from tracker.tenants.models import Tenant

    with schema_context("public"):
        return Tenant.objects.get(schema_name=slug)
