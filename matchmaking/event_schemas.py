"""The data of this app's events."""

from matchmaking.models import Run
from matchmaking.profiles import SIGNALS
from tracker.events.schemas import COUNT, ID, NUMBER, describe, list_of, one_of

SHARE = {**NUMBER, "minimum": 0, "maximum": 1}

describe(
    "match.recalculated",
    "a recalculation ended",
    run_id=ID,
    scope=one_of(*Run.Scope.values),
    advertiser_ids=list_of(ID),
    podcast_ids=list_of(ID),
    pairs=COUNT,
    kept=COUNT,
    written=COUNT,
    deleted=COUNT,
    blocks=COUNT,
    seconds={**NUMBER, "minimum": 0},
)
describe(
    "match.weights_changed",
    "the house weighs the signals anew",
    version=COUNT,
    **{str(signal): SHARE for signal in SIGNALS},
)
describe(
    "match.feedback_given",
    "somebody said whether a pair fits",
    advertiser_id=ID,
    podcast_id=ID,
    verdict=one_of("good", "bad"),
)
