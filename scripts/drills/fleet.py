#!/usr/bin/env python
"""Two hundred tenants are migrated while they work: the migration is killed ten times, one tenant cannot be migrated.

The next release (scripts/drills/next_release) changes tables that are in use. Web processes of this release serve all
tenants meanwhile: before, between and after. Then the way back and forth again over the same rows. Prints how long
locks were held, how long a request took at most and what each run did; `ok` or `MISSED`; ends by itself.

    python scripts/drills/fleet.py                # 200 tenants, 10 kills
    python scripts/drills/fleet.py --tenants 20 --kills 3
"""

import argparse
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from benchmarks.measuring import Verdicts
from scripts.drills.hosts import Installation, answers, installation, wait
from scripts.drills.traffic import Traffic
from tracker.stack.state import PROJECT

NEXT = {"DJANGO_SETTINGS_MODULE": "scripts.drills.next_release.settings", "PYTHONUNBUFFERED": "1"}
BAD = "breaks the rule of the next release"
STRONG = ("ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock")
# Tables whose rows must be the same after back and forth, for what this release knows of them.
KEPT = ("podcasts", "episodes", "campaigns", "sponsors", "events_outbox")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tenants", type=int, default=200)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--rate", type=float, default=5, help="requests a second meanwhile")
    given = parser.parse_args()
    if not 4 <= given.tenants <= 500 or not 0 <= given.kills < given.tenants or not 0 < given.rate <= 50:
        parser.error("tenants 4 to 500, fewer kills than tenants, rate up to 50")
    with installation("fleet") as drill:
        return run(drill, given)


