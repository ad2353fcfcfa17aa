#!/usr/bin/env python
"""PostgreSQL, then Valkey, behind a network that fails in seven ways: what do callers see, and is anything lost?

A proxy stands between the product (web, worker, beat) and each server: late, narrow, cut in mid-answer,
reset, refused, a black hole, flapping. Requests go on all the while, and a write that got a 503 is sent again with the
same Idempotency-Key, as docs/api.md asks. Prints for each way the answers, the longest, and how soon all was well
again; then what was lost or doubled; `ok` or `MISSED`; ends by itself.

    python scripts/drills/faults.py               # 7 ways x 2 servers x 10 s
    python scripts/drills/faults.py --seconds 60
"""

import argparse
import json
import sys
import threading
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from benchmarks.measuring import Verdicts
from scripts.drills.hosts import Installation, answers, installation, wait
from scripts.drills.network import LOOPBACK, free_port
from scripts.drills.traffic import House, Link, Traffic, request_of
from tests.faults.proxy import Mode, Proxy

TENANTS = 3
WAYS = [mode for mode in Mode if mode != Mode.CLEAR]
BACK_WITHIN, TOLD_WITHIN = 10, 60


class Patient(Traffic):
    """A caller that takes a 503 with Retry-After for what it is, and sends a refused write again with its key."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.way = "clear"
        self.answers: dict[str, Counter[str]] = {}
        self.longest: dict[str, float] = {}
        self.never = 0

    def _send(
        self,
        link: Link,
        house: House,
        what: str,
        method: str,
        path: str,
        body: object = None,
        *,
        kind: str = "application/json",
        expected: int,
    ) -> str:
        data, headers = request_of(house, method, body, kind)
        deadline = time.monotonic() + 90
        while True:
            way, began = self.way, time.monotonic()
            status, text = link.ask(method, path, data, headers)
            is_honest = status == 503 and bool(link.retry_after)
            self._count(way, time.monotonic() - began, status == expected, is_honest, f"{what}: {status} {text[:160]}")
            if status == expected:
                return text
            if method == "GET" or not is_honest:
                return ""
            if time.monotonic() > deadline:
                self.never += 1
                return ""
            time.sleep(0.5)

    def _count(self, way: str, seconds: float, is_expected: bool, is_honest: bool, words: str) -> None:
        with self.tally.lock:
            kind = "answered" if is_expected else "503" if is_honest else "wrong"
            self.answers.setdefault(way, Counter())[kind] += 1
            self.longest[way] = max(self.longest.get(way, 0), seconds)
            if kind == "wrong":
                self.tally.wrong[f"{way}, {words}"] += 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10, help="how long each way of failing lasts")
    parser.add_argument("--rate", type=float, default=8, help="requests a second")
    given = parser.parse_args()
    if not 1 <= given.seconds <= 120 or not 0 < given.rate <= 100:
        parser.error("seconds 1 to 120, rate up to 100")
    with installation("faults") as drill:
        return run(drill, given)


def run(drill: Installation, given: argparse.Namespace) -> int:
    houses = drill.make_houses(TENANTS)
    proxies = {
        "PostgreSQL": Proxy((LOOPBACK, free_port()), drill.database_at),
        "Valkey": Proxy((LOOPBACK, free_port()), drill.queue_at),
    }
    drill.database_at, drill.queue_at = proxies["PostgreSQL"].listen, proxies["Valkey"].listen
    for part in ("web-a", "worker-a", "beat-a"):
        drill.start(part)
    wait("web answers", 120, lambda: all(map(answers, drill.webs)))
    probe = Probe(drill, *list(houses.items())[0])
    wait("an event goes out", 120, probe.is_told)

    traffic = Patient(houses, drill.webs, rate=given.rate, seconds=3600, hands=8)
    asking = threading.Thread(target=traffic.run, daemon=True)
    asking.start()
    verdicts = Verdicts()
    for server, proxy in proxies.items():
        for mode in WAYS:
            fail(verdicts, traffic, probe, f"{server} {mode}", proxy, mode, given.seconds)
    traffic.until = time.monotonic()
    asking.join()
    drill.drained(list(houses))
    for proxy in proxies.values():
        proxy.close()
    judge(verdicts, drill, traffic, probe)
    return verdicts.code


def fail(
    verdicts: Verdicts, traffic: Patient, probe: "Probe", way: str, proxy: Proxy, mode: Mode, seconds: float
) -> None:
    """Let one server's network fail in one way for a while, then wait until pages, writes and events are well again."""
    traffic.way = way
    proxy.set(mode)
    time.sleep(seconds)
    proxy.set(Mode.CLEAR)
    began = time.monotonic()
    wait(f"served after {way}", 90, probe.is_served)
    served = time.monotonic() - began
    wait(f"events go out after {way}", 180, probe.is_told)
    told = time.monotonic() - began
    traffic.way = "clear"
    counted = traffic.answers.get(way, Counter())
    numbers = ", ".join(f"{counted[kind]} {kind}" for kind in ("answered", "503", "wrong"))
    print(f"{way}: {numbers}; longest {traffic.longest.get(way, 0):.1f} s", flush=True)
    verdicts.limit("wrong answers", counted["wrong"], "", at_most=0)
    verdicts.limit("pages and writes well again after", served, "s", at_most=BACK_WITHIN)
    verdicts.limit("events go out again after", told, "s", at_most=TOLD_WITHIN)


