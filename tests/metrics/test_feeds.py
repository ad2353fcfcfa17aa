"""A show from its RSS feed, over a server on this machine; other addresses of this machine's networks are refused."""

import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from metrics.feeds import MOST_BYTES, read_feed
from metrics.models import Episode, Podcast
from metrics.shows import take_feed
from tests.factories import NOON, make_episode, make_podcast
from tracker.lib.actors import SYSTEM
from tracker.lib.errors import DomainError

FEED = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"><channel>
<title>Night, Shift</title><link>https://night.example</link><language>de-AT</language>
<description>Work after dark.</description><itunes:author>Ada</itunes:author>
<itunes:image href="https://night.example/art.jpg"/><itunes:explicit>no</itunes:explicit>
<itunes:category text="Society &amp; Culture"><itunes:category text="Documentary"/></itunes:category>
<item><title>Two</title><guid>g-2</guid><pubDate>Mon, 09 Mar 2026 06:30:00 +0100</pubDate>
<itunes:duration>1:02:03</itunes:duration><itunes:episode>2</itunes:episode><itunes:season>1</itunes:season></item>
<item><title>One &lt;script&gt;x&lt;/script&gt;</title><guid>g-1</guid>
<pubDate>Mon, 02 Mar 2026 06:30:00 GMT</pubDate></item>
</channel></rss>"""


class Server(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path = self.path
        if path in ("/loop", "/moved", "/away"):
            self.send_response(302)
            target = {"/loop": "/loop", "/moved": "/feed", "/away": "https://169.254.169.254/latest"}[path]
            self.send_header("Location", target)
            self.end_headers()
            return
        self.send_response(404 if path == "/none" else 200)
        self.end_headers()
        if path == "/slow":
            time.sleep(2)
        elif path == "/large":
            for _ in range(MOST_BYTES // 2**20 + 1):
                self.wfile.write(b" " * 2**20)
        else:
            self.wfile.write({"/page": "<html><title>No feed</title></html>"}.get(path, FEED).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def host():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.handle_error = lambda *_: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def read(host: str, path: str = "/feed", **options):
    return read_feed(host + path, loopback=True, **options)


def test_a_feed_makes_a_show_with_episodes_artwork_and_categories(tenant, host):
    done = take_feed(feed=read(host, "/moved"), by=SYSTEM, at=NOON)

    show = done.podcast
    assert (done.is_new, done.added, show.title, show.language, show.host_name) == (
        True,
        2,
        "Night, Shift",
        "de-AT",
        "Ada",
    )
    assert show.artwork_url == "https://night.example/art.jpg"
    assert show.categories == ["Society & Culture", "Documentary"]
    two = Episode.objects.get(guid="g-2")
    assert (two.number, two.season, two.duration_seconds) == (2, 1, 3723)
    assert two.drops_at == datetime(2026, 3, 9, 5, 30, tzinfo=UTC)
    assert two.is_published


def test_the_same_feed_again_changes_nothing_and_fills_episodes_known_by_title_and_day(tenant, host):
    show = make_podcast(title="Mine", feed_url=f"{host}/feed")
    known = make_episode(show, title="Two", drops_at=datetime(2026, 3, 9, 9, tzinfo=UTC))

    first = take_feed(feed=read(host), by=SYSTEM, at=NOON)
    again = take_feed(feed=read(host), by=SYSTEM, at=NOON)

    known.refresh_from_db()
    assert (first.is_new, first.added, first.changed, known.guid) == (False, 1, 1, "g-2")
    assert (again.added, again.changed) == (0, 0)
    assert Podcast.objects.get().title == "Mine"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        *(("/loop", "feed_unreachable"), ("/none", "feed_unreachable"), ("/away", "feed_refused")),
        *(("/large", "feed_too_large"), ("/page", "feed_unreadable")),
    ],
)
def test_what_is_no_feed_is_refused_in_words(host, path, code):
    with pytest.raises(DomainError) as refusal:
        read(host, path)

    assert refusal.value.code == code


def test_a_slow_server_is_not_waited_for(host):
    began = time.monotonic()
    with pytest.raises(DomainError) as refusal:
        read(host, "/slow", seconds=0.5)

    assert refusal.value.code == "feed_unreachable"
    assert time.monotonic() - began < 1.5


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1/feed", "https://127.1/feed", "https://localhost/feed", "https://10.0.0.8/feed"),
        *(
            "https://[::1]/feed",
            "https://169.254.169.254/latest",
            "file:///etc/passwd",
            "/etc/passwd",
            "https://a:b@x.com",
        ),
    ],
)
def test_no_address_leads_into_a_private_network_or_a_file(url):
    with pytest.raises(DomainError) as refusal:
        read_feed(url)

    assert refusal.value.code == "feed_refused"


def test_the_page_adds_a_show_by_one_button(tenant, client, login, administrator, monkeypatch, settings, host):
    monkeypatch.setenv("ENABLE_ETL_CSV_UPLOAD", "1")
    settings.WEBHOOK_ALLOW_LOOPBACK = True
    staff = login(client, administrator)

    answer = staff.post("/imports/feed", {"feed_url": f"{host}/feed"})
    refused = staff.post("/imports/feed", {"feed_url": f"{host}/page"})

    assert answer.status_code == 302
    assert "Night, Shift" in staff.get("/imports/feed").text
    assert (refused.status_code, "no podcast feed" in refused.text) == (422, True)


def test_who_may_not_add_shows_may_not_read_feeds(tenant, client, login, creator_user, monkeypatch):
    monkeypatch.setenv("ENABLE_ETL_CSV_UPLOAD", "1")

    assert login(client, creator_user).get("/imports/feed").status_code == 403
