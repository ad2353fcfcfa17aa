"""The demo's house: its people, its key, its shows with their episodes, ad units and simulated audience."""

import json
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.hashers import make_password

from bookings.models import AdUnit, OrderProfile
from bookings.services import add_ad_unit
from metrics.models import Episode, Podcast
from metrics.services import DayOfEpisode, add_episode, add_podcast, record_metrics, refresh_metrics_daily
from tracker.accounts.models import ApiKey, User
from tracker.accounts.services import create_user, hash_secret, role_named
from tracker.demo.audience import SimulatedDay, simulate_episode
from tracker.demo.ids import AD_UNITS, FREE_UNIT, PLANNED_EPISODES, PUBLISHED_EPISODES, SHOWS, SOURCES, demo_id
from tracker.demo.plan import ADVERTISER_SPONSOR, CREATOR_SHOWS, PEOPLE, RELEASES, UNIT_TERMS
from tracker.flags.services import switch
from tracker.lib.actors import SYSTEM

DATA = Path(__file__).parent / "data"
PASSWORD = "northlight-demo-2026"  # noqa: S105 (of made-up people of a made-up house, printed by every make_demo)
# Works on the demo tenant alone: the README's commands carry it, so it is no secret.
KEY = "pst_demo0000_this-key-opens-the-demo-tenant-and-nothing-else"

OPS_EMAIL = next(email for _slug, _name, email, role in PEOPLE if role == "ops")

TOPICS = (
    *("Small teams, large releases", "What we broke in spring", "A year without estimates", "Logs nobody reads"),
    *("The meeting that was a document", "Old code, new people", "Naming things, again", "On being paged at four"),
    *("The last mainframe", "Tests that sleep", "Who owns the build?", "Reading other people's code"),
    *("Certificates expire on Sundays", "The two-week rewrite", "A database in every drawer", "Learning in public"),
    *("Why migrations fail", "The first week in a new team", "Passwords after passwords"),
)


def make_people(*, at: datetime) -> dict[str, User]:
    """Make one person of each role and two more salespeople, who all sign in with PASSWORD, and the printed key."""
    bindings = {
        "creator": {"podcast": [demo_id("podcast", show) for show in CREATOR_SHOWS]},
        "advertiser": {"sponsor": [demo_id("sponsor", ADVERTISER_SPONSOR)]},
    }
    people = {
        slug: create_user(email=email, name=name, role=role, bindings=bindings.get(slug))
        for slug, name, email, role in PEOPLE
    }
    # One slow hash for all of them: it is one password.
    User.objects.filter(pk__in=[user.pk for user in people.values()]).update(password=make_password(PASSWORD))
    ApiKey.objects.create(
        name="Demo key",
        prefix=KEY.split("_")[1],
        key_hash=hash_secret(KEY),
        role=role_named("administrator"),
        scopes=["*"],
        created_at=at,
        created_by=SYSTEM.as_json(),
    )
    for flag in settings.FEATURE_FLAGS:
        switch(flag=flag, on=True)
    return people


def make_order_profile() -> None:
    OrderProfile.objects.create(
        legal_name="Northlight Audio GmbH",
        address="Speicherstrasse 14\n20457 Hamburg",
        order_email="orders@demo.example",
        phone="+49 40 5550 1420",
        tax_number="DE 555 014 207",
        contact_name="Lena Vogt",
        number_prefix="NA",
        measurement_of_record=SOURCES[0],
    )


def make_shows(*, zone: ZoneInfo, at: datetime) -> dict[str, Podcast]:
    """Make every show with its ad units and its episodes, out and planned."""
    catalogue = {entry["slug"]: entry for entry in json.loads((DATA / "shows.json").read_text(encoding="utf-8"))}
    return {slug: _make_show(catalogue[slug], place, zone=zone, at=at) for place, slug in enumerate(SHOWS)}


