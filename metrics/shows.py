"""Shows made from their feeds, and kept up with them."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from django.db import transaction

from metrics.feeds import Feed, FeedEpisode
from metrics.models import Episode, Podcast
from metrics.services import add_podcast, change_episode, change_podcast
from tracker.lib.actors import Actor, HasActor


@dataclass(frozen=True)
class FromFeed:
    """What a feed did: the show, whether it is new, how many episodes were added and how many changed."""

    podcast: Podcast
    is_new: bool
    added: int
    changed: int


@transaction.atomic
def take_feed(*, feed: Feed, by: HasActor | Actor, at: datetime, podcast: Podcast | None = None) -> FromFeed:
    """Make a show of a feed, or bring a show up to it: episodes, artwork address, categories.

    A show that has this feed already is brought up. What a person wrote stays: of a known show only blank fields are
    filled, and its artwork and categories follow the feed. Episodes are known by guid, else by title and day.
    """
    podcast = podcast or Podcast.objects.filter(feed_url=feed.url).first()
    is_new = podcast is None
    if podcast is None:
        podcast = add_podcast(title=feed.title, by=by, at=at, feed_url=feed.url[:500], **_fields(feed))
    else:
        wanted = {"feed_url": feed.url[:500], **_fields(feed)}
        keeps = ("artwork_url", "categories", "feed_url")
        changes = {
            name: value
            for name, value in wanted.items()
            if value and value != getattr(podcast, name) and (name in keeps or not getattr(podcast, name))
        }
        podcast = change_podcast(podcast=podcast, by=by, at=at, **changes)
    added, changed = _take_episodes(podcast, feed.episodes, by, at)
    return FromFeed(podcast, is_new, added, changed)


def _fields(feed: Feed) -> dict:
    return {
        "description": feed.description,
        "host_name": feed.host_name,
        "language": feed.language,
        "website_url": feed.website_url,
        "artwork_url": feed.artwork_url,
        "categories": feed.categories[:20],
        "is_explicit": feed.is_explicit,
    }


def _take_episodes(podcast: Podcast, told: list[FeedEpisode], by: HasActor | Actor, at: datetime) -> tuple[int, int]:
    known = list(Episode.objects.filter(podcast=podcast))
    by_guid = {one.guid: one for one in known if one.guid}
    by_day = {(one.title, _day(one.drops_at)): one for one in known}
    new: dict[str, Episode] = {}
    changed = 0
    for one in told:
        found = by_guid.get(one.guid) if one.guid else None
        found = found or by_day.get((one.title, _day(one.published)))
        if found is None:
            new.setdefault(one.guid or f"{one.title} {one.published}", _made(podcast, one, at))
            continue
        changed += _follow(found, one, by, at)
    Episode.objects.bulk_create(new.values(), batch_size=500)
    return len(new), changed


def _made(podcast: Podcast, one: FeedEpisode, at: datetime) -> Episode:
    return Episode(
        podcast=podcast,
        title=one.title,
        guid=one.guid,
        number=one.number,
        season=one.season,
        drops_at=one.published,
        duration_seconds=one.duration_seconds,
        is_published=one.published is None or one.published <= at,
    )


def _follow(episode: Episode, one: FeedEpisode, by: HasActor | Actor, at: datetime) -> bool:
    wanted = {
        "title": one.title,
        "guid": one.guid or episode.guid,
        "number": one.number or episode.number,
        "season": one.season or episode.season,
        "drops_at": one.published or episode.drops_at,
        "duration_seconds": one.duration_seconds or episode.duration_seconds,
    }
    if one.published and one.published <= at:
        wanted["is_published"] = True
    changes = {name: value for name, value in wanted.items() if value != getattr(episode, name)}
    if changes:
        change_episode(episode=episode, by=by, at=at, **changes)
    return bool(changes)


def _day(moment: datetime | None) -> date | None:
    return moment.astimezone(UTC).date() if moment else None
