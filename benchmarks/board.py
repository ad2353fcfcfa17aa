"""How fast the sales desk's lists are: the board against its own SQL, the pages at 2,000 and 20,000 deals.

    python benchmarks/board.py [--tenant demo] [--deals 2000,20000]

Runs on a tenant of this checkout's database, inside a transaction that is rolled back: nothing stays. Medians of the
runs; only ratios within one run may be judged.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tracker.settings")
RUNS = 15
LIMIT = 3.0


def main() -> int:
    options = _options()
    import django

    django.setup()
    from django.conf import settings
    from django.db import transaction
    from django_tenants.utils import tenant_context

    from tracker.tenants.models import Tenant

    # Addresses of static files as they are, whether or not they were collected.
    settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
    tenant = Tenant.objects.get(schema_name=options.tenant)
    ratios = []
    with tenant_context(tenant), transaction.atomic():
        have = 0
        for deals in sorted(options.deals):
            _fill(deals - have)
            have = deals
            ratios.append(_measure(tenant, deals))
        transaction.set_rollback(True)
    print(f"\nthe board is {'within' if ratios[0] <= LIMIT else 'OVER'} {LIMIT:g} times its own SQL at the first size")
    return 0 if ratios[0] <= LIMIT else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tenant", default="demo")
    parser.add_argument("--deals", type=lambda text: [int(part) for part in text.split(",")], default=[2_000, 20_000])
    return parser.parse_args()


def _fill(count: int) -> None:
    """Add open deals over the four open stages, with owners, next steps and wanted shows."""
    from django.db import connection
    from django.utils import timezone

    from deals.models import Campaign, Sponsor
    from deals.rules import OPEN_STAGES
    from metrics.models import Podcast
    from tracker.accounts.models import User

    now, people = timezone.now(), list(User.objects.order_by("email")[:5])
    sponsors = [Sponsor(name=f"Bench {number}", name_key=f"bench{number}") for number in range(50)]
    Sponsor.objects.bulk_create(sponsors)
    deals = [
        Campaign(
            name=f"Bench deal {number}",
            sponsor=sponsors[number % len(sponsors)],
            owner=people[number % len(people)] if people else None,
            stage=OPEN_STAGES[number % 4],
            stage_changed_at=now - timedelta(hours=number % 700),
            campaign_value=number * 137 % 900_000,
            currency="EUR",
            next_step="Call again" if number % 3 else "",
            next_step_on=(now + timedelta(days=number % 20)).date(),
        )
        for number in range(count)
    ]
    Campaign.objects.bulk_create(deals, batch_size=2_000)
    shows = list(Podcast.objects.values_list("pk", flat=True)[:5])
    wanted = Campaign.wanted_podcasts.through
    wanted.objects.bulk_create(
        [wanted(campaign_id=deal.pk, podcast_id=show) for deal in deals[::2] for show in shows[:2]], batch_size=5_000
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE campaigns, campaign_podcasts, sponsors")


def _measure(tenant: object, deals: int) -> float:
    from django.conf import settings
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext
    from django.utils import timezone

    from deals.board import BoardFilter, lanes
    from deals.cards import CardWriter
    from tests.sessions import session_of
    from tracker.accounts.models import User

    def board() -> int:
        shown, write = lanes(BoardFilter(), at=timezone.now()), CardWriter().write
        return sum(len(write(card)) for lane in shown for card in lane.cards)

    with CaptureQueriesContext(connection) as captured:
        board()
    statements = [query["sql"] for query in captured.captured_queries]

    def own_sql() -> None:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
                cursor.fetchall()

    client = Client(headers={"host": tenant.host})  # type: ignore[attr-defined]
    person = User.objects.filter(role_id="administrator").first()
    client.cookies[settings.SESSION_COOKIE_NAME] = session_of(person, tenant).session_key
    sql, whole = _median(own_sql), _median(board)
    # Printed first: the pages below also draw the admin around the board.
    print(f"\n{deals:,} open deals ({len(statements)} statements on the board)")
    print(f"  the board's own SQL          {sql * 1000:8.1f} ms")
    print(f"  the board with its cards     {whole * 1000:8.1f} ms   {whole / sql:.2f} × its SQL")
    for name, path in (("board page", "board/"), ("list page", ""), ("search in the list", "?q=Bench+deal+77")):
        took = _median(lambda path=path: _get(client, f"/admin/deals/campaign/{path}"), runs=5)
        print(f"  {name:28} {took * 1000:8.1f} ms, whole request")
    return whole / sql


def _get(client: object, path: str) -> None:
    answer = client.get(path)  # type: ignore[attr-defined]
    assert answer.status_code == 200, (path, answer.status_code)


def _median(act: Callable[[], object], *, runs: int = RUNS) -> float:
    act()
    times = []
    for _run in range(runs):
        started = time.perf_counter()
        act()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


if __name__ == "__main__":
    sys.exit(main())
