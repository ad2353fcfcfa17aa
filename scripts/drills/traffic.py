"""Mixed traffic of many tenants for the load drill: what partners and pages ask for, at a steady rate, counted."""

import http.client
import json
import queue
import random
import threading
import time
import uuid
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

House = dict[str, Any]
Address = tuple[str, int]
# What is asked for, and how often of a hundred.
MIX = {
    "dashboard ops": 12,
    "dashboard creator": 14,
    "dashboard advertiser": 12,
    "deal": 18,
    "deals": 8,
    "move a deal": 10,
    "book": 6,
    "booking": 10,
    "upload": 4,
    "imports": 4,
    "PDF": 2,
}
HEADER = "day,episode_id,source,downloads,listeners,completion_rate,ctr,conversions,revenue_cents"


@dataclass
class Tally:
    """What came of it: seconds by kind, what went wrong, what was accepted and must be there afterwards."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    wrong: Counter[str] = field(default_factory=Counter)
    unchanged: Counter[str] = field(default_factory=Counter)
    foreign: int = 0
    accepted: Counter[str] = field(default_factory=Counter)
    by_web: Counter[Address] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Traffic:
    """`hands` threads that ask at `rate` requests a second in all, from now until `seconds` are over.

    Who looks at a dashboard again says what they saw last, as browsers do, and may be told that it is so still.
    """

    def __init__(self, houses: dict[str, House], webs: list[Address], *, rate: float, seconds: float, hands: int = 12):
        self.houses, self.webs, self.tally = houses, webs, Tally()
        self.began = time.monotonic()
        self.until = self.began + seconds
        self.gap = hands / rate
        self.seen: dict[tuple[str, str], str] = {}
        self.hands = [threading.Thread(target=self._work, args=(n,), daemon=True) for n in range(hands)]
        self.free: dict[str, queue.SimpleQueue[str]] = {}
        self.deals: dict[str, queue.SimpleQueue[tuple[str, bool]]] = {}
        self.booked: dict[str, list[str]] = {slug: [] for slug in houses}
        for slug, house in houses.items():
            self.free[slug], self.deals[slug] = queue.SimpleQueue(), queue.SimpleQueue()
            for episode in house["episodes"]:
                self.free[slug].put(episode)
            for deal in house["deals"]:
                self.deals[slug].put((deal, False))

    def link_to(self, web: Address) -> "Link":
        return Link(web)

    def run(self) -> Tally:
        for hand in self.hands:
            hand.start()
        for hand in self.hands:
            hand.join()
        return self.tally

    def _work(self, number: int) -> None:
        chance = random.Random(number)
        links = {web: self.link_to(web) for web in self.webs}
        due = time.monotonic() + chance.random() * self.gap
        while (now := time.monotonic()) < self.until:
            if due > now:
                time.sleep(min(due, self.until) - now)
                continue
            due = max(due + self.gap, now - self.gap)  # a slow answer is not made up for by a burst
            web = chance.choice(self.webs)
            slug = chance.choice(list(self.houses))
            kind = chance.choices(list(MIX), list(MIX.values()))[0]
            self._ask(links[web], slug, kind, chance)
        for link in links.values():
            link.close()

    def _ask(self, link: "Link", slug: str, kind: str, chance: random.Random) -> None:
        house = self.houses[slug]
        match kind:
            case "dashboard ops":
                self._look(link, house, kind, "/api/v1/dashboard/ops")
            case "dashboard creator":
                self._look(link, house, kind, f"/api/v1/dashboard/creator?podcast_id={house['podcast']}")
            case "dashboard advertiser":
                self._look(link, house, kind, f"/api/v1/dashboard/advertiser?advertiser_id={house['sponsor']}")
            case "deal":
                text = self._get(link, house, kind, f"/api/v1/deals/{chance.choice(house['deals'])}")
                self._expect_own(text, slug)
            case "deals":
                self._expect_own(self._get(link, house, kind, "/api/v1/deals"), slug)
            case "imports":
                self._get(link, house, kind, "/api/v1/etl/history")
            case "move a deal":
                self._move(link, slug, house)
            case "book":
                self._book(link, slug, house)
            case "upload":
                self._upload(link, house, chance)
            case _ if self.booked[slug]:
                path = f"/api/v1/io/{chance.choice(self.booked[slug])}"
                self._get(link, house, kind, path if kind == "booking" else f"{path}/export/pdf")

    def _get(self, link: "Link", house: House, kind: str, path: str) -> str:
        return self._send(link, house, kind, "GET", path, expected=200)

    def _look(self, link: "Link", house: House, kind: str, path: str) -> None:
        last = self.seen.get((house["host"], path), "")
        self._send(link, house, kind, "GET", path, expected=200, last_seen=last)
        if link.etag:
            self.seen[house["host"], path] = link.etag

    def _move(self, link: "Link", slug: str, house: House) -> None:
        try:
            deal, is_qualified = self.deals[slug].get_nowait()
        except queue.Empty:
            return  # all of them are being moved at this moment
        body = {"stage": "lead" if is_qualified else "qualified"}
        path = f"/api/v1/deals/{deal}/stage"
        if self._send(link, house, "move a deal", "PATCH", path, body, expected=200):
            self.tally.accepted[f"moves {slug}"] += 1
            is_qualified = not is_qualified
        self.deals[slug].put((deal, is_qualified))

    def _book(self, link: "Link", slug: str, house: House) -> None:
        try:
            episode = self.free[slug].get_nowait()
        except queue.Empty:
            return  # sold out
        drop = date.fromisoformat(house["drop"])
        body = {
            "campaign_id": house["deals"][0],
            "ad_unit_id": house["unit"],
            "episode_id": episode,
            "flight_start": (drop - timedelta(days=1)).isoformat(),
            "flight_end": (drop + timedelta(days=30)).isoformat(),
            "booked_impressions": 10_000,
            "booked_cpm_cents": 2_500,
        }
        if text := self._send(link, house, "book", "POST", "/api/v1/io", body, expected=201):
            self.booked[slug].append(json.loads(text)["io_id"])

    def _upload(self, link: "Link", house: House, chance: random.Random) -> None:
        first = date(2025, 1, 1) + timedelta(days=chance.randrange(300))
        rows = [f"{first + timedelta(days=n)},{house['aired']},feed,{chance.randrange(9999)},,,,," for n in range(20)]
        data, kind = as_form("\n".join([HEADER, *rows]))
        if self._send(link, house, "upload", "POST", "/api/v1/etl/upload", data, kind=kind, expected=202):
            self.tally.accepted["uploads"] += 1

    def _expect_own(self, text: str, slug: str) -> None:
        if text and any(f"Deal of {other} " in text for other in self.houses if other != slug):
            self.tally.foreign += 1

    def _send(
        self,
        link: "Link",
        house: House,
        what: str,
        method: str,
        path: str,
        body: object = None,
        *,
        kind: str = "application/json",
        expected: int,
        last_seen: str = "",
    ) -> str:
        """Return the answer's text, or nothing when it was not what was expected or is what was seen last."""
        data, headers = request_of(house, method, body, kind)
        if last_seen:
            headers["If-None-Match"] = last_seen
        began = time.monotonic()
        status, text = link.ask(method, path, data, headers)
        with self.tally.lock:
            self.tally.seconds[what].append(time.monotonic() - began)
            self.tally.by_web[link.web] += 1
            if status == 304 and last_seen and not text:
                self.tally.unchanged[what] += 1
            elif status != expected:
                self.tally.wrong[f"{what}: {status} {text[:160]}"] += 1
        return text if status == expected else ""


