"""Calendar feeds: private addresses that a calendar program reads, and that their owner can revoke."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from bookings.models import CalendarFeed
from bookings.secrets import hash_of, new_secret
from metrics.models import Podcast
from tracker.accounts.models import User
from tracker.events.services import emit
from tracker.lib.errors import DomainError, NotFound

MOST_FEEDS = 20


@transaction.atomic
def add_feed(*, owner: User, name: str, podcast: Podcast | None, at: datetime) -> str:
    """Make a feed of a show, or of all its owner may see; return its secret, which is kept nowhere.

    Emits calendar_feed.added. Raises DomainError("name_required"), DomainError("too_many_feeds").
    """
    if not name.strip():
        raise DomainError("name_required", _("Give the feed a name, to know it again."), field="name")
    if CalendarFeed.objects.filter(owner=owner, revoked_at__isnull=True).count() >= MOST_FEEDS:
        raise DomainError("too_many_feeds", _("Revoke a feed first; a person has 20 at most."))
    secret, hashed = new_secret()
    feed = CalendarFeed.objects.create(
        owner=owner, name=name.strip()[:120], podcast=podcast, token_hash=hashed, created_at=at
    )
    emit("calendar_feed.added", subject=feed, by=owner, at=at, data={"feed_id": str(feed.pk)})
    return secret


@transaction.atomic
def revoke_feed(*, feed: CalendarFeed, by: User, at: datetime) -> None:
    """End a feed; again changes nothing. Emits calendar_feed.revoked."""
    ended = CalendarFeed.objects.filter(pk=feed.pk, revoked_at__isnull=True).update(revoked_at=at)
    if ended:
        emit("calendar_feed.revoked", subject=feed, by=by, at=at, data={"feed_id": str(feed.pk)})


def feed_of(secret: str) -> CalendarFeed:
    """Return the live feed of a secret whose owner still works here. Raises NotFound("feed_unknown")."""
    found = CalendarFeed.objects.select_related("owner__role", "podcast").filter(
        token_hash=hash_of(secret), revoked_at__isnull=True, owner__is_active=True
    )
    feed = found.first()
    if feed is None:
        raise NotFound("feed_unknown", _("This calendar was revoked, or never was."))
    return feed
