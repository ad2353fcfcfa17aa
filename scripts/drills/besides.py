"""What runs beside the traffic of the load drill: large imports and refreshes of the view, in one house."""

import json
import threading
import time
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from itertools import count
from typing import Any

from scripts.drills.traffic import HEADER, House, Link, as_form, request_of

DAYS, FIRST_DAY = 370, date(2001, 1, 1)
PAUSE_SECONDS = 30


class Besides:
    """Sends a file with a year of every older episode, waits until it is in, refreshes metrics_daily, pauses, and anew.

    imports and refreshes: the seconds of each that began and ended while the traffic ran; sent: files in all.
    """

    def __init__(self, house: House, web: tuple[str, int]) -> None:
        self.house, self.link = house, Link(web)
        self.imports: list[float] = []
        self.refreshes: list[float] = []
        self.sent = 0
        self._over = threading.Event()
        self._work = threading.Thread(target=self._rounds, daemon=True)

    @property
    def rows(self) -> int:
        return DAYS * len(self.house["older"] or [self.house["aired"]])

    def begin(self) -> None:
        self._work.start()

    def end(self) -> None:
        self._over.set()
        self._work.join()
        self.link.close()

    def _rounds(self) -> None:
        for number in count():
            if self._over.wait(PAUSE_SECONDS if number else 1):
                return
            self._time(self.imports, partial(self._import, number))
            self._time(self.refreshes, self._refresh)

    def _time(self, seconds: list[float], act: Callable[[], bool]) -> None:
        began = time.monotonic()
        if act() and not self._over.is_set():
            seconds.append(time.monotonic() - began)

    def _import(self, number: int) -> bool:
        first = FIRST_DAY + timedelta(days=number * DAYS)
        episodes = self.house["older"] or [self.house["aired"]]
        rows = [
            f"{first + timedelta(days=n)},{episode},archive,{n + number},,,,,"
            for n in range(DAYS)
            for episode in episodes
        ]
        data, kind = as_form("\n".join([HEADER, *rows]))
        made = self._ask("POST", "/api/v1/etl/upload", data, kind)
        self.sent += 1
        return self._ends(f"/api/v1/etl/status/{made['import_id']}")

    def _refresh(self) -> bool:
        made = self._ask("POST", "/api/v1/automation/refresh-metrics-daily", None)
        return self._ends(f"/api/v1/automation/runs/{made['run_id']}")

    def _ends(self, path: str) -> bool:
        """Wait until a run is over; tell whether it went well while the traffic ran."""
        while not self._over.wait(0.5):
            if (status := self._ask("GET", path, None)["status"]) in ("completed", "failed", "skipped"):
                return bool(status == "completed")
        return False

    def _ask(self, method: str, path: str, data: bytes | None, kind: str = "application/json") -> dict[str, Any]:
        body, headers = request_of(self.house, method, data, kind)
        status, text = self.link.ask(method, path, body, headers)
        if status not in (200, 202):
            raise RuntimeError(f"{method} {path} was answered {status}: {text[:200]}")
        return dict(json.loads(text))
