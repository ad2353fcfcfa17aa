"""The data of this app's events."""

from tracker.events.schemas import COUNT, ID, INSTANT, TEXT, describe, list_of, maybe

describe("metrics_daily.refreshed", "the view for outside readers is fresh", refreshed_at=maybe(INSTANT), batch=COUNT)
describe("podcast.added", "a show was added", podcast_id=ID, title=TEXT)
describe("podcast.changed", "what is known of a show changed", podcast_id=ID, fields=list_of(TEXT))
describe("episode.added", "an episode was added", episode_id=ID, podcast_id=ID, drops_at=maybe(INSTANT))
describe(
    "episode.moved",
    "the drop of an episode moved",
    episode_id=ID,
    podcast_id=ID,
    **{"from": maybe(INSTANT), "to": maybe(INSTANT)},
)