def run(drill: Installation, given: argparse.Namespace) -> int:
    began = time.monotonic()
    houses = drill.make_houses(given.tenants, small=True)
    print(f"{len(houses)} tenants made in {time.monotonic() - began:.0f} s", flush=True)
    slugs = list(houses)
    bad, held = slugs[len(slugs) // 2], slugs[1]
    title = drill.ask(f"SELECT title FROM {bad}.podcasts")[0][0]
    rename(drill, bad, BAD)
    drill.start("web-a")
    wait("web answers", 120, lambda: all(map(answers, drill.webs)))
    drill.run("manage.py", "plan_migrations", "--point", "before", "--folder", str(drill.folder))

    verdicts, watch = Verdicts(), LockWatch(drill)
    traffic = Traffic(houses, drill.webs, rate=given.rate, seconds=3600, hands=4)
    asking = threading.Thread(target=traffic.run, daemon=True)
    asking.start()
    reader = LongReader(drill, held)
    began, runs = time.monotonic(), 0
    done: set[str] = set()
    for kill in range(given.kills):
        done |= migrate(drill, until=random.Random(kill).randint(1, max(1, len(slugs) // (given.kills + 1))))[1]
        runs += 1
    code, more, errors = migrate(drill)
    migrated = done | more
    print(
        f"{runs} runs killed, one to the end: {len(migrated)} tenants in {time.monotonic() - began:.0f} s", flush=True
    )
    stand = sorted(slug for slug in slugs if drill.ask(f"SELECT to_regclass('{slug}.release_notes')") != [(None,)])
    verdicts.limit("runs that were killed", runs, "", at_least=given.kills)
    verdicts.limit("exit code of the run to the end", code, "", at_least=1)
    verdicts.limit("tenants it names as behind", errors.count("house_"), "", at_most=errors.count(f"Behind: {bad} "))
    verdicts.limit("other tenants that are behind", len(slugs) - 1 - len(set(stand) - {bad}), "", at_most=0)
    verdicts.limit("tries that stepped back for a long reader", reader.waits(), "", at_least=1)

    rename(drill, bad, title)
    code, mended, _errors = migrate(drill)
    verdicts.limit("exit code once its rows are mended", code, "", at_most=0)
    verdicts.limit("tenants which that run migrated", len(mended), "", at_most=1, at_least=1)
    time.sleep(3)  # this release on the next one's tables
    traffic.until = time.monotonic()
    asking.join()
    watch.stop()
    judge_traffic(verdicts, traffic, watch)

    began = time.monotonic()
    before = checksums(drill, slugs)
    drill.run("manage.py", "rollback_tenants", str(drill.folder / "before.json"), **NEXT)
    back = time.monotonic() - began
    left = sum(drill.ask(f"SELECT to_regclass('{slug}.release_notes')") != [(None,)] for slug in slugs)
    verdicts.limit("tenants that did not go back", left, "", at_most=0)
    verdicts.limit(
        "tables whose rows differ after the way back", differ(before, checksums(drill, slugs)), "", at_most=0
    )
    code, again, _errors = migrate(drill)
    verdicts.limit("tenants that did not come forth again", len(slugs) - len(again & set(slugs)), "", at_most=0)
    verdicts.limit("tables whose rows differ after that", differ(before, checksums(drill, slugs)), "", at_most=0)
    print(f"back in {back:.0f} s, back and forth in {time.monotonic() - began:.0f} s")
    return verdicts.code


def rename(drill: Installation, slug: str, title: str) -> None:
    drill.ask(f"SET search_path = {slug}, public; UPDATE podcasts SET title = '{title}'")


def migrate(drill: Installation, until: int | None = None) -> tuple[int, set[str], str]:
    """Run `migrate_tenants` of the next release, to its end or killed amid the tenant after so many.

    Returns its exit code, the tenants it said it migrated, and its last words of trouble.
    """
    errors = (drill.folder / "errors.txt").open("w+")
    running = subprocess.Popen(
        [sys.executable, "-W", "ignore", "manage.py", "migrate_tenants"],
        env=drill.environment("tracker", "owner") | NEXT,
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
    )
    assert running.stdout is not None
    done: set[str] = set()
    for line in running.stdout:
        if line.rstrip().endswith(": migrated"):
            done.add(line.partition(":")[0])
        if until is not None and len(done) >= until:
            time.sleep(random.Random(until).random() * 0.5)
            running.kill()
            break
    code = running.wait()
    errors.seek(0)
    said = errors.read().strip().splitlines()
    return code, done, said[-1] if said else ""


class LongReader:
    """Reads a table of one tenant in a transaction that stays open for a few seconds once a migration waits for it."""

    def __init__(self, drill: Installation, slug: str) -> None:
        self.drill, self.slug, self.seen = drill, slug, set()
        threading.Thread(target=self._read, daemon=True).start()

    def waits(self) -> int:
        """Return how many statements of a migration waited for this reader."""
        return len(self.seen)

    def _read(self) -> None:
        waiting = (
            "SELECT pid, query_start FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND wait_event = 'relation'"
        )
        with psycopg.connect(host=str(self.drill.state.sockets), user="tracker", dbname="tracker") as reading:
            reading.execute(f"SELECT count(*) FROM {self.slug}.campaigns")  # type: ignore[arg-type]
            first, until = None, time.monotonic() + 600
            while time.monotonic() < until and (first is None or time.monotonic() - first < 4):
                self.seen |= set(self.drill.ask(waiting))
                first = first or (time.monotonic() if self.seen else None)
                time.sleep(0.05)


class LockWatch:
    """Looks again and again which transactions hold a strong lock on a table, and for how long each did at most.

    At most: from the look before it was first seen to the first look at which it was gone.
    """

    def __init__(self, drill: Installation) -> None:
        self.drill, self.is_over = drill, threading.Event()
        self.longest, self.looks = 0.0, 0
        self.thread = threading.Thread(target=self._look, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.is_over.set()
        self.thread.join()

    def _look(self) -> None:
        # A table that a transaction makes itself is not to be seen yet, and stands in nobody's way.
        wanted = f"""
            SELECT DISTINCT pid, virtualtransaction FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
            WHERE l.granted AND c.relkind = 'r' AND l.mode IN {STRONG} AND l.relation >= 16384"""
        since: dict[tuple, float] = {}
        before = time.monotonic()
        with psycopg.connect(
            host=str(self.drill.state.sockets), user="tracker", dbname="tracker", autocommit=True
        ) as looking:
            while not self.is_over.wait(0.01):
                held = looking.execute(wanted).fetchall()  # type: ignore[arg-type]
                now = time.monotonic()
                self.looks += 1
                self.longest = max([self.longest, *(now - began for began in since.values())])
                since = {holder: since.get(holder, before) for holder in held}
                before = now


def judge_traffic(verdicts: Verdicts, traffic: Traffic, watch: LockWatch) -> None:
    tally = traffic.tally
    everything = [one for seconds in tally.seconds.values() for one in seconds]
    print(f"{len(everything)} requests of this release's web while tenants stood before, between and after")
    for words, count in tally.wrong.most_common(10):
        print(f"  {count} x {words}")
    verdicts.limit("requests that failed", sum(tally.wrong.values()), "", at_most=0)
    print(f"  {watch.looks} looks at the locks")
    verdicts.limit("longest time that a migration held a table", watch.longest, "s", at_most=2)
    print(f"  longest request {max(everything):.1f} s")


def checksums(drill: Installation, slugs: list[str]) -> dict[str, str]:
    """Return a digest of the rows of each kept table of each tenant, the next release's column left out."""
    digest = "md5(coalesce(string_agg((to_jsonb(t) - 'drill_note')::text, '|' ORDER BY to_jsonb(t)::text), ''))"
    return {
        f"{slug}.{table}": drill.ask(f"SELECT {digest} FROM {slug}.{table} t")[0][0] for slug in slugs for table in KEPT
    }


def differ(before: dict[str, str], after: dict[str, str]) -> int:
    return sum(after[table] != digest for table, digest in before.items())


if __name__ == "__main__":
    sys.exit(main())
