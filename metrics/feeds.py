"""A show's RSS feed -> what it says of the show and its episodes. The only place that knows feedparser.

The address is somebody else's word: it is fetched over the pinned connection of webhooks, so it leads to no private
network; the answer is bounded in size, time and redirects. No database here.
"""

import calendar
import http.client
import io
import socket
import time
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin

import feedparser

from tracker.events.exchange import Refused, check_url, pinned
from tracker.lib.errors import DomainError

MOST_BYTES = 12 * 1024 * 1024
MOST_SECONDS = 20.0
MOST_REDIRECTS = 4
MOST_EPISODES = 5_000
_PIECE = 64 * 1024


@dataclass(frozen=True)
class FeedEpisode:
    """An episode as the feed tells it. Blank or None where it does not."""

    title: str
    guid: str
    published: datetime | None
    number: int | None
    season: int | None
    duration_seconds: int | None


@dataclass(frozen=True)
class Feed:
    """A show as its feed tells it, episodes newest first."""

    url: str
    title: str
    description: str = ""
    host_name: str = ""
    language: str = ""
    website_url: str = ""
    artwork_url: str = ""
    is_explicit: bool = False
    categories: list[str] = field(default_factory=list)
    episodes: list[FeedEpisode] = field(default_factory=list)


def read_feed(url: str, *, loopback: bool = False, seconds: float = MOST_SECONDS) -> Feed:
    """Fetch and read a feed. Raises DomainError: feed_refused, feed_unreachable, feed_too_large, feed_unreadable."""
    where, content = _fetched(url.strip(), loopback=loopback, deadline=time.monotonic() + seconds)
    # As a stream: text or bytes would be taken for an address or a path and opened.
    parsed = feedparser.parse(io.BytesIO(content), resolve_relative_uris=False, sanitize_html=True)
    show = parsed.get("feed", {})
    title = _line(show.get("title", ""), 200)
    if not title or not parsed.get("version"):
        raise DomainError("feed_unreadable", "There is no podcast feed at this address.", field="feed_url")
    return Feed(
        url=where,
        title=title,
        description=show.get("summary") or show.get("subtitle") or "",
        host_name=_line(show.get("author", ""), 200),
        language=_line(show.get("language", ""), 16),
        website_url=_address(show.get("link", "")),
        artwork_url=_address((show.get("image") or {}).get("href", "")),
        is_explicit=bool(show.get("itunes_explicit")),
        categories=list(
            dict.fromkeys(_line(tag.get("term") or "", 80) for tag in show.get("tags", []) if tag.get("term"))
        ),
        episodes=[_episode(entry) for entry in parsed.entries[:MOST_EPISODES] if entry.get("title")],
    )


def _fetched(url: str, *, loopback: bool, deadline: float) -> tuple[str, bytes]:
    for _ in range(MOST_REDIRECTS):
        try:
            status, target, content = _get(url, loopback=loopback, deadline=deadline)
        except Refused as refusal:
            raise DomainError("feed_refused", str(refusal), field="feed_url") from None
        except (OSError, ValueError, http.client.HTTPException):
            told = "The feed cannot be fetched from this address; look whether it opens in a browser."
            raise DomainError("feed_unreachable", told, field="feed_url") from None
        if status in (301, 302, 303, 307, 308) and target:
            url = urljoin(url, target)
            continue
        if status != 200:
            told = f"The feed's server answers with an error ({status})."
            raise DomainError("feed_unreachable", told, field="feed_url")
        return url, content
    raise DomainError("feed_unreachable", "The address leads from one to the next without an end.", field="feed_url")


def _get(url: str, *, loopback: bool, deadline: float) -> tuple[int, str, bytes]:
    parts = check_url(url, loopback=loopback)
    with pinned(parts, loopback=loopback, deadline=deadline) as connection:
        request = http.client.HTTPConnection(parts.hostname or "")
        request.sock = connection
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {
            "Host": parts.netloc,
            "Accept": "application/rss+xml, application/xml",
            "Accept-Encoding": "identity",
        }
        connection.settimeout(_left(deadline))
        request.request("GET", path, headers={**headers, "User-Agent": "podcast-tracker", "Connection": "close"})
        with closing(request.getresponse()) as answer:
            content = _body(answer, connection, deadline) if answer.status == 200 else b""
            return answer.status, answer.headers.get("Location", ""), content


def _body(answer: http.client.HTTPResponse, connection: socket.socket, deadline: float) -> bytes:
    content = io.BytesIO()
    while True:
        connection.settimeout(_left(deadline))
        piece = answer.read1(_PIECE)
        if not piece:
            return content.getvalue()
        content.write(piece)
        if content.tell() > MOST_BYTES:
            raise DomainError("feed_too_large", f"The feed is larger than {MOST_BYTES // 2**20} MB.", field="feed_url")


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _categories(tags: Any) -> list[str]:
    names = (_line(tag.get("term") or "", 80) for tag in tags)
    return list(dict.fromkeys(name for name in names if name))


def _episode(entry: Any) -> FeedEpisode:
    moment = entry.get("published_parsed")
    return FeedEpisode(
        title=_line(entry["title"], 300),
        guid=_line(entry.get("id", ""), 500),
        published=datetime.fromtimestamp(calendar.timegm(moment), UTC) if moment else None,
        number=_whole(entry.get("itunes_episode")),
        season=_whole(entry.get("itunes_season")),
        duration_seconds=_seconds(entry.get("itunes_duration", "")),
    )


def _seconds(text: str) -> int | None:
    parts = text.strip().split(":")
    if not all(part.isascii() and part.isdigit() for part in parts) or len(parts) > 3:
        return None
    total = 0
    for part in parts:
        total = total * 60 + int(part[:6])
    return total if 0 < total < 10**7 else None


def _whole(text: Any) -> int | None:
    text = str(text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and int(text[:9]) < 10**6 else None


def _address(text: str) -> str:
    return text[:500] if text.startswith(("https://", "http://")) else ""


def _line(text: str, longest: int) -> str:
    return " ".join(str(text).replace("\0", "").split())[:longest]
