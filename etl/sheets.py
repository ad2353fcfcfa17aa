"""Google Sheets -> rows of text, by the house's service account. The only place that knows gspread.

Google's libraries are loaded by those who read a sheet: they would cost the start of every command and worker.
"""

import json
import random
import time
from collections.abc import Callable
from datetime import date, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import requests
from django.conf import settings
from django.utils import timezone

from tracker.lib.errors import DomainError

SCOPES = ["https://www.googleapis.com/auth/spreadsheets.readonly"]
TRIES = 5
MOST_SECONDS = 120.0
TIMEOUT = (5.0, 25.0)
_AGAIN = frozenset({408, 429, 500, 502, 503, 504})
# Day 0 of a sheet's serial numbers.
_SERIAL_ZERO = date(1899, 12, 30)
_DAY_COLUMNS = frozenset({"day", "flight_start", "flight_end"})


class SheetError(DomainError):
    """A sheet that cannot be read: why, and what to do."""


def share_address() -> str:
    """Return the address to share a sheet with. Raises SheetError when no usable key file is configured."""
    return _key()["client_email"]


def read_sheet(
    *,
    spreadsheet_id: str,
    worksheet_name: str,
    day_columns: frozenset[str] = frozenset(),
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> list[list[str]]:
    """Return the rows of a worksheet as text, all equally long, by one read of the whole sheet.

    day_columns: names of columns, in small letters, whose numbers are days, besides those of the contract's files.

    A busy or failing server is asked up to five times within two minutes, as it wishes (Retry-After) or with growing
    pauses; a refusal is told at once. Raises SheetError.
    """
    import gspread
    from google.auth.exceptions import GoogleAuthError

    client = gspread.service_account_from_dict(_key(), scopes=SCOPES).http_client
    client.set_timeout(TIMEOUT)
    wanted = "'{}'".format(worksheet_name.replace("'", "''"))
    options: dict[str, Any] = {"valueRenderOption": "UNFORMATTED_VALUE", "dateTimeRenderOption": "SERIAL_NUMBER"}
    deadline = clock() + MOST_SECONDS
    for attempt in range(1, TRIES + 1):
        try:
            values = client.values_get(spreadsheet_id, wanted, params=options).get("values", [])
            return _as_text(values, _DAY_COLUMNS | day_columns)
        except (gspread.exceptions.APIError, GoogleAuthError, requests.RequestException, ValueError) as error:
            pause = _pause(error, attempt)
            if pause is None or attempt == TRIES or clock() + pause > deadline:
                raise _told(error, worksheet_name) from error
            sleep(pause)
    raise AssertionError("unreachable")


def _key() -> dict[str, Any]:
    path = settings.GOOGLE_SHEETS_CREDENTIALS_PATH
    if not path:
        raise SheetError("not_connected", "Google Sheets is not connected: set GOOGLE_SHEETS_CREDENTIALS_PATH.")
    try:
        key = json.loads(Path(path).read_text())
        key["client_email"], key["private_key"], key["token_uri"]
    except (OSError, ValueError, KeyError, TypeError):
        told = "The key file of GOOGLE_SHEETS_CREDENTIALS_PATH is missing or is not a service account's key."
        raise SheetError("key_unreadable", told) from None
    return key


def _pause(error: Exception, attempt: int) -> float | None:
    """Return how long to wait before asking again, None when asking again is of no use."""
    import gspread
    from google.auth.exceptions import RefreshError, TransportError

    growing = min(2.0**attempt, 30.0) * random.uniform(0.75, 1.25)  # noqa: S311
    if isinstance(error, gspread.exceptions.APIError):
        response = error.response
        if response.status_code not in _AGAIN:
            return None
        return _retry_after(response.headers.get("Retry-After", "")) or growing
    if isinstance(error, RefreshError):
        return None
    return growing if isinstance(error, (TransportError, requests.ConnectionError, requests.Timeout)) else None


def _retry_after(text: str) -> float | None:
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - timezone.now()).total_seconds())
    except (TypeError, ValueError):
        return None


def _told(error: Exception, worksheet_name: str) -> SheetError:
    import gspread
    from google.auth.exceptions import GoogleAuthError, TransportError

    if isinstance(error, gspread.exceptions.APIError):
        status = error.response.status_code
        known = {
            400: ("worksheet_missing", f"The sheet has no worksheet called {worksheet_name}."),
            401: ("credentials_refused", "Google refused the service account's key; it may have been withdrawn."),
            403: ("not_shared", f"The sheet is not shared with {share_address()}. Share it for reading."),
            404: ("spreadsheet_missing", "There is no such spreadsheet, or it is not shared with us."),
            429: ("quota", "Google's quota is used up; try again in some minutes."),
        }
        code, words = known.get(
            status, ("google_failed", f"Google Sheets answers with an error ({status}); try again.")
        )
        return SheetError(code, words)
    if isinstance(error, GoogleAuthError) and not isinstance(error, TransportError):
        return SheetError("credentials_refused", "Google refused the service account's key; it may have expired.")
    if isinstance(error, (TransportError, requests.ConnectionError, requests.Timeout)):
        return SheetError("google_unreachable", "Google Sheets cannot be reached; try again in some minutes.")
    return SheetError("google_failed", "Google Sheets sent an answer that cannot be read; try again.")


def _as_text(values: list[list[Any]], day_columns: frozenset[str]) -> list[list[str]]:
    """Google cuts trailing blanks off, so rows are filled up; days come as serial numbers."""
    if not values:
        raise SheetError("sheet_empty", "The worksheet is empty.")
    width = max(len(row) for row in values)
    names = [str(name).strip().lower() for name in values[0]]
    days = {place for place, name in enumerate(names) if name in day_columns}
    rows = [[_text(cell, is_day=place in days) for place, cell in enumerate(row)] for row in values]
    return [row + [""] * (width - len(row)) for row in rows]


def _text(cell: Any, *, is_day: bool) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, (int, float)):
        if is_day and 30_000 <= cell < 80_000 and cell == int(cell):
            return (_SERIAL_ZERO + timedelta(days=int(cell))).isoformat()
        return str(int(cell)) if cell == int(cell) else repr(float(cell))
    return str(cell)
