"""The five most used endpoints of the API: `python benchmarks/api.py [--seconds N] [--clients N]`.

Makes a database of its own in the running embedded server, with 2,000 deals, 2,000 booked lines and 5,000 events. Then
one gunicorn (one process, four threads) serves the product and another one a bare Django view, and the same clients ask
both in turn. The SQL that each endpoint sends is written down and run by pgbench, with as many connections.

Prints latency and requests per second of all three, and judges two things within this run:

- an endpoint's latency against the bare view plus its own SQL under pgbench;
- the statements that it sends, which must not grow with the page.
"""

import argparse
import json
import logging
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.measuring import Verdicts, own_database  # noqa: E402

ROUNDS = 3
DATABASE, TENANT, HOST = "bench_api", "bench", "bench.localhost"
SHOWS, DEALS, EVENTS = 40, 2_000, 5_000
# Reading is authentication, throttle, scope, permission, query, serializer, tag; a write is its rules, event and audit.
MOST_TIMES = {"read": 10.0, "list": 25.0, "write": 15.0}
MOST_STATEMENTS = {"read": 5, "list": 5, "write": 20}


@dataclass(frozen=True)
class Endpoint:
    """One of the five: its name, how it is judged, and the request of a client's n-th turn."""

    name: str
    kind: str
    request: Callable[[int, int], tuple[str, str, str]]


@dataclass(frozen=True)
class Load:
    """What came of one load: medians and tails in ms, requests a second."""

    p50: float
    p95: float
    per_second: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=4.0, help="of each load; there are 15")
    parser.add_argument("--clients", type=int, default=4)
    options = parser.parse_args()
    os.environ["API_RATE"] = "100000000/min"
    with own_database(DATABASE):
        import django

        django.setup()
        logging.disable(logging.WARNING)
        try:
            return _run(options.seconds, options.clients)
        finally:
            from django.db import connection

            connection.close()