def request_of(house: House, method: str, body: object, kind: str) -> tuple[bytes | None, dict[str, str]]:
    """Return the body and the headers of a call by a house's key; whatever writes has an Idempotency-Key of its own."""
    headers = {"Host": house["host"], "Authorization": f"Bearer {house['key']}", "Content-Type": kind}
    if method != "GET":
        headers["Idempotency-Key"] = uuid.uuid4().hex
    return (body if isinstance(body, bytes) or body is None else json.dumps(body).encode()), headers


class Link:
    """A connection that is kept open; a server that closed it meanwhile is asked once more, as browsers do."""

    def __init__(self, web: Address) -> None:
        self.web = web
        self.connection = http.client.HTTPConnection(*web, timeout=60)
        self.retry_after = self.etag = ""

    def ask(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> tuple[int, str]:
        """Return (status, text) of an answer, or (0, the error's name); `retry_after` and `etag` are its headers."""
        self.retry_after = self.etag = ""
        for is_last in (False, True):
            try:
                self.connection.request(method, path, data, headers)
                answer = self.connection.getresponse()
                self.retry_after, self.etag = answer.getheader("Retry-After", ""), answer.getheader("ETag", "")
                return answer.status, answer.read().decode(errors="replace")
            except (OSError, http.client.HTTPException) as error:
                self.close()
                if is_last:
                    return 0, type(error).__name__
        return 0, ""

    def close(self) -> None:
        self.connection.close()


class Neighbours:
    """One tenant sends fifty files at once; what does the one beside it notice?"""

    FILES, ROWS, LOOKS = 50, 500, 120

    def __init__(self, greedy: House, other: House, web: Address) -> None:
        self.greedy, self.other, self.web = greedy, other, web

    def looks(self) -> list[float]:
        """Return the seconds of each of some looks at a dashboard by the other tenant."""
        link, path = Link(self.web), f"/api/v1/dashboard/creator?podcast_id={self.other['podcast']}"
        seconds = []
        for _look in range(self.LOOKS):
            began = time.monotonic()
            link.ask("GET", path, None, self._headers(self.other))
            seconds.append(time.monotonic() - began)
            time.sleep(0.1)
        link.close()
        return seconds

    def send_many(self) -> threading.Thread:
        """Begin to send the greedy tenant's files, and return the thread that does."""

        def send() -> None:
            link = Link(self.web)
            for number in range(self.FILES):
                self._upload(link, self.greedy, rows=self.ROWS, number=number)
            link.close()

        sending = threading.Thread(target=send, daemon=True)
        sending.start()
        return sending

    def import_starts(self) -> float:
        """Send one file of the other tenant and return after how many seconds a worker has it."""
        link, began = Link(self.web), time.monotonic()
        made = self._upload(link, self.other, rows=5, number=0)
        path = f"/api/v1/etl/status/{json.loads(made)['import_id']}"
        while time.monotonic() - began < 120:
            _status, text = link.ask("GET", path, None, self._headers(self.other))
            if json.loads(text)["status"] != "pending":
                break
            time.sleep(0.1)
        link.close()
        return time.monotonic() - began

    def _headers(self, house: House) -> dict[str, str]:
        return {"Host": house["host"], "Authorization": f"Bearer {house['key']}"}

    def _upload(self, link: "Link", house: House, *, rows: int, number: int) -> str:
        first = date(2001, 1, 1) + timedelta(days=number * rows)
        lines = [f"{first + timedelta(days=n)},{house['aired']},burst,{n},,,,," for n in range(rows)]
        data, kind = as_form("\n".join([HEADER, *lines]))
        status, text = link.ask("POST", "/api/v1/etl/upload", data, self._headers(house) | {"Content-Type": kind})
        if status != 202:
            raise SystemExit(f"an upload of the burst was answered {status}: {text[:200]}")
        return text


def as_form(text: str) -> tuple[bytes, str]:
    """Return a form with one file, and its content type."""
    edge = uuid.uuid4().hex
    head = [f"--{edge}", 'Content-Disposition: form-data; name="file"; filename="days.csv"', "", text]
    return "\r\n".join([*head, f"--{edge}--", ""]).encode(), f"multipart/form-data; boundary={edge}"
