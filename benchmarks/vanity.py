"""How many vanity redirects a process answers in a second, each with its click kept, against a stock view.

    python benchmarks/vanity.py [--requests 4000] [--links 100] [--rounds 3]

Both answer the same requests in one process, through the whole WSGI application, without a network between: the product
as it is configured (all middleware, the click appended to the spool), and a stock Django view behind django-tenants'
own middleware, which looks up host, link and booking and inserts the click before it answers. Rounds alternate; the
median counts. The drain is timed apart. Everything happens in a database of its own, which is removed at the end.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.measuring import Verdicts, own_database  # noqa: E402

HOST = "bench.localhost"
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=4_000)
    parser.add_argument("--links", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    verdicts = Verdicts()
    with tempfile.TemporaryDirectory() as media, own_database("bench_vanity"):
        os.environ["MEDIA_ROOT"] = media
        _run(options, verdicts)
    return verdicts.code


def _run(options: argparse.Namespace, verdicts: Verdicts) -> None:
    import django

    django.setup()
    import logging

    from django.db import connection

    logging.disable(logging.CRITICAL)
    paths = _prepare(options.links)
    product, stock = _product(), _stock()
    for application in (product, stock):
        _answer(application, paths, len(paths))
    speeds: dict[str, list[float]] = {"product": [], "stock": []}
    for _round in range(options.rounds):
        speeds["product"].append(_answer(product, paths, options.requests))
        speeds["stock"].append(_answer(stock, paths, max(options.requests // 10, 100)))
    ours, theirs = statistics.median(speeds["product"]), statistics.median(speeds["stock"])
    print(f"product, click kept in the spool   {ours:>9,.0f} requests/s")
    print(f"stock view, click inserted first   {theirs:>9,.0f} requests/s")
    verdicts.limit("the product, of the stock view's requests a second", ours / theirs, "×", at_least=10)
    with connection.cursor():
        _drain(options.requests * options.rounds + len(paths))


def _drain(sent: int) -> None:
    from django.utils import timezone
    from django_tenants.utils import schema_context

    from bookings.clicks import drain_clicks

    with schema_context("bench"):
        began = time.perf_counter()
        counted = drain_clicks(at=timezone.now())
        took = time.perf_counter() - began
    print(f"drain                              {counted / took:>9,.0f} clicks/s; {counted:,} of {sent:,} counted")
    if counted != sent:
        raise SystemExit("clicks were lost or doubled")


def _answer(application: Any, paths: list[str], count: int) -> float:
    """Send `count` requests one after the other and return how many were answered in a second."""
    began = time.perf_counter()
    for number in range(count):
        status: list[str] = []
        body = application(_environ(paths[number % len(paths)]), lambda line, _headers, kept=status: kept.append(line))
        b"".join(body)
        body.close()
        if not status[0].startswith("302"):
            raise SystemExit(f"answered {status[0]}")
    return count / (time.perf_counter() - began)


def _environ(path: str) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": HOST,
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": HOST,
        "HTTP_USER_AGENT": AGENT,
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }


# --- the two applications ---------------------------------------------------------------------------------------------
def _product() -> Any:
    from django.core.handlers.wsgi import WSGIHandler

    return WSGIHandler()


def _stock() -> Any:
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.test.utils import override_settings

    own = f"{__name__}.stock_middleware"
    with override_settings(MIDDLEWARE=["django_tenants.middleware.main.TenantMainMiddleware", own]):
        assert settings.MIDDLEWARE[-1] == own
        return WSGIHandler()


def stock_middleware(_get_response: Any) -> Any:
    """The view behind the stock tenant middleware: look up, insert, redirect."""
    from django.db import connection
    from django.http import HttpResponseRedirect
    from django.utils import timezone

    from bookings.links import address_of
    from bookings.models import IOBooking, VanityLink

    def view(request: Any) -> Any:
        link = VanityLink.objects.get(path=request.path.rsplit("/", 1)[1])
        now = timezone.now()
        line = IOBooking.objects.filter(
            vanity_url=address_of(link.path), flight_start__lte=now, flight_end__gt=now
        ).first()
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO stock_clicks (link_id, clicked_at) VALUES (%s, %s)", [link.pk, now])
        return HttpResponseRedirect(line.landing_url)

    return view


# --- data and database ------------------------------------------------------------------------------------------------
def _prepare(links: int) -> list[str]:
    from django.core.management import call_command
    from django.db import connection
    from django.utils import timezone
    from django_tenants.utils import schema_context

    from bookings.services import add_ad_unit, schedule_booking
    from deals.services import add_sponsor, open_deal
    from metrics.models import Podcast
    from tracker.lib.actors import SYSTEM
    from tracker.tenants.services import create_tenant

    call_command("migrate_schemas", shared=True, verbosity=0)
    create_tenant(slug="bench", name="Bench")
    now = timezone.now()
    who = {"by": SYSTEM, "at": now}
    with schema_context("bench"):
        deal = open_deal(name="Bench", sponsor=add_sponsor(name="Sponsor", **who), currency="EUR", **who)
        for number in range(links):
            show = Podcast.objects.create(title=f"Show {number}", slug=f"show-{number}")
            unit = add_ad_unit(podcast=show, name="Mid-roll", position="mid", duration_seconds=60, **who)
            schedule_booking(
                campaign=deal,
                ad_unit=unit,
                flight_start=now - timedelta(days=1),
                flight_end=now + timedelta(days=27),
                booked_impressions=1_000,
                booked_cpm_cents=2_500,
                landing_url="https://sponsor.example/offer",
                **who,
            )
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE stock_clicks (link_id uuid NOT NULL, clicked_at timestamptz NOT NULL)")
            cursor.execute("ANALYZE")
        return [f"/go/sponsor-show-{number}" for number in range(links)]


if __name__ == "__main__":
    sys.exit(main())