def _run(seconds: float, clients: int) -> int:
    key, ids = _prepare()
    headers = {"Host": HOST, "Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    endpoints = _endpoints(ids)
    sql = {one.name: _sql_of(one, headers) for one in endpoints}
    verdicts = Verdicts()
    print(f"{DEALS:,} deals, {DEALS:,} lines, {EVENTS:,} events; {clients} clients, {seconds:g} s each\n")
    print(f"{'':34}{'p50 ms':>9}{'p95 ms':>9}{'req/s':>9}{'SQL ms':>9}{'SQL tps':>9}{'statements':>12}")
    found: list[tuple[Endpoint, Load, Load, Load]] = []
    with _serving("benchmarks.bare") as bare_port, _serving("tracker.wsgi") as port:
        _load(bare_port, headers, lambda client, turn: ("GET", "/bare", ""), clients, 1.0)
        for one in endpoints:
            _load(port, headers, one.request, clients, 1.0)
            bare, ours, base = _in_turn(port, bare_port, headers, one, sql[one.name], clients, seconds)
            found.append((one, ours, bare, base))
            print(
                f"{one.name:34}{ours.p50:9.1f}{ours.p95:9.1f}{ours.per_second:9.0f}"
                f"{base.p50:9.2f}{base.per_second:9.0f}{len(sql[one.name]):12}",
                flush=True,
            )
            print(f"{'  a bare Django view':34}{bare.p50:9.1f}{bare.p95:9.1f}{bare.per_second:9.0f}", flush=True)
    print()
    for one, ours, bare, base in found:
        times = ours.p50 / (bare.p50 + base.p50)
        verdicts.limit(f"{one.name} ÷ (bare + SQL)", times, "×", at_most=MOST_TIMES[one.kind])
        verdicts.limit(f"{one.name}: statements", len(sql[one.name]), "", at_most=MOST_STATEMENTS[one.kind])
    return verdicts.code


def _in_turn(
    port: int, bare_port: int, headers: dict[str, str], one: Endpoint, sql: list[str], clients: int, seconds: float
) -> tuple[Load, Load, Load]:
    """Ask the bare view, the endpoint and the database by turns, so that other work on the machine meets all three."""
    rounds: list[tuple[Load, Load, Load]] = []
    for _ in range(ROUNDS):
        bare = _load(bare_port, headers, lambda client, turn: ("GET", "/bare", ""), clients, seconds / ROUNDS)
        ours = _load(port, headers, one.request, clients, seconds / ROUNDS)
        rounds.append((bare, ours, _pgbench(sql, clients, seconds / ROUNDS)))
    bare, ours, base = (_middle([one[place] for one in rounds]) for place in range(3))
    return bare, ours, base


def _middle(loads: list[Load]) -> Load:
    return Load(*(statistics.median(getattr(one, name) for one in loads) for name in ("p50", "p95", "per_second")))


def _endpoints(ids: dict[str, list[str]]) -> list[Endpoint]:
    lines, deals = ids["lines"], ids["deals"]

    def move(client: int, turn: int) -> tuple[str, str, str]:
        """Each client moves deals of its own to and fro, so that every request is a change."""
        mine = deals[client * 20 + turn // 2 % 20]
        return "PATCH", f"/api/v1/deals/{mine}/stage", json.dumps({"stage": ("qualified", "lead")[turn % 2]})

    return [
        Endpoint("GET /io/{io_id}", "read", lambda c, n: ("GET", f"/api/v1/io/{lines[(c * 500 + n) % 2000]}", "")),
        Endpoint("GET /deals/{campaign_id}", "read", lambda c, n: ("GET", f"/api/v1/deals/{deals[n % 2000]}", "")),
        Endpoint("GET /io, a page of 50", "list", lambda c, n: ("GET", "/api/v1/io", "")),
        Endpoint("GET /events, 100 after", "list", lambda c, n: ("GET", f"/api/v1/events?after={n % 4000}", "")),
        Endpoint("PATCH /deals/{campaign_id}/stage", "write", move),
    ]


def _load(
    port: int,
    headers: dict[str, str],
    request: Callable[[int, int], tuple[str, str, str]],
    clients: int,
    longest: float,
) -> Load:
    """Ask for `longest` seconds over one kept connection a client, 20,000 times at most."""
    took: list[float] = []
    faults: list[str] = []
    until = time.perf_counter() + longest

    def ask(client: int) -> None:
        line = HTTPConnection("127.0.0.1", port, timeout=30)
        for turn in range(20_000 // clients):
            method, path, body = request(client, turn)
            began = time.perf_counter()
            if began > until:
                break
            line.request(method, path, body or None, headers)
            answer = line.getresponse()
            said = answer.read()
            took.append(time.perf_counter() - began)
            if answer.status != 200:
                faults.append(f"{method} {path}: {answer.status} {said[:200]!r}")
                break
        line.close()

    began = time.perf_counter()
    threads = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise SystemExit(faults[0])
    ranks = statistics.quantiles(took, n=20)
    return Load(ranks[9] * 1000, ranks[18] * 1000, len(took) / (time.perf_counter() - began))


@contextmanager
def _serving(module: str) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-W", "ignore", "-m", "gunicorn", f"{module}:application", "--bind", f"127.0.0.1:{port}"]
    command += ["--worker-class", "gthread", "--threads", "4", "--workers", "1", "--log-level", "error"]
    command += ["--no-control-socket", "--keep-alive", "30"]
    environment = {**os.environ, "LOG_LEVEL": "ERROR", "DJANGO_SETTINGS_MODULE": "tracker.settings"}
    if module != "tracker.wsgi":
        del environment["DJANGO_SETTINGS_MODULE"]
    server = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        _wait_for(port, server)
        yield port
    finally:
        server.terminate()
        server.wait(20)


def _wait_for(port: int, server: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if server.poll() is not None:
            raise SystemExit("the server did not start")
        time.sleep(0.1)
    raise SystemExit("the server did not answer within a minute")


def _sql_of(endpoint: Endpoint, headers: dict[str, str]) -> list[str]:
    """Return the statements of one warm request as they were sent, with fresh ids where a row is made."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client = Client(headers={"host": HOST, "authorization": headers["Authorization"]}, raise_request_exception=True)
    for turn in range(2):
        with CaptureQueriesContext(connection) as queries:
            method, path, body = endpoint.request(0, turn)
            answer = client.generic(method, path, body, content_type="application/json")
            assert answer.status_code == 200, answer.content
    sent = [" ".join(one["sql"].split()) for one in queries.captured_queries]
    return [_repeatable(one) for one in sent if not re.match(r"(SAVEPOINT|RELEASE|SET )", one)]


def _repeatable(statement: str) -> str:
    """The key of a new event is made by the database, so that the same statement runs again."""
    # What stands before it is the audit's context, with an id of its own.
    return re.sub(
        r"""(INSERT INTO "events_outbox" .*? VALUES \()'[0-9a-f-]{32,36}'(::uuid)?""",
        r"\1gen_random_uuid()",
        statement,
        count=1,
    )


def _pgbench(statements: list[str], clients: int, seconds: float) -> Load:
    """Run statements as they are; the p50 is pgbench's mean latency of one pass."""
    import environ

    from tracker.stack.programs import client_program

    place = environ.Env.db_url_config(os.environ["DATABASE_URL"])
    with tempfile.NamedTemporaryFile("w", suffix=".sql", encoding="utf-8") as script:
        script.write(";\n".join(statements) + ";\n")
        script.flush()
        command = [client_program("pgbench"), "-n", "-f", script.name, "-c", str(clients), "-j", "1"]
        command += ["-T", str(max(1, round(seconds))), "-h", place["HOST"], "-U", place["USER"], place["NAME"]]
        if place["PORT"]:
            command[1:1] = ["-p", str(place["PORT"])]
        surroundings = {**os.environ, "PGOPTIONS": f"-c search_path={TENANT},public"}
        surroundings["PGPASSWORD"] = str(place["PASSWORD"] or "")
        done = subprocess.run(command, capture_output=True, text=True, env=surroundings)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    latency = float(re.search(r"latency average = ([\d.]+) ms", done.stdout)[1])
    per_second = float(re.search(r"tps = ([\d.]+)", done.stdout)[1])
    return Load(latency, latency, per_second)


def _prepare() -> tuple[str, dict[str, list[str]]]:
    """Make the tenant and its rows; return a key's text, and the ids of lines and deals."""
    from django.core.management import call_command
    from django.db import connection

    from tracker.flags.services import switch
    from tracker.tenants.services import create_tenant

    call_command("migrate_schemas", shared=True, verbosity=0, interactive=False)
    create_tenant(slug="platform", name="Platform", is_platform=True)
    tenant = create_tenant(slug=TENANT, name="Bench", is_platform=False)
    connection.set_tenant(tenant)
    for flag in ("ENABLE_IO_BOOKINGS", "ENABLE_DEAL_PIPELINE"):
        switch(flag=flag, on=True)
    ids = _fill()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return _key(), ids


def _key() -> str:
    from django.utils import timezone

    from tracker.accounts.services import create_api_key
    from tracker.lib.actors import SYSTEM

    return create_api_key(name="bench", scopes=["*"], role="administrator", by=SYSTEM, at=timezone.now())[1]


def _fill() -> dict[str, list[str]]:
    from datetime import timedelta

    from django.utils import timezone

    from bookings.models import AdUnit, InsertionOrder, IOBooking
    from deals.models import Campaign, Sponsor
    from metrics.models import Podcast
    from tracker.events.models import Event

    now = timezone.now()
    shows = Podcast.objects.bulk_create(Podcast(title=f"Show {n}", slug=f"show-{n}") for n in range(SHOWS))
    units = AdUnit.objects.bulk_create(
        AdUnit(podcast=one, name="Mid-roll", position="mid", duration_seconds=60, delivery="dynamic") for one in shows
    )
    sponsors = Sponsor.objects.bulk_create(Sponsor(name=f"Sponsor {n}", name_key=f"sponsor{n}") for n in range(100))
    deals = Campaign.objects.bulk_create(
        Campaign(name=f"Deal {n}", sponsor=sponsors[n % 100], currency="EUR", stage_changed_at=now, opened_at=now)
        for n in range(DEALS)
    )
    orders = InsertionOrder.objects.bulk_create(
        InsertionOrder(campaign=deal, currency="EUR", time_zone="UTC") for deal in deals
    )
    lines = IOBooking.objects.bulk_create(
        _line(IOBooking, order, units[n % SHOWS], now + timedelta(days=30 * n), now) for n, order in enumerate(orders)
    )
    subjects = [str(deal.pk) for deal in deals]
    Event.objects.bulk_create(
        Event(
            type="deal.stage_changed",
            subject_type="deals.campaign",
            subject_id=subjects[n % DEALS],
            actor={"kind": "system", "id": "", "label": "bench"},
            at=now,
            data={"campaign_id": subjects[n % DEALS], "from": "lead", "to": "qualified", "reason": ""},
            relayed_at=now,
        )
        for n in range(EVENTS)
    )
    return {"lines": [str(one.pk) for one in lines], "deals": subjects}


def _line(model: Any, order: Any, unit: Any, start: Any, now: Any) -> Any:
    from datetime import timedelta

    return model(
        order=order,
        campaign=order.campaign,
        ad_unit=unit,
        flight_start=start,
        flight_end=start + timedelta(days=28),
        booked_impressions=240_000,
        booked_cpm_cents=2_650,
        gross_cents=636_000,
        status="draft",
        status_changed_at=now,
    )


if __name__ == "__main__":
    sys.exit(main())