def judge(verdicts: Verdicts, drill: Installation, traffic: Patient, probe: "Probe") -> None:
    slugs, accepted = list(traffic.houses), traffic.tally.accepted
    for words, count in traffic.tally.wrong.most_common(10):
        print(f"  {count} x {words}")
    moved = sum(n for what, n in accepted.items() if what.startswith("moves"))
    told = drill.count(slugs, f"events_outbox WHERE type = 'deal.stage_changed' AND subject_id <> '{probe.deal}'")
    booked = sum(map(len, traffic.booked.values()))
    print("over all:", ", ".join(f"{n} {kind}" for kind, n in sum(traffic.answers.values(), Counter()).items()))
    verdicts.limit("writes that were never accepted", traffic.never, "", at_most=0)
    verdicts.limit("answers that showed another tenant", traffic.tally.foreign, "", at_most=0)
    verdicts.limit("moves of deals without their one event", abs(moved - told), "", at_most=0)
    verdicts.limit("bookings lost or doubled", abs(booked - drill.count(slugs, "io_bookings")), "", at_most=0)
    imports = drill.count(slugs, "etl_imports WHERE status = 'completed'")
    verdicts.limit("uploads lost or doubled", abs(accepted["uploads"] - imports), "", at_most=0)
    unsent = drill.count(slugs, "events_outbox WHERE relayed_at IS NULL")
    verdicts.limit("events that did not go out", unsent, "", at_most=0)


class Probe:
    """Looks whether all is well: three good answers in a row, and a move whose event a worker passed on."""

    def __init__(self, drill: Installation, slug: str, house: House) -> None:
        self.drill, self.slug = drill, slug
        self.headers = {"Host": house["host"], "Authorization": f"Bearer {house['key']}"}
        # A deal of its own, which the traffic does not touch.
        self.deal = house["deals"].pop()

    def is_served(self) -> bool:
        link = Link(self.drill.webs[0])
        try:
            return all(self._ask(link, "GET", f"/api/v1/deals/{self.deal}") == 200 for _look in range(3))
        finally:
            link.close()

    def is_told(self) -> bool:
        """Move the deal on or back, and tell whether a worker passes its event on."""
        link = Link(self.drill.webs[0])
        path = f"/api/v1/deals/{self.deal}"
        try:
            status, text = link.ask("GET", path, None, self.headers)
            if status != 200:
                return False
            body = json.dumps({"stage": "lead" if json.loads(text)["stage"] == "qualified" else "qualified"})
            if self._ask(link, "PATCH", f"{path}/stage", body.encode()) != 200:
                return False
        finally:
            link.close()
        waiting = f"{self.slug}.events_outbox WHERE relayed_at IS NULL AND subject_id = '{self.deal}'"
        wait("an event goes out", 150, lambda: self.drill.ask(f"SELECT count(*) FROM {waiting}") == [(0,)])
        return True

    def _ask(self, link: Link, method: str, path: str, body: bytes | None = None) -> int:
        more = {"Content-Type": "application/json", "Idempotency-Key": uuid.uuid4().hex} if body else {}
        return link.ask(method, path, body, self.headers | more)[0]


if __name__ == "__main__":
    sys.exit(main())
