"""Random shows and sponsors as the scorer sees them, and their packed rows in the database."""

import uuid

import numpy as np

from deals.models import Sponsor as SponsorModel
from deals.names import name_key
from matchmaking import profiles, store
from matchmaking.history import HISTORY_DIMS, SHOW_DIMS
from matchmaking.packing import pack_podcast, pack_sponsor
from matchmaking.taxonomy import countries, topics
from metrics.models import Podcast as PodcastModel


def random_podcast(rng: np.random.Generator) -> profiles.Podcast:
    """A show of which any part may be unknown; of one in eight nothing that speaks of fit is known."""
    told = rng.random() < 7 / 8

    def maybe(value, part=0.85):
        return value if rng.random() < part else None

    levels = rng.choice([1.0, 0.8, 0.35], size=rng.integers(1, 4))
    own = rng.choice(topics()[1:], size=len(levels), replace=False)
    return profiles.Podcast(
        topics=dict(zip(own.tolist(), levels.tolist(), strict=True)) if told and rng.random() < 0.9 else {},
        countries=maybe(audience(rng, countries()[:30])) if told else None,
        ages=maybe(audience(rng, profiles.AGE_BANDS)) if told else None,
        sexes=maybe(audience(rng, profiles.SEXES)) if told else None,
        free_by_week=maybe(tuple(rng.random(profiles.WEEKS).round(3).tolist())),
        cpm_cents=maybe(int(rng.integers(1000, 6000))),
        risks=maybe({risk: round(rng.random(), 2) for risk in profiles.RISKS if rng.random() < 0.2}, 0.9),
        history=maybe(tuple((rng.random(HISTORY_DIMS) * 0.1).astype(np.float32).tolist())),
    )


def random_sponsor(rng: np.random.Generator) -> profiles.Sponsor:
    """A sponsor of which any part may be unknown; of one in six nothing that speaks of fit is known."""
    told = rng.random() < 5 / 6
    interests = rng.choice(topics(), size=rng.integers(1, 6), replace=False)
    weights = rng.random(len(interests))
    weeks = rng.random(profiles.WEEKS)

    def wish(keys, count):
        parts = audience(rng, rng.choice(keys, size=count, replace=False)).shares
        return dict(parts) if told and rng.random() < 0.8 else None

    return profiles.Sponsor(
        interests=dict(zip(interests.tolist(), (weights / weights.sum()).tolist(), strict=True))
        if told and rng.random() < 0.8
        else {},
        seen_on=int(rng.choice([0, 0, 1, 7])),
        countries=wish(countries()[:30], 4),
        ages=wish(profiles.AGE_BANDS, 3),
        sexes=wish(profiles.SEXES, 2),
        wanted_weeks=tuple((weeks / weeks.sum()).tolist()),
        budget_cpm_cents=int(rng.integers(1000, 5000)) if rng.random() < 0.8 else None,
        avoids=frozenset(risk for risk in profiles.RISKS if rng.random() < 0.1),
        blocked=frozenset(topic for topic in topics()[1:] if rng.random() < 0.01),
        history=past(rng, is_placed=told and rng.random() < 0.8) if rng.random() < 0.9 else None,
    )


def past(rng: np.random.Generator, *, is_placed: bool) -> tuple[float, ...]:
    """A sponsor's vector A; of one whom nobody carries, nor anybody like it, only its tags."""
    vector = rng.random(HISTORY_DIMS).astype(np.float32)
    vector[:SHOW_DIMS] *= is_placed
    return tuple(vector.tolist())


def audience(rng: np.random.Generator, keys) -> profiles.Audience:
    shares = rng.random(len(keys)) ** 3
    shares /= shares.sum()
    return profiles.Audience(
        dict(zip([str(key) for key in keys], shares.tolist(), strict=True)), round(rng.random() * 0.5, 3)
    )


def store_house(shows: list[profiles.Podcast], buyers: list[profiles.Sponsor]) -> tuple[list, list]:
    """Write shows and sponsors with their packed rows; return their ids in order."""
    podcasts = PodcastModel.objects.bulk_create(
        [PodcastModel(title=f"Show {number}", slug=f"packed-{new_key().hex}") for number in range(len(shows))]
    )
    sponsors = SponsorModel.objects.bulk_create(
        [SponsorModel(name=f"Sponsor {number}", name_key=name_key(new_key().hex)) for number in range(len(buyers))]
    )
    store.write_packs(
        "podcasts", {one.pk: pack_podcast(show) for one, show in zip(podcasts, shows, strict=True)}, wanted=None
    )
    store.write_packs(
        "sponsors", {one.pk: pack_sponsor(buyer) for one, buyer in zip(sponsors, buyers, strict=True)}, wanted=None
    )
    return [one.pk for one in podcasts], [one.pk for one in sponsors]


def new_key() -> uuid.UUID:
    return uuid.uuid4()
