"""The last days of the demo's figures, sent as files the way a house sends them, so that imports have a history."""

import csv
import io
from datetime import date, datetime, timedelta
from uuid import UUID

from django.core.files.uploadedfile import SimpleUploadedFile

from etl.models import Import
from etl.services import run_waiting_imports, start_import
from tracker.accounts.models import User
from tracker.demo.audience import SimulatedDay
from tracker.demo.house import simulated_days
from tracker.demo.ids import SOURCES

# Days that come by file, the last of them being the last complete day.
UPLOADED_DAYS = 3
COLUMNS = ("day", "episode_id", "source", "downloads", "listeners", "completion_rate", "ctr", "conversions")

# Two lines as they happen: a rate in percent, and a day that is none.
SPOILED = (
    ("{day}", "{episode}", "op3", "120", "96", "84", "", "", ""),
    ("31.11.", "{episode}", "op3", "1", "", "", "", "", ""),
)
NOT_A_TABLE = b"Dear all,\nthe figures follow on Monday.\n"


def upload_last_days(*, last_day: date, by: User, at: datetime) -> None:
    """Send the days up to `last_day` as one file a source and day, and let them be imported at once.

    Does nothing where files were sent before. One file has two wrong lines, one is no table at all.
    """
    if Import.objects.exists():
        return
    first = last_day - timedelta(days=UPLOADED_DAYS - 1)
    days = [(episode, day) for episode, day in simulated_days(last_day=last_day) if day.day >= first]
    _send("figures.csv", NOT_A_TABLE, by=by, at=at)
    for offset in range(UPLOADED_DAYS):
        wanted = first + timedelta(days=offset)
        for source in SOURCES:
            rows = [(episode, day) for episode, day in days if day.day == wanted and day.source == source]
            spoiled = SPOILED if source == SOURCES[1] and wanted == last_day else ()
            _send(f"{source}-{wanted}.csv", _file(rows, spoiled), by=by, at=at)
    while run_waiting_imports():
        pass


def _send(name: str, content: bytes, *, by: User, at: datetime) -> None:
    start_import(file=SimpleUploadedFile(name, content, content_type="text/csv"), by=by, at=at)


def _file(rows: list[tuple[UUID, SimulatedDay]], spoiled: tuple[tuple[str, ...], ...]) -> bytes:
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow((*COLUMNS, "revenue_cents"))
    for episode, day in rows:
        cells = [getattr(day, name) for name in COLUMNS[2:]]
        table.writerow([day.day, episode, *cells, day.revenue_cents])
    for line in spoiled:
        episode, day = rows[0]
        table.writerow([cell.format(day=day.day, episode=episode) for cell in line])
    return text.getvalue().encode()
