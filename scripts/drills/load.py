#!/usr/bin/env python
"""Fifty tenants, two web and two worker hosts with a beat each, mixed traffic for ten minutes: does it hold?

Each host is in a network namespace of its own where the machine lets root make one, and has a state folder of its own;
PostgreSQL and Valkey are reached by TCP. Prints each figure with its limit and `ok` or `MISSED`; ends by itself within
four minutes more than it is told, cleans up after itself, and touches nothing else.

    python scripts/drills/load.py                 # ten minutes
    python scripts/drills/load.py --minutes 1     # a trial
"""

import argparse
import os
import statistics
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from benchmarks.measuring import Verdicts
from scripts.drills.besides import Besides
from scripts.drills.cores import OTHERS, Cores
from scripts.drills.hosts import Address, Installation, answers, installation, wait
from scripts.drills.network import network_of
from scripts.drills.traffic import MIX, Neighbours, Tally, Traffic

# What other work may take of the cores, as a share, before the times say more of it than of the product.
ALONE = 0.1
HOSTS = ["web-a", "web-b", "worker-a", "worker-b"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--tenants", type=int, default=50)
    parser.add_argument("--rate", type=float, default=20, help="requests a second, all hosts together")
    parser.add_argument("--facts", type=int, default=1_000_000, help="daily figures in all houses together")
    parser.add_argument("--dashboards", type=float, default=300, help="most milliseconds of their p95")
    parser.add_argument("--bookings", type=float, default=150, help="most milliseconds of their p95, made and read")
    given = parser.parse_args()
    sizes = 0 < given.minutes <= 60 and 2 <= given.tenants <= 99 and 0 <= given.facts <= 10**7
    if not sizes or not 0 < given.rate <= 200:
        parser.error("minutes 0 to 60, tenants 2 to 99, rate up to 200, facts up to ten million")
    with installation("load", network_of(HOSTS)) as drill:
        return run(drill, given)


def run(drill: Installation, given: argparse.Namespace) -> int:
    print(drill.network.words, flush=True)
    began = time.monotonic()
    houses = drill.make_houses(given.tenants, facts=given.facts)
    drill.settle()
    print(f"{len(houses)} tenants with {given.facts:,} facts made in {time.monotonic() - began:.0f} s", flush=True)
    for host in HOSTS:
        drill.start(host)
        if host.startswith("worker"):
            drill.start(host.replace("worker", "beat"), host=host)
    wait("web answers", 120, lambda: all(map(answers, drill.webs)))
    drill.watch_memory()
    time.sleep(3)
    print(f"{given.minutes:g} minutes of {given.rate:g} requests a second over two web hosts", flush=True)
    cores, besides = Cores(drill), Besides(list(houses.values())[-1], drill.webs[0])
    cores.begin()
    besides.begin()
    tally = Traffic(houses, drill.webs, rate=given.rate, seconds=given.minutes * 60).run()
    besides.end()
    busy = cores.end()
    waited = drill.drained(list(houses))
    verdicts = Verdicts()
    print(f"  cores kept busy: {sum(busy.values()):.2f} of {os.cpu_count()}")
    for part, cores_of_it in busy.items():
        print(f"    {part:28} {cores_of_it:5.2f}")
    print(f"  meanwhile {besides.rows:,} rows were imported, and the view refreshed, over and over in one house:")
    verdicts.limit("large imports that ended while the traffic ran", len(besides.imports), "", at_least=1)
    verdicts.limit("refreshes that ended while the traffic ran", len(besides.refreshes), "", at_least=1)
    tally.accepted["uploads"] += besides.sent
    judge(verdicts, drill, list(houses), tally, waited, given)
    hold(verdicts, tally, busy[OTHERS], given)
    greed(verdicts, drill, houses)
    return verdicts.code


def hold(verdicts: Verdicts, tally: Tally, others: float, given: argparse.Namespace) -> None:
    """Judge how long pages and bookings took; only told where other work had more than a little of the cores."""
    kinds = {"dashboards": [kind for kind in MIX if kind.startswith("dashboard")], "bookings": ["book", "booking"]}
    for what, names in kinds.items():
        found = p([one for name in names for one in tally.seconds.get(name, [])], 95)
        limit = getattr(given, what)
        if others <= ALONE * (os.cpu_count() or 1):
            verdicts.limit(f"p95 of {what}", found, "ms", at_most=limit)
        else:
            print(f"  not judged beside other work: p95 of {what} {found:.0f} ms of {limit:g} ms")


def greed(verdicts: Verdicts, drill: Installation, houses: dict[str, dict]) -> None:
    """Judge what a tenant notices while the one beside it sends fifty files at once."""
    beside = Neighbours(*list(houses.values())[:2], drill.webs[0])
    quiet = p(beside.looks(), 95)
    sending = beside.send_many()
    starts = beside.import_starts()
    busy = p(beside.looks(), 95)
    sending.join()
    drill.drained(list(houses))
    print(f"one tenant sends fifty files: the other's p95 {quiet:.0f} ms before, {busy:.0f} ms meanwhile")
    # Twice of nearly nothing is nearly nothing still.
    verdicts.limit("the other's p95 meanwhile", busy, "ms", at_most=max(2 * quiet, 150))
    verdicts.limit("its own import begins after", starts, "s", at_most=10)


def judge(
    verdicts: Verdicts, drill: Installation, slugs: list[str], tally: Tally, waited: float, given: argparse.Namespace
) -> None:
    asked = sum(map(len, tally.seconds.values()))
    for kind, seconds in sorted(tally.seconds.items()):
        same = f"   {tally.unchanged[kind]} unchanged" if tally.unchanged[kind] else ""
        print(f"  {kind:20} {len(seconds):6}   median {p(seconds, 50):6.0f} ms   p95 {p(seconds, 95):6.0f} ms{same}")
    for words, count in tally.wrong.most_common(10):
        print(f"  {count} x {words}")
    everything = [one for seconds in tally.seconds.values() for one in seconds]
    verdicts.limit("requests that were answered wrongly or not at all", sum(tally.wrong.values()), "", at_most=0)
    verdicts.limit("answers that showed another tenant", tally.foreign, "", at_most=0)
    verdicts.limit("requests, of those planned", 100 * asked / (given.minutes * 60 * given.rate), "%", at_least=85)
    verdicts.limit("p95 of all requests", p(everything, 95), "ms", at_most=500)
    moved = sum(n for what, n in tally.accepted.items() if what.startswith("moves"))
    told = drill.count(slugs, "events_outbox WHERE type = 'deal.stage_changed'")
    verdicts.limit("moves of deals without their one event", abs(moved - told), "", at_most=0)
    uploads = drill.count(slugs, "etl_imports WHERE status = 'completed'")
    verdicts.limit("accepted uploads that did not come in", tally.accepted["uploads"] - uploads, "", at_most=0)
    runs = drill.count(slugs, "job_runs WHERE tick IS NOT NULL")
    ticks = " UNION ALL ".join(
        f"SELECT '{slug}', job, tick FROM {slug}.job_runs WHERE tick IS NOT NULL" for slug in slugs
    )
    once = drill.ask(f"SELECT count(*) FROM (SELECT DISTINCT * FROM ({ticks}) t) d")[0][0]
    verdicts.limit("runs of scheduled jobs more than one a tick, with two beats", runs - once, "", at_most=0)
    verdicts.limit("failed runs", drill.count(slugs, "job_runs WHERE status = 'failed'"), "", at_most=0)
    verdicts.limit("the quieter web host's share of requests", share(tally.by_web, asked), "%", at_least=30)
    verdicts.limit("workers that were done after the last request", waited, "s", at_most=60)
    for name, seen in sorted(drill.memory.items()):
        verdicts.limit(f"memory of {name} ({seen[-1]:.0f} MB): growth since warm", growth(seen), "%", at_most=15)
    ended = [name for name, part in drill.parts.items() if part.poll() is not None]
    verdicts.limit("parts that ended by themselves", len(ended), "", at_most=0)


def p(seconds: list[float], percent: int) -> float:
    """Return a percentile in milliseconds; 0 of nothing."""
    if len(seconds) < 2:
        return 1000 * sum(seconds)
    return 1000 * statistics.quantiles(seconds, n=100, method="inclusive")[percent - 1]


def share(by_web: Counter[Address], asked: int) -> float:
    return 100 * min(by_web.values(), default=0) / max(asked, 1) if len(by_web) == 2 else 0


def growth(seen: list[float]) -> float:
    """Return by how many percent the last fifth uses more than the second fifth: the first warms caches up."""
    fifth = max(1, len(seen) // 5)
    warm, last = statistics.mean(seen[fifth : 2 * fifth] or seen), statistics.mean(seen[-fifth:])
    return 100 * (last - warm) / warm if warm else 0


if __name__ == "__main__":
    sys.exit(main())
