"""Every write of matchmaking: runs, weights, feedback, rules."""

import time
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext as _

from deals.models import Sponsor
from matchmaking import features, lists
from matchmaking.house import House, load_house
from matchmaking.models import Feedback, Match, Model, Run, RunBlock, Stale, Weights
from matchmaking.profiles import SIGNALS
from matchmaking.queries import weights_now
from matchmaking.settle import Written
from metrics.models import Podcast
from tracker.events.services import emit
from tracker.lib.actors import Actor, HasActor, actor_of
from tracker.lib.errors import DomainError, NotFound
from tracker.lib.garbage import no_rounds
from tracker.tenants.context import lock_key

# A run that has not ended by then has lost its worker; the next one takes over.
LOST_AFTER = timedelta(minutes=10)
# Nearly every change in the house asks it.
_MARK = """
INSERT INTO match_stale (kind, subject_id, since)
SELECT kind, subject_id, %(at)s FROM unnest(%(kinds)s::varchar[], %(subjects)s::uuid[]) AS mark (kind, subject_id)
ON CONFLICT DO NOTHING
"""


def request_recalculation(
    *,
    by: HasActor | Actor,
    at: datetime,
    advertiser_id: UUID | None = None,
    podcast_id: UUID | None = None,
) -> Run:
    """Write down a run over all pairs, one advertiser's, or one show's; a task carries it out.

    Raises NotFound for an advertiser or a show that is not here.
    """
    scope = Run.Scope.ALL
    if advertiser_id is not None:
        advertiser_of(advertiser_id)
        scope = Run.Scope.ADVERTISER
    elif podcast_id is not None:
        podcast_of(podcast_id)
        scope = Run.Scope.PODCAST
    return Run.objects.create(
        scope=scope,
        advertiser_ids=[advertiser_id] if advertiser_id else [],
        podcast_ids=[podcast_id] if podcast_id else [],
        started_by=actor_of(by).as_json(),
        queued_at=at,
    )


def recalculate_matches(
    *,
    by: HasActor | Actor,
    at: datetime,
    advertiser_id: UUID | None = None,
    podcast_id: UUID | None = None,
) -> Run:
    """Recalculate now, in one piece, and return the finished run. Emits match.recalculated once, with counts.

    One advertiser and one show: that pair, which is kept from then on though it be on no list. One of them: its pairs
    with everybody. Neither: everything. The lists are left as a run over everything would leave them.
    Raises NotFound for an advertiser or a show that is not here.
    """
    if advertiser_id is not None and podcast_id is not None:
        advertiser_of(advertiser_id)
        podcast_of(podcast_id)
        run = Run.objects.create(
            scope=Run.Scope.PAIR,
            advertiser_ids=[advertiser_id],
            podcast_ids=[podcast_id],
            started_by=actor_of(by).as_json(),
            queued_at=at,
        )
    else:
        run = request_recalculation(by=by, at=at, advertiser_id=advertiser_id, podcast_id=podcast_id)
    return execute(run=run, at=at)


def execute(*, run: Run, at: datetime) -> Run:
    """Carry out a run whole, in this process. One at a time in a tenant; a finished run is left alone."""
    began = time.perf_counter()
    with transaction.atomic():
        run = _begin(run, at)
        if run.status != Run.Status.RUNNING:
            return run
        written = _recalculate(run, at)
        return _finish(run, written, at=at, seconds=time.perf_counter() - began)


def begin_blocks(*, run: Run, at: datetime) -> list[int]:
    """Make the packed rows of a run over everything true, and cut it into blocks for tasks.

    Returns the first sponsor of each block; none when the house is small enough for one piece, or the run has begun.
    """
    with transaction.atomic():
        run = _begin(run, at)
        if run.status != Run.Status.RUNNING or run.scope != Run.Scope.ALL or RunBlock.objects.filter(run=run).exists():
            return []
        _refresh_all(at)
        spans = lists.spans_of_house()
        if len(spans) < 2:
            return []
        RunBlock.objects.bulk_create([RunBlock(run=run, first=first, last=last) for first, last in spans])
        return [first for first, _last in spans]


def score_block(*, run_id: UUID, first: int, at: datetime) -> bool:
    """Score one block of a run and keep its outcome. Returns whether it was the last one missing.

    Repeatable: a block that is done stays as it is.
    """
    block = RunBlock.objects.filter(run_id=run_id, first=first).first()
    if block is None:
        return False
    if block.done_at is None:
        outcome = lists.block_bytes(_house(), (block.first, block.last))
        RunBlock.objects.filter(run_id=run_id, first=first).update(outcome=outcome, done_at=at)
    return not RunBlock.objects.filter(run_id=run_id, done_at__isnull=True).exists()


