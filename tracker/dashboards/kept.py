"""Figures that are kept: what a card says stands until something it is made of changes (docs/decisions/0018).

A card's JSON lies in the shared cache beside a digest of all that it depends on: the stamps of its tables, the view it
was made for, the features, the language, the release, the step of the clock. It is taken only where the digest is the
same. Stamps and figures are read at one moment of the database, so what is kept under a stamp is what stood then. Each
house has a fixed number of places for a card, so nothing has to be tidied up; without the cache, figures are read.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction
from django.utils.translation import get_language
from redis.exceptions import RedisError
from rest_framework.renderers import JSONRenderer

from tracker.dashboards.cards import Card
from tracker.dashboards.scope import Scope
from tracker.dashboards.version import Part, Stamps, digest_of, release, stamps_of, step_of
from tracker.lib import words
from tracker.tenants.models import Tenant
from tracker.tenants.replicas import REPLICA

logger = logging.getLogger(__name__)

# So many views of one card are kept for a house; another one takes the place of the one whose number it shares.
PLACES = 32
# A longer answer is not kept: the cache is the queue's server too.
LONGEST = 64 * 1024
KEPT_SECONDS = 600
# A cache that does not answer is left alone for so long.
REST_SECONDS = 10.0

_resting_until = 0.0


@contextmanager
def one_moment() -> Iterator[bool]:
    """Let all that is read inside be as it stood at one moment. Gives whether what is read may be kept.

    It may not inside somebody else's transaction, which sees its own changes before others do and tells them apart
    from nothing, nor where some is read from a replica, whose moment is another.
    """
    if connection.in_atomic_block:
        yield False
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield REPLICA not in settings.DATABASES


def figures_of(
    cards: Sequence[Card], scope: Scope, *, stamps: Stamps, features: frozenset[str], relative: bool, may_keep: bool
) -> dict[str, Any]:
    """Return what each card says as JSON primitives, by name. Called inside `one_moment`, with stamps read in it."""
    digests = _digests(cards, scope, stamps, features, relative) if may_keep else {}
    view = int(digest_of(_view_of(scope)), 16) % PLACES
    places = {f"card:{name}:{view}": name for name in digests}
    kept = _kept(places, digests)
    figures = {card.name: kept[card.name] if card.name in kept else _read(card, scope) for card in cards}
    _keep({place: digests[name] + _text(figures[name]) for place, name in places.items() if name not in kept})
    return figures


def _digests(
    cards: Sequence[Card], scope: Scope, stamps: Stamps, features: frozenset[str], relative: bool
) -> dict[str, str]:
    told = [
        connection.schema_name,
        _view_of(scope),
        # What a process knows of the house may be a second behind its row: what was used counts.
        words.house_currency(),
        words.house_zone().key,
        sorted(features),
        get_language(),
        release(),
        step_of(scope.at, relative=relative),
    ]
    kept = [card for card in cards if card.made_of]
    if parts := _parts_of(kept):
        stamps = stamps.joined(stamps_of(parts))
    return {card.name: digest_of(card.name, told, stamps.of([Tenant, *card.made_of])) for card in kept}


def _parts_of(cards: Sequence[Card]) -> list[Part]:
    return list(dict.fromkeys(source for card in cards for source in card.made_of if isinstance(source, Part)))


def _view_of(scope: Scope) -> list[Any]:
    """Return all that a card may know of whose numbers it shows, save the instant."""
    return [
        [podcast.pk for podcast in scope.podcasts],
        [podcast.pk for podcast in scope.all_podcasts],
        [sponsor.pk for sponsor in scope.all_sponsors],
        scope.sponsor.pk if scope.sponsor else None,
        scope.period,
        scope.before,
        scope.period_name,
        scope.bound,
        scope.only_card,
    ]


def _read(card: Card, scope: Scope) -> Any:
    return card.as_json(card.load(scope)) if card.as_json else None


def _text(figures: Any) -> str:
    return JSONRenderer().render(figures).decode()


def _kept(places: dict[str, str], digests: dict[str, str]) -> dict[str, Any]:
    found = {}
    for place, text in _asked(cache.get_many, list(places)).items():
        name, digest = places[place], digests[places[place]]
        if text.startswith(digest):
            found[name] = json.loads(text[len(digest) :])
    return found


def _keep(texts: dict[str, str]) -> None:
    short = {place: text for place, text in texts.items() if len(text) <= LONGEST}
    _asked(lambda kept: cache.set_many(kept, timeout=KEPT_SECONDS), short)


def _asked(ask: Callable[[Any], Any], what: Any) -> Any:
    """Return what the cache answers, or nothing while it does not answer."""
    global _resting_until
    if not what or time.monotonic() < _resting_until:
        return {}
    try:
        return ask(what)
    except RedisError:
        logger.warning("The cache does not answer; figures are read anew for %.0f s.", REST_SECONDS)
        _resting_until = time.monotonic() + REST_SECONDS
        return {}