def _make_show(entry: dict[str, Any], place: int, *, zone: ZoneInfo, at: datetime) -> Podcast:
    slug = entry["slug"]
    weekday, clock, categories = RELEASES[slug]
    podcast = add_podcast(
        podcast_id=demo_id("podcast", slug),
        title=entry["name"],
        slug=slug,
        description=entry["description"],
        language="de",
        categories=list(categories),
        tags=entry["tags"],
        website_url=entry["website"],
        feed_url=entry["rssFeed"],
        release_weekdays=[weekday],
        release_time=time.fromisoformat(clock),
        is_simulated=True,
        by=SYSTEM,
        at=at,
    )
    for index, (name, position, delivery) in enumerate(AD_UNITS):
        seconds, cpm_cents = UNIT_TERMS[name]
        add_ad_unit(
            podcast=podcast,
            ad_unit_id=demo_id("ad-unit", f"{slug}/{name}"),
            name=name,
            position=position,
            index=index if position == "mid" else 1,
            duration_seconds=seconds,
            delivery=delivery,
            read_type=AdUnit.ReadType.PRODUCED if name == FREE_UNIT else AdUnit.ReadType.HOST_READ,
            rate_cpm_cents=cpm_cents,
            by=SYSTEM,
            at=at,
        )
    for number, drops_at in _drops(weekday, time.fromisoformat(clock), zone=zone, at=at):
        topic = TOPICS[(number * 7 + place * 5) % len(TOPICS)]
        add_episode(
            podcast=podcast,
            episode_id=demo_id("episode", f"{slug}/{number}"),
            title=topic,
            number=number,
            guid=f"https://tracker.example/demo/episode/{slug}/{number}",
            drops_at=drops_at,
            duration_seconds=2400 + (number * 397 + place * 131) % 1800,
            by=SYSTEM,
            at=at,
        )
    return podcast


def _drops(weekday: int, clock: time, *, zone: ZoneInfo, at: datetime) -> list[tuple[int, datetime]]:
    """Return (number, drop) of every episode: one a week, the newest one that is out being PUBLISHED_EPISODES."""
    today = at.astimezone(zone).date()
    latest = today - timedelta(days=(today.weekday() - weekday) % 7)
    if datetime.combine(latest, clock, tzinfo=zone) > at:
        latest -= timedelta(days=7)
    return [
        (number, datetime.combine(latest + timedelta(weeks=number - PUBLISHED_EPISODES), clock, tzinfo=zone))
        for number in range(1, PLANNED_EPISODES + 1)
    ]


def weekly_averages() -> dict[str, int]:
    """Return the weekly downloads that the catalogue gives for each show."""
    shows = json.loads((DATA / "shows.json").read_text(encoding="utf-8"))
    return {entry["slug"]: int(entry["weekly_downloads_avg"]["value"]) for entry in shows}


def simulate_audience(*, last_day: date, at: datetime) -> int:
    """Record the simulated days of every episode that is out, up to and with `last_day`. Returns the rows."""
    rows = [
        DayOfEpisode(
            day=day.day,
            episode_id=episode_id,
            source=day.source,
            downloads=day.downloads,
            listeners=day.listeners,
            completion_rate=Decimal(str(day.completion_rate)),
            ctr=None if day.ctr is None else Decimal(str(day.ctr)),
            conversions=day.conversions,
            revenue_cents=day.revenue_cents,
        )
        for episode_id, day in simulated_days(last_day=last_day)
    ]
    record_metrics(rows=rows, at=at, label="simulated audience")
    refresh_metrics_daily(by=SYSTEM, at=at)
    return len(rows)


def simulated_days(*, last_day: date) -> Iterator[tuple[UUID, SimulatedDay]]:
    """Yield (episode, day) for every episode that is out, from its drop to `last_day`, by both sources."""
    averages = weekly_averages()
    out = Episode.objects.filter(is_published=True).select_related("podcast").order_by("podcast__slug", "number")
    for episode in out:
        # Of the demo's own making, so both are there.
        assert episode.number is not None
        assert episode.drops_at is not None
        for day in simulate_episode(
            show=episode.podcast.slug,
            number=episode.number,
            weekly_average=averages[episode.podcast.slug],
            dropped_on=episode.drops_at.date(),
            last_day=last_day,
            sources=SOURCES,
        ):
            yield episode.pk, day
