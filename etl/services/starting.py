"""Taking a file in: it is kept and waits for a worker. Nothing is read here but its size and digest."""

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction

from deals.models import Sponsor
from etl.models import Import
from etl.profiles import WHOLE_SHOW
from etl.records import BOOKINGS, METRICS, shown
from etl.services.questions import ASKED, is_zone
from etl.unpack import CHOSEN_ENCODINGS, ENDINGS
from metrics.models import Episode, Podcast
from tracker.lib.actors import Actor, HasActor, actor_of
from tracker.lib.errors import Conflict, DomainError

KINDS = (METRICS, BOOKINGS)
TOO_LARGE = 413
# What stays when a file is checked again or imported after its check.
KEPT = ("encoding", "answers", "profile", "spreadsheet_id", "worksheet_name")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_ID = re.compile(r"[0-9a-fA-F-]{36}")


@transaction.atomic
def start_import(
    *,
    file: UploadedFile,
    by: HasActor | Actor,
    at: datetime,
    kind: str = "",
    dry_run: bool = False,
    strict: bool = False,
    encoding: str = "",
    answers: Mapping[str, str] | None = None,
    source: str = "upload",
) -> Import:
    """Keep a file and let it wait for a worker; the answer's status is pending. The edge starts the worker.

    Raises DomainError("unknown_kind"), DomainError("not_csv") by the name, DomainError("too_large"),
    DomainError("empty_file").
    """
    if kind and kind not in KINDS:
        raise DomainError(
            "unknown_kind", f"There is no kind {shown(kind)}; it is one of {', '.join(KINDS)}.", status=400
        )
    name = shown((file.name or "upload.csv").replace("\\", "/").rsplit("/", 1)[-1]) or "upload.csv"
    if not name.lower().endswith(ENDINGS):
        told = f"Only tables can be taken ({', '.join(ENDINGS)}); save yours as CSV (UTF-8)."
        raise DomainError("not_csv", told, file_name=name)
    check_encoding(encoding)
    check_size(file.size or 0)
    if not file.size:
        raise DomainError("empty_file", "The file is empty.", file_name=name)
    digest = hashlib.sha256()
    for chunk in file.chunks(1 << 20):
        digest.update(chunk)
    file.seek(0)
    return Import.objects.create(
        source=source,
        kind=kind,
        file_name=name,
        file=file,
        file_size=file.size,
        digest=digest.hexdigest(),
        is_dry_run=dry_run,
        is_strict=strict,
        created_by=actor_of(by).as_json(),
        metadata=options_of(encoding, answers or {}),
    )


@transaction.atomic
def import_checked(*, import_run: Import, by: HasActor | Actor, at: datetime) -> Import:
    """Import the file of a dry run for real. Raises Conflict("not_checked"), Conflict("file_gone")."""
    if not import_run.is_dry_run or import_run.status != Import.Status.COMPLETED:
        raise Conflict("not_checked", "This file was not checked, so there is nothing to import.")
    return _of_same_file(import_run, by, is_dry_run=False, metadata=_kept_options(import_run))


@transaction.atomic
def check_again(
    *,
    import_run: Import,
    by: HasActor | Actor,
    at: datetime,
    encoding: str = "",
    answers: Mapping[str, str] | None = None,
) -> Import:
    """Check the file of an import anew, with answers to what it does not say. Earlier answers stay.

    Raises Conflict("file_gone"), and what start_import raises of answers.
    """
    kept = _kept_options(import_run)
    options = kept | options_of(encoding or kept.get("encoding", ""), {**kept.get("answers", {}), **(answers or {})})
    return _of_same_file(import_run, by, is_dry_run=True, metadata=options)


