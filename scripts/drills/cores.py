"""Who spends the processors during a drill: seconds of processor time by part, read from /proc."""

import os
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import psycopg

from scripts.drills.hosts import Installation

TICK = os.sysconf("SC_CLK_TCK")
LOOK_SECONDS = 1.0
POSTGRES, DRILL, OTHERS = "PostgreSQL", "the drill itself", "other work on this machine"


class Cores:
    """Processor seconds from `begin` to `end`.

    Exact for each part as a whole: a process counts its own time, its children's, and that of those who ended. What
    PostgreSQL spends is parted by who asked, from a look a second at its connections, and so a little rough.
    """

    def __init__(self, drill: Installation) -> None:
        self.drill = drill
        self._asked_by: Counter[str] = Counter()
        self._seen: dict[int, float] = {}
        self._over = threading.Event()
        self._looking = threading.Thread(target=self._look_often, daemon=True)

    def begin(self) -> None:
        self._began, self._before, self._machine_before = time.monotonic(), self._spent(), _machine()
        self._looking.start()

    def end(self) -> dict[str, float]:
        """Return by part the cores it kept busy, 1.0 being one of them all the time; the largest first, others last."""
        self._over.set()
        self._looking.join()
        spent, took = self._spent() - self._before, time.monotonic() - self._began
        others = max(0.0, _machine() - self._machine_before - sum(spent.values()))
        asked = {f"{POSTGRES} for {part}": seconds for part, seconds in self._asked_by.items()}
        spent = spent + Counter(asked) - Counter({POSTGRES: sum(asked.values())})
        return {part: seconds / took for part, seconds in [*spent.most_common(), (OTHERS, others)]}

    def _spent(self) -> Counter[str]:
        processes = _processes()
        spent: Counter[str] = Counter()
        for name, part in (self.drill.servers | self.drill.parts).items():
            spent[name.partition("-")[0]] += _of_tree(part.pid, processes)
        mine = os.times()
        spent[DRILL] = mine.user + mine.system
        return spent

    def _look_often(self) -> None:
        with psycopg.connect(host=str(self.drill.state.sockets), user="tracker", dbname="tracker") as link:
            link.autocommit = True
            while True:
                asked = link.execute("SELECT pid, application_name FROM pg_stat_activity WHERE usename IS NOT NULL")
                self._look(asked.fetchall())
                if self._over.wait(LOOK_SECONDS):
                    return

    def _look(self, backends: list[tuple[int, str]]) -> None:
        processes = _processes()
        is_first = not self._seen
        for pid, name in backends:
            now = processes[pid].seconds if pid in processes else 0.0
            before = self._seen.get(pid, now if is_first else 0.0)
            self._asked_by[name.partition("-")[0] or DRILL] += max(0.0, now - before)
            self._seen[pid] = now


@dataclass(frozen=True)
class Process:
    """seconds: its own processor time; of_ended: that of its children who ended."""

    parent: int
    seconds: float
    of_ended: float


def _machine() -> float:
    """Return the seconds in which cores of this machine were busy since it started, whoever kept them so."""
    user, nice, system, _idle, _waiting, *interrupts = map(int, Path("/proc/stat").read_text().split()[1:8])
    return (user + nice + system + sum(interrupts)) / TICK


def _processes() -> dict[int, Process]:
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        user, system, of_users, of_systems = (int(field) / TICK for field in fields[11:15])
        found[int(entry.name)] = Process(int(fields[1]), user + system, of_users + of_systems)
    return found


def _of_tree(pid: int, processes: dict[int, Process]) -> float:
    """Return what a process spent with all that came of it."""
    if pid not in processes:
        return 0.0
    children = (child for child, process in processes.items() if process.parent == pid)
    own = processes[pid]
    return own.seconds + own.of_ended + sum(_of_tree(child, processes) for child in children)