def join_blocks(*, run: Run, at: datetime) -> Run:
    """Join the blocks of a run and write its lists. Two tasks that come to it end up with one result and one event."""
    began = time.perf_counter()
    with transaction.atomic():
        run = _begin(run, at)
        kept = list(RunBlock.objects.filter(run=run).order_by("first").values_list("outcome", flat=True))
        outcomes = [bytes(outcome) for outcome in kept if outcome is not None]
        if run.status != Run.Status.RUNNING or not outcomes or len(outcomes) < len(kept):
            return run
        # What came in since the first block was scored waits for the next run over what changed.
        written = lists.settle_blocks(_house(), outcomes, at=at)
        _note_full_run()
        RunBlock.objects.filter(run=run).delete()
        seconds = time.perf_counter() - began
        return _finish(run, written, at=at, seconds=seconds, blocks=len(outcomes))


def fail_run(*, run_id: UUID, error: str, at: datetime) -> None:
    Run.objects.filter(pk=run_id).exclude(status=Run.Status.COMPLETED).update(
        status=Run.Status.FAILED, error=error[:2000], finished_at=at
    )
    RunBlock.objects.filter(run_id=run_id).delete()


def recalculate_changed(*, by: HasActor | Actor, at: datetime) -> Run | None:
    """Rescore what was marked stale, and only that; None when nothing was, or no full run has ever been."""
    began = time.perf_counter()
    with transaction.atomic():
        _one_at_a_time()
        if not Stale.objects.exists() or not Model.objects.exists():
            return None
        is_partial = _can_be_partial()
        stale = list(Stale.objects.select_for_update(skip_locked=True).values_list("kind", "subject_id"))
        podcasts = [pk for kind, pk in stale if kind == Stale.Kind.PODCAST]
        sponsors = [pk for kind, pk in stale if kind == Stale.Kind.SPONSOR]
        run = Run.objects.create(
            scope=Run.Scope.CHANGED,
            advertiser_ids=sponsors,
            podcast_ids=podcasts,
            status=Run.Status.RUNNING,
            started_by=actor_of(by).as_json(),
            queued_at=at,
            started_at=at,
        )
        if is_partial:
            written = _recalculate_some(sponsors=sponsors, podcasts=podcasts, at=at)
        else:
            written = _recalculate(run, at)
        return _finish(run, written, at=at, seconds=time.perf_counter() - began)


