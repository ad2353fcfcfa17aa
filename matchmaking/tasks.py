"""Celery entries of matchmaking: a run, its blocks, and what changed."""

import logging
from uuid import UUID

from celery import shared_task
from django.utils import timezone

from matchmaking import services
from matchmaking.models import Run
from tracker.flags.services import is_on
from tracker.lib.actors import SYSTEM
from tracker.tenants.tasks import enqueue

logger = logging.getLogger(__name__)


@shared_task
def run_requested(run_id: str) -> None:
    """Carry out a run: in one piece, or for a large house as one task a block."""
    run = Run.objects.filter(pk=run_id).first()
    if run is None:
        return
    try:
        firsts = services.begin_blocks(run=run, at=timezone.now()) if run.scope == Run.Scope.ALL else []
        if not firsts:
            services.execute(run=run, at=timezone.now())
    except Exception as error:
        logger.exception("The run %s failed.", run_id)
        services.fail_run(run_id=UUID(run_id), error=f"{type(error).__name__}: {error}", at=timezone.now())
        raise
    for first in firsts:
        enqueue(score_block, run_id, first)


@shared_task
def score_block(run_id: str, first: int) -> None:
    """Score one block; whoever ends the last one sends the joining."""
    if services.score_block(run_id=UUID(run_id), first=first, at=timezone.now()):
        enqueue(join_blocks, run_id)


@shared_task
def join_blocks(run_id: str) -> None:
    run = Run.objects.filter(pk=run_id).first()
    if run is not None:
        services.join_blocks(run=run, at=timezone.now())
        enqueue(recalculate_changed)


@shared_task
def recalculate_changed() -> None:
    """Rescore what was marked stale since the last run."""
    if is_on("ENABLE_MATCHMAKING"):
        services.recalculate_changed(by=SYSTEM, at=timezone.now())
