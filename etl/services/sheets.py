"""Imports from Google Sheets: now, or again and again."""

import csv
import hashlib
import io
import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.core.files.base import ContentFile
from django.db import transaction

from etl.models import Import, ImportProfile, SheetConnection
from etl.records import shown
from etl.services.orders_file import order_profile_of
from etl.services.profile_file import profile_of
from etl.services.starting import KINDS, options_of
from etl.sheets import read_sheet
from tracker.lib.actors import SYSTEM, Actor, HasActor, actor_of
from tracker.lib.errors import DomainError

SOURCE = "google_sheets"
_HOSTS_DAYS = frozenset(
    (
        *("date", "published", "release date", "release_date", "releasedate", "start", "end"),
        *("startdate", "enddate", "episode_pub_date", "video publish time", "post_date_gmt"),
    )
)


@transaction.atomic
def start_sheet_import(
    *,
    spreadsheet_id: str,
    worksheet_name: str,
    by: HasActor | Actor,
    at: datetime,
    kind: str = "",
    dry_run: bool = False,
    profile: str = "",
    answers: Mapping[str, str] | None = None,
) -> Import:
    """Let a worker read a sheet and import it; the answer's status is pending. The edge starts the worker.

    profile: how it is read, "" by its header; answers: what the sheet does not say.
    Raises DomainError("unknown_profile"), DomainError("invalid_spreadsheet"), DomainError("worksheet_missing"),
    DomainError("unknown_kind"), and what start_import raises of answers.
    """
    spreadsheet_id, worksheet_name = spreadsheet_id.strip(), worksheet_name.strip()
    check_sheet(spreadsheet_id, worksheet_name)
    if kind and kind not in KINDS:
        raise DomainError(
            "unknown_kind", f"There is no kind {shown(kind)}; it is one of {', '.join(KINDS)}.", status=400
        )
    return Import.objects.create(
        source=SOURCE,
        kind=kind,
        file_name=shown(f"{worksheet_name} ({spreadsheet_id[:12]}…)"),
        is_dry_run=dry_run,
        created_by=actor_of(by).as_json(),
        metadata={
            "spreadsheet_id": spreadsheet_id,
            "worksheet_name": worksheet_name,
            **options_of("", answers or {}),
            **_profile(profile),
        },
    )


def _profile(key: str) -> dict[str, str]:
    if key and profile_of(key) is None and order_profile_of(key) is None:
        raise DomainError("unknown_profile", "There is no such profile any more; choose another.", field="profile")
    return {"profile": key} if key else {}


def check_sheet(spreadsheet_id: str, worksheet_name: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,120}", spreadsheet_id):
        told = "This is not a spreadsheet's id: take the long part of its address between /d/ and /edit."
        raise DomainError("invalid_spreadsheet", told, status=400, field="spreadsheet_id")
    if not 0 < len(worksheet_name) <= 100:
        raise DomainError(
            "worksheet_missing", "Name the worksheet, the tab at the foot.", status=400, field="worksheet_name"
        )


def _day_columns() -> frozenset[str]:
    """Names under which hosts and this house write days."""
    own = ImportProfile.objects.values_list("columns", flat=True)
    mapped = {columns.get(name, "") for columns in own for name in ("day", "flight_start", "flight_end")}
    return frozenset(mapped - {""}) | _HOSTS_DAYS


def fetch_sheet(run: Import) -> None:
    """Read the sheet of an import and keep it as the import's file, as it was at that moment. Raises SheetError."""
    rows = read_sheet(
        spreadsheet_id=run.metadata["spreadsheet_id"],
        worksheet_name=run.metadata["worksheet_name"],
        day_columns=_day_columns(),
    )
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    content = text.getvalue().encode("utf-8", "replace")
    run.digest = hashlib.sha256(content).hexdigest()
    run.file_size = len(content)
    run.file.save("sheet.csv", ContentFile(content), save=False)
    run.save(update_fields=["file", "digest", "file_size"])


@transaction.atomic
def connect_sheet(
    *,
    spreadsheet_id: str,
    worksheet_name: str,
    every_hours: int | None,
    by: HasActor | Actor,
    at: datetime,
    profile: str = "",
) -> SheetConnection:
    """Remember a sheet, to be imported by hand or every so many hours. The same sheet again changes its rhythm.

    Raises DomainError like start_sheet_import, DomainError("invalid_rhythm").
    """
    check_sheet(spreadsheet_id.strip(), worksheet_name.strip())
    if every_hours is not None and not 1 <= every_hours <= 7 * 24:
        raise DomainError("invalid_rhythm", "A sheet can be imported every 1 to 168 hours.", field="every_hours")
    connection, _ = SheetConnection.objects.update_or_create(
        spreadsheet_id=spreadsheet_id.strip(),
        worksheet_name=worksheet_name.strip(),
        defaults={
            "every_hours": every_hours,
            "connected_by": actor_of(by).as_json(),
            "profile": _profile(profile).get("profile", ""),
        },
    )
    return connection


def import_due_sheets(*, at: datetime) -> list[Import]:
    """Start an import of each sheet whose hour has come."""
    started = []
    for connection in SheetConnection.objects.filter(every_hours__isnull=False).order_by("created_at"):
        with transaction.atomic():
            locked = SheetConnection.objects.select_for_update().get(pk=connection.pk)
            wait = timedelta(hours=locked.every_hours or 0)
            if locked.last_started_at is not None and at - locked.last_started_at < wait:
                continue
            locked.last_started_at = at
            locked.save(update_fields=["last_started_at"])
            started.append(
                start_sheet_import(
                    spreadsheet_id=locked.spreadsheet_id,
                    worksheet_name=locked.worksheet_name,
                    profile=locked.profile if _is_there(locked.profile) else "",
                    answers=locked.answers,
                    by=SYSTEM,
                    at=at,
                )
            )
    return started


def _is_there(key: str) -> bool:
    return profile_of(key) is not None or order_profile_of(key) is not None


def remember_answers(run: Import) -> None:
    """Keep what a person answered about a sheet for its next imports; a day as of which it counts is asked anew.

    Inside the transaction that imports it.
    """
    if run.source != SOURCE:
        return
    answers = {
        name: text for name, text in run.metadata.get("answers", {}).items() if name not in ("as_of", "revision")
    }
    SheetConnection.objects.filter(
        spreadsheet_id=run.metadata.get("spreadsheet_id", ""), worksheet_name=run.metadata.get("worksheet_name", "")
    ).update(answers=answers)


def disconnect_sheet(*, connection: SheetConnection, by: HasActor | Actor, at: datetime) -> None:
    """Forget a sheet; what was imported from it stays."""
    connection.delete()