def mark_stale(*, podcasts: Collection[UUID] = (), sponsors: Collection[UUID] = (), at: datetime) -> int:
    """Note shows and sponsors of which something changed. Returns how many are new on the list."""
    marks = {(str(Stale.Kind.PODCAST), pk) for pk in podcasts} | {(str(Stale.Kind.SPONSOR), pk) for pk in sponsors}
    if not marks:
        return 0
    kinds, subjects = zip(*sorted(marks), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(_MARK, {"at": at, "kinds": list(kinds), "subjects": list(subjects)})
        return cursor.rowcount


@transaction.atomic
def set_weights(*, values: Mapping[str, Decimal], by: HasActor | Actor, at: datetime) -> Weights:
    """Set the house's weights as a new version. The same values again change nothing.

    Raises DomainError("bad_weights") unless each of the six is between 0 and 1 and one is above 0. Emits
    match.weights_changed; the run over everything that follows is asked for by who sets them.
    """
    _one_at_a_time()
    chosen = {signal: Decimal(values[signal]).quantize(Decimal("0.001")) for signal in SIGNALS if signal in values}
    if len(chosen) < len(SIGNALS) or any(not 0 <= value <= 1 for value in chosen.values()) or not any(chosen.values()):
        raise DomainError("bad_weights", _("Each weight is between 0 and 1, and at least one is above 0."))
    newest = Weights.objects.order_by("-version").first()
    now = weights_now()
    if all(abs(float(chosen[signal]) - now.of(signal)) < 0.0005 for signal in SIGNALS):
        return newest or Weights(version=now.version, set_at=at, **chosen)
    weights = Weights.objects.create(version=now.version + 1, set_at=at, set_by=actor_of(by).as_json(), **chosen)
    data = {"version": weights.version, **{signal: float(value) for signal, value in chosen.items()}}
    emit("match.weights_changed", subject=weights, by=by, at=at, data=data)
    return weights


@transaction.atomic
def give_feedback(
    *, advertiser: Sponsor, podcast: Podcast, verdict: str, by: HasActor | Actor, at: datetime, note: str = ""
) -> Feedback:
    """Keep what somebody thinks of a pair; a second word of the same person replaces the first.

    Raises DomainError("bad_verdict") for anything but good and bad. Emits match.feedback_given.
    """
    if verdict not in Feedback.Verdict.values:
        raise DomainError("bad_verdict", _("A match is a good fit or a bad fit."), allowed=Feedback.Verdict.values)
    actor = actor_of(by)
    score = Match.objects.filter(advertiser=advertiser, podcast=podcast).values_list("score", flat=True).first()
    feedback, _made = Feedback.objects.update_or_create(
        advertiser=advertiser,
        podcast=podcast,
        actor_id=f"{actor.kind}:{actor.id}",
        defaults={
            "verdict": verdict,
            "note": note.strip()[:500],
            "score": score,
            "given_by": actor.as_json(),
            "given_at": at,
        },
    )
    data = {"advertiser_id": str(advertiser.pk), "podcast_id": str(podcast.pk), "verdict": verdict}
    emit("match.feedback_given", subject=feedback, by=by, at=at, data=data)
    return feedback


def _begin(run: Run, at: datetime) -> Run:
    """Lock the house's matches and the run, and note that it runs."""
    _one_at_a_time()
    run = Run.objects.select_for_update().get(pk=run.pk)
    if run.status == Run.Status.QUEUED:
        run.status, run.started_at = Run.Status.RUNNING, at
        run.save(update_fields=["status", "started_at"])
    return run


@no_rounds()
def _recalculate(run: Run, at: datetime) -> Written:
    if run.scope == Run.Scope.ALL or not _can_be_partial():
        _refresh_all(at)
        written = lists.recalculate_all(_house(), at=at)
        _note_full_run()
    else:
        written = _recalculate_some(sponsors=run.advertiser_ids, podcasts=run.podcast_ids, at=at)
    if run.scope == Run.Scope.PAIR:
        lists.keep_asked(_house(), sponsor=run.advertiser_ids[0], podcast=run.podcast_ids[0], at=at)
    return written


def _can_be_partial() -> bool:
    """Return whether standing lists are those of the present model and weights, so that a part can be made anew."""
    model = Model.objects.only("lists_version").first()
    return model is not None and model.lists_version == weights_now().version and features.is_current()


def _note_full_run() -> None:
    Model.objects.update(lists_version=weights_now().version)


def _refresh_all(at: datetime) -> None:
    if not features.is_current():
        features.forget_all()
    features.fit_if_needed(at=at)
    features.refresh(at=at)
    Stale.objects.filter(since__lte=at).delete()


def _recalculate_some(*, sponsors: Collection[UUID], podcasts: Collection[UUID], at: datetime) -> Written:
    changed = features.refresh(at=at, podcasts=podcasts, sponsors=sponsors)
    Stale.objects.filter(subject_id__in=[*sponsors, *podcasts], since__lte=at).delete()
    house = _house()
    return lists.recalculate_some(house, sponsors=changed.sponsors, podcasts=changed.podcasts, at=at)


def _house() -> House:
    model = Model.objects.only("full_evidence", "topic_part").get()
    return load_house(weights=weights_now(), full_evidence=model.full_evidence, topic_part=model.topic_part)


def _finish(run: Run, written: Written, *, at: datetime, seconds: float, blocks: int = 1) -> Run:
    run.status, run.finished_at = Run.Status.COMPLETED, at + timedelta(seconds=seconds)
    run.counts = {
        "pairs": written.pairs,
        "kept": written.kept,
        "written": written.written,
        "deleted": written.deleted,
        "blocks": blocks,
        "seconds": round(seconds, 3),
    }
    run.save(update_fields=["status", "finished_at", "counts"])
    data: dict[str, Any] = {
        "run_id": str(run.pk),
        "scope": run.scope,
        "advertiser_ids": [str(pk) for pk in run.advertiser_ids[:100]],
        "podcast_ids": [str(pk) for pk in run.podcast_ids[:100]],
        **run.counts,
    }
    emit("match.recalculated", subject=run, by=Actor(**run.started_by), at=at, data=data)
    return run


def _one_at_a_time() -> None:
    """Wait for other runs of this tenant; the lock goes with the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [lock_key("matches")])


def advertiser_of(pk: UUID) -> Sponsor:
    found = Sponsor.objects.filter(pk=pk, is_archived=False).first()
    if found is None:
        raise NotFound("advertiser_not_found", _("There is no such advertiser."))
    return found


def podcast_of(pk: UUID) -> Podcast:
    found = Podcast.objects.filter(pk=pk, is_archived=False).first()
    if found is None:
        raise NotFound("podcast_not_found", _("There is no such show."))
    return found
