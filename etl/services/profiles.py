"""Teaching the house: what a column means, which episode a name is."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.db import transaction

from etl.matching import name_key
from etl.models import Import, ImportProfile
from etl.profiles import normal_names
from etl.profiles.mapped import checked_mapping
from metrics.models import Episode, EpisodeAlias, Podcast
from metrics.services import add_episode
from tracker.lib.actors import Actor, HasActor, actor_of
from tracker.lib.errors import DomainError, NotFound


@transaction.atomic
def save_profile(
    *,
    header: list[str],
    columns: Mapping[str, str],
    source: str,
    by: HasActor | Actor,
    at: datetime,
    title: str = "",
    dimension: str = "",
) -> ImportProfile:
    """Remember what the columns of a header mean; the same header again is learned anew.

    columns maps a field to a name of the header. Raises DomainError: mapping_incomplete, source_missing.
    """
    names = [name for name in normal_names(header) if name]
    source = source.strip()[:40]
    if not source:
        raise DomainError("source_missing", "Say who counted, for example the name of the host.", field="source")
    try:
        chosen = checked_mapping({field: name for field, name in columns.items() if name in names}, dimension=dimension)
    except ValueError as missing:
        raise DomainError("mapping_incomplete", str(missing)) from None
    profile, _ = ImportProfile.objects.update_or_create(
        header=names,
        defaults={
            "title": title.strip()[:120] or source,
            "source": source,
            "columns": chosen,
            "dimension": dimension,
            "created_by": actor_of(by).as_json(),
        },
    )
    return profile


@transaction.atomic
def link_episode(
    *, import_run: Import, name: str, episode_id: UUID | None, by: HasActor | Actor, at: datetime
) -> Episode:
    """Say which episode a name in a file means, or make one of that name; it is remembered for the show.

    Raises NotFound("episode_not_found"), DomainError("podcast_unknown") when the import does not say its show.
    """
    podcast = Podcast.objects.filter(pk=import_run.metadata.get("answers", {}).get("podcast")).first()
    if podcast is None:
        raise DomainError("podcast_unknown", "Say first which show the file is about.")
    if episode_id is None:
        episode = add_episode(podcast=podcast, title=name, by=by, at=at)
    else:
        found = Episode.objects.filter(pk=episode_id, podcast=podcast).first()
        if found is None:
            raise NotFound("episode_not_found", "There is no such episode in this show.")
        episode = found
    EpisodeAlias.objects.update_or_create(podcast=podcast, name_key=name_key(name), defaults={"episode": episode})
    return episode
