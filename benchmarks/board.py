"""The sales desk at work: `python benchmarks/board.py [--deals 2000,20000] [--runs 15]`.

Makes a database of its own with one house, fills it with open deals, and judges two things at each size:

- the board (its queries and its cards) against the time of its own SQL: at most 3 times at the first size;
- the statements of the board, of every list of the desk and of search: as many at the last size as at the first.

Prints medians and limits with "ok" or "MISSED"; ends with 1 when one is missed. Only ratios of one run may be judged.
"""

import argparse
import logging
import statistics
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.measuring import Verdicts, in_child, own_database  # noqa: E402

HOST = "bench.localhost"
LIMIT = 3.0
FIRST_WARM = 3
PAGES = {
    "board page": "campaign/board/",
    "list of deals": "campaign/",
    "search in the list": "campaign/?q=Bench+deal+77",
    "numbers": "campaign/numbers/",
    "list of sponsors": "sponsor/",
    "list of contacts": "contact/",
    "list of agencies": "agency/",
}
SEARCH = "/find?q=Bench"


def main() -> int:
    options = _options()
    verdicts = Verdicts()
    with own_database("bench_board"):
        found = in_child(_case, options.deals, options.runs, SITE_HOST="localhost")
    for size in found["sizes"]:
        print(f"\n{size['deals']:,} open deals ({size['statements']['the board']} statements on the board)")
        print(f"  the board's own SQL          {size['sql'] * 1000:8.1f} ms")
        print(f"  the board with its cards     {size['board'] * 1000:8.1f} ms   {size['ratio']:.2f} × its SQL")
        for name, took in size["pages"].items():
            print(f"  {name:28} {took * 1000:8.1f} ms, whole request, {size['statements'][name]} statements")
    first, last = found["sizes"][0], found["sizes"][-1]
    print()
    verdicts.limit(f"the board at {first['deals']:,} deals, × its own SQL", first["ratio"], "×", at_most=LIMIT)
    for name, count in last["statements"].items():
        before = first["statements"][name]
        verdicts.limit(f"{name}, statements at {last['deals']:,} deals", count, "statements", at_most=before)
    return verdicts.code


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--deals",
        type=lambda text: sorted(int(part) for part in text.split(",")),
        default=[2_000, 20_000],
        help="open deals, sizes with commas; the first is judged by time",
    )
    parser.add_argument("--runs", type=int, default=15)
    return parser.parse_args()


def _case(sizes: list[int], runs: int) -> dict:
    """Make the house, fill it size by size, and measure each."""
    from django.conf import settings
    from django.core.management import call_command
    from django.test.utils import override_settings
    from django_tenants.utils import tenant_context

    from tracker.flags.services import switch
    from tracker.tenants.services import create_tenant

    logging.disable(logging.INFO)
    settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
    call_command("migrate_schemas", "--shared", verbosity=0)
    tenant = create_tenant(slug="bench", name="Bench", admin_email="bench@bench.example", admin_password="x" * 20)
    found, have = [], 0
    with override_settings(ALLOWED_HOSTS=["*"]), tenant_context(tenant):
        switch(flag="ENABLE_DEAL_PIPELINE", on=True)
        for deals in sizes:
            _fill(deals - have, since=have)
            have = deals
            found.append({"deals": deals, **_measure(tenant, runs)})
    return {"sizes": found}


def _fill(count: int, *, since: int) -> None:
    """Add open deals over the four open stages, with sponsors, contacts, owners, next steps and wanted shows."""
    from django.db import connection
    from django.utils import timezone

    from deals.models import Agency, Campaign, Contact, Sponsor
    from deals.rules import OPEN_STAGES
    from metrics.models import Podcast
    from tracker.accounts.models import User

    now, people = timezone.now(), list(User.objects.order_by("email")[:5])
    shows = list(Podcast.objects.order_by("title")[:5]) or Podcast.objects.bulk_create(
        Podcast(title=f"Bench show {number}", slug=f"bench-{number}") for number in range(5)
    )
    numbers = range(since, since + count)
    agencies = Agency.objects.bulk_create(Agency(name=f"Bench agency {number}") for number in numbers[::200])
    sponsors = Sponsor.objects.bulk_create(
        Sponsor(name=f"Bench {number}", name_key=f"bench{number}", agency=agencies[number % len(agencies)])
        for number in numbers[::20]
    )
    Contact.objects.bulk_create(Contact(name=f"Buyer of {sponsor.name}", sponsor=sponsor) for sponsor in sponsors)
    deals = Campaign.objects.bulk_create(
        (
            Campaign(
                name=f"Bench deal {number}",
                sponsor=sponsors[number % len(sponsors)],
                owner=people[number % len(people)] if people else None,
                stage=OPEN_STAGES[number % 4],
                stage_changed_at=now - timedelta(hours=number % 700),
                campaign_value=number * 137 % 900_000,
                currency="EUR",
                expected_close_on=(now + timedelta(days=number % 90)).date(),
                next_step="Call again" if number % 3 else "",
                next_step_on=(now + timedelta(days=number % 20)).date(),
            )
            for number in numbers
        ),
        batch_size=2_000,
    )
    wanted = Campaign.wanted_podcasts.through
    wanted.objects.bulk_create(
        [wanted(campaign_id=deal.pk, podcast_id=show.pk) for deal in deals[::2] for show in shows[:2]], batch_size=5_000
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE campaigns, campaign_podcasts, sponsors, contacts")


def _measure(tenant: object, runs: int) -> dict:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext
    from django.utils import timezone
    from django_tenants.utils import tenant_context

    from deals.board import BoardFilter, lanes
    from deals.cards import CardWriter

    def board() -> int:
        shown, write = lanes(BoardFilter(), at=timezone.now()), CardWriter().write
        return sum(len(write(card)) for lane in shown for card in lane.cards)

    board()
    with CaptureQueriesContext(connection) as captured:
        board()
    statements = [query["sql"] for query in captured.captured_queries if query["sql"].startswith("SELECT")]

    def own_sql() -> None:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
                cursor.fetchall()

    sql, whole = _median(own_sql, runs), _median(board, runs)
    get = _reader(tenant)
    pages, counts = {}, {"the board": len(statements)}
    for name, path in {**{name: f"/admin/deals/{path}" for name, path in PAGES.items()}, "search": SEARCH}.items():
        pages[name] = _median(lambda path=path: get(path), max(3, runs // 3))
        with CaptureQueriesContext(connection) as captured:
            get(path)
        counts[name] = len(captured)
        connection.set_tenant(tenant)
    with tenant_context(tenant):
        return {"sql": sql, "board": whole, "ratio": whole / sql, "pages": pages, "statements": counts}


def _reader(tenant: object) -> Callable[[str], None]:
    from django.conf import settings
    from django.test import Client

    from tests.sessions import session_of
    from tracker.accounts.models import User

    client = Client(headers={"host": HOST})
    person = User.objects.filter(role_id="administrator").first()
    client.cookies[settings.SESSION_COOKIE_NAME] = session_of(person, tenant).session_key

    def get(path: str) -> None:
        answer = client.get(path)
        assert answer.status_code == 200, (path, answer.status_code)

    return get


def _median(act: Callable[[], object], runs: int) -> float:
    for _warm in range(FIRST_WARM):
        act()
    times = []
    for _run in range(runs):
        started = time.perf_counter()
        act()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


if __name__ == "__main__":
    sys.exit(main())
