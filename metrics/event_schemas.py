"""The data of this app's events."""

from tracker.events.schemas import COUNT, ID, INSTANT, describe, maybe

describe("metrics_daily.refreshed", "the view for outside readers is fresh", refreshed_at=maybe(INSTANT), batch=COUNT)
describe(
    "episode.moved",
    "the drop of an episode moved",
    episode_id=ID,
    podcast_id=ID,
    **{"from": maybe(INSTANT), "to": maybe(INSTANT)},
)