def options_of(encoding: str, answers: Mapping[str, str]) -> dict[str, Any]:
    check_encoding(encoding)
    given = {name: text.strip() for name, text in answers.items() if text.strip()}
    if unknown := set(given) - set(ASKED):
        raise DomainError("unknown_answer", f"Nothing asks for {', '.join(sorted(unknown))}.")
    if "as_of" in given and not _DAY.fullmatch(given["as_of"]):
        raise DomainError("not_a_day", "Write the day as YYYY-MM-DD.", field="as_of")
    if given.get("day_first", "day") not in ("day", "month"):
        raise DomainError("invalid", "Say day or month.", field="day_first")
    if given.get("span", "all") not in ("all", "some"):
        raise DomainError("invalid", "Say all or some.", field="span")
    if "time_zone" in given and not is_zone(given["time_zone"]):
        raise DomainError("invalid", "There is no such time zone.", field="time_zone")
    if "currency" in given and not re.fullmatch(r"[A-Z]{3}", given["currency"]):
        raise DomainError(
            "invalid", "Write the currency as three capitals, for example EUR.", status=400, field="currency"
        )
    if "revision" in given and not re.fullmatch(r"\d{1,6}", given["revision"]):
        raise DomainError("invalid", "A revision is a whole number.", field="revision")
    if given.get("episode", WHOLE_SHOW) != WHOLE_SHOW:
        is_named = _ID.fullmatch(given["episode"]) and _ID.fullmatch(given.get("podcast", ""))
        episodes = (
            Episode.objects.filter(pk=given["episode"], podcast_id=given["podcast"])
            if is_named
            else Episode.objects.none()
        )
        if not episodes.exists():
            raise DomainError("unknown_episode", "There is no such episode in this show.", field="episode")
    if "sponsor" in given:
        known = _ID.fullmatch(given["sponsor"]) and Sponsor.objects.filter(pk=given["sponsor"]).exists()
        if not known:
            raise DomainError("unknown_sponsor", "No such advertiser here.", field="sponsor")
    if "podcast" in given:
        known = _ID.fullmatch(given["podcast"]) and Podcast.objects.filter(pk=given["podcast"]).exists()
        if not known:
            raise DomainError("unknown_podcast", "No such show here.", field="podcast")
    return ({"encoding": encoding} if encoding else {}) | ({"answers": given} if given else {})


def check_encoding(encoding: str) -> None:
    known = ("", "utf-8", *CHOSEN_ENCODINGS)
    if encoding not in known:
        raise DomainError("unknown_encoding", f"Choose one of {', '.join(known[1:])}.", status=400, field="encoding")


def _kept_options(run: Import) -> dict[str, Any]:
    return {name: run.metadata[name] for name in KEPT if name in run.metadata}


def _of_same_file(checked: Import, by: HasActor | Actor, *, is_dry_run: bool, metadata: dict[str, Any]) -> Import:
    if not checked.file.name or not checked.file.storage.exists(checked.file.name):
        raise Conflict("file_gone", "The file is not kept any more; send it again.")
    return Import.objects.create(
        is_dry_run=is_dry_run,
        source=checked.source,
        kind=checked.kind,
        file_name=checked.file_name,
        file=checked.file.name,
        file_size=checked.file_size,
        digest=checked.digest,
        is_strict=checked.is_strict,
        created_by=actor_of(by).as_json(),
        metadata={**metadata, "checked_as": str(checked.pk)},
    )


def check_size(size: int) -> None:
    """Raise DomainError("too_large", status 413) for a file over the limit of the settings."""
    limit = settings.ETL_MAX_UPLOAD_BYTES
    if size > limit:
        raise DomainError(
            "too_large",
            f"The file has {size / 1e6:,.0f} MB; {limit / 1e6:,.0f} MB at most can be taken. Split it.",
            status=TOO_LARGE,
            limit_bytes=limit,
        )


@transaction.atomic
def cancel_import(*, import_run: Import, by: HasActor | Actor, at: datetime) -> Import:
    """Stop an import that has not ended; nothing of it stays. It ends as failed with that reason.

    One that waits ends at once, one that runs at its worker's next step. Raises Conflict("import_ended").
    """
    run = Import.objects.select_for_update().get(pk=import_run.pk)
    if run.is_finished:
        raise Conflict("import_ended", f"This import is {run.get_status_display()} already.")
    run.cancel_requested_at = at
    if run.status == Import.Status.PENDING:
        run.move_to(Import.Status.FAILED)
        run.completed_at = at
        run.error_message = f"Cancelled by {actor_of(by).label}."
    run.save(update_fields=["cancel_requested_at", "status", "completed_at", "error_message"])
    return run
