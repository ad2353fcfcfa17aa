#!/usr/bin/env python
"""A rolling restart under load: each web host, worker and beat in turn is told to end (SIGTERM) and started again.

Two web hosts, two workers, one beat. Requests go to either web host as the proxy of deploy/proxy sends them: a host
that takes no connection is left out, and a GET whose connection ends without an answer is sent once more. Prints what
failed and how long each part took to end; `ok` or `MISSED`; ends by itself.

    python scripts/drills/restarts.py             # two rounds
    python scripts/drills/restarts.py --rounds 1
"""

import argparse
import http.client
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from benchmarks.measuring import Verdicts
from scripts.drills.hosts import Address, Installation, answers, installation, wait
from scripts.drills.traffic import Link, Traffic

PARTS = ["web-a", "web-b", "worker-a", "worker-b", "beat-a"]
TENANTS = 3


class Proxied(Link):
    """A request through the proxy: a new connection each, another host where one takes none."""

    def __init__(self, web: Address, others: list[Address]) -> None:
        super().__init__(web)
        self.order = [web, *(one for one in others if one != web)]

    def ask(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> tuple[int, str]:
        said = (0, "no host takes a connection")
        for host in self.order:
            link = http.client.HTTPConnection(*host, timeout=60)
            try:
                link.connect()
            except OSError:
                continue
            try:
                link.request(method, path, data, headers | {"Connection": "close"})
                answer = link.getresponse()
                return answer.status, answer.read().decode(errors="replace")
            except (OSError, http.client.HTTPException) as error:
                said = (0, type(error).__name__)
                if method != "GET":
                    return said
            finally:
                link.close()
        return said


class ThroughTheProxy(Traffic):
    def link_to(self, web: Address) -> Link:
        return Proxied(web, self.webs)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--rate", type=float, default=15, help="requests a second")
    given = parser.parse_args()
    if not 0 < given.rounds <= 20 or not 0 < given.rate <= 100:
        parser.error("rounds 1 to 20, rate up to 100")
    with installation("restarts") as drill:
        return run(drill, given)


def run(drill: Installation, given: argparse.Namespace) -> int:
    began = time.monotonic()
    houses = drill.make_houses(TENANTS)
    for part in PARTS:
        drill.start(part)
    wait("web answers", 120, lambda: all(map(answers, drill.webs)))
    print(f"{TENANTS} tenants and {len(PARTS)} parts stand after {time.monotonic() - began:.0f} s", flush=True)

    traffic = ThroughTheProxy(houses, drill.webs, rate=given.rate, seconds=600)
    asking = threading.Thread(target=traffic.run, daemon=True)
    asking.start()
    time.sleep(3)
    ends = [restart(drill, part) for _round in range(given.rounds) for part in PARTS]
    time.sleep(2)
    traffic.until = time.monotonic()
    asking.join()
    waited = drill.drained(list(houses))

    tally, slugs = traffic.tally, list(houses)
    asked = sum(map(len, tally.seconds.values()))
    print(f"{asked} requests while {len(ends)} parts were restarted one after the other")
    for words, count in tally.wrong.most_common(10):
        print(f"  {count} x {words}")
    moved = sum(n for what, n in tally.accepted.items() if what.startswith("moves"))
    told = drill.count(slugs, "events_outbox WHERE type = 'deal.stage_changed'")
    uploads = drill.count(slugs, "etl_imports WHERE status = 'completed'")
    verdicts = Verdicts()
    verdicts.limit("requests that failed", sum(tally.wrong.values()), "", at_most=0)
    verdicts.limit("requests meanwhile", asked, "", at_least=100 * given.rounds)
    verdicts.limit("moves of deals without their one event", abs(moved - told), "", at_most=0)
    verdicts.limit("accepted uploads that did not come in", tally.accepted["uploads"] - uploads, "", at_most=0)
    verdicts.limit("failed runs of jobs", drill.count(slugs, "job_runs WHERE status = 'failed'"), "", at_most=0)
    verdicts.limit("longest wait for a part to end", max(ends), "s", at_most=30)
    verdicts.limit("workers that were done after the last request", waited, "s", at_most=60)
    return verdicts.code


def restart(drill: Installation, part: str) -> float:
    """End a part and start it again under load; return the seconds it took to end."""
    took = drill.end(part)
    drill.start(part)
    if part.startswith("web"):
        wait(f"{part} answers again", 60, lambda: answers(drill.web_at[part]))
    else:
        time.sleep(3)
    print(f"  {part} ended in {took:.1f} s and is back", flush=True)
    return took


if __name__ == "__main__":
    sys.exit(main())
