"""Clicks on vanity links: one append to a file of the process, counted later. No address is kept of anybody.

A click is a line in `<MEDIA_ROOT>/clicks/<tenant>/<process>.clicks`, written by one O_APPEND write: once it returned,
the kernel has it, and kill -9 of the process loses nothing. The drain counts what is new and notes how far it read in
one transaction, so its own death neither loses nor doubles a click. Source: PERFORMANCE, vanity redirect.
"""

import logging
import os
import re
import secrets
import time
from collections import Counter, OrderedDict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from bookings.models import ClickSpool, LinkClicks, VanityLink

logger = logging.getLogger(__name__)

MOST_OPEN_FILES = 100
# A file that nobody has written for so long is closed for good; its process is gone, or opens a new one.
QUIET_FOR = timedelta(hours=1)
A_READ = 8 * 1024 * 1024
_LINE = re.compile(rb"([0-9a-f]{32}) (\d{10})")

_COUNT = f"""
INSERT INTO {LinkClicks._meta.db_table} AS kept (link_id, day, clicks) VALUES (%s, %s, %s)
ON CONFLICT (link_id, day) DO UPDATE SET clicks = kept.clicks + excluded.clicks
"""  # noqa: S608

_files: "OrderedDict[tuple[int, str], tuple[int, float]]" = OrderedDict()


def keep_click(schema: str, link_id: UUID) -> None:
    """Keep a click of a tenant's link. Raises OSError when the disk takes nothing."""
    line = b"%s %d\n" % (link_id.hex.encode(), int(time.time()))
    written = os.write(_file_of(schema), line)
    if written != len(line):
        raise OSError("the disk took only a part of a click")


def drain_clicks(*, at: datetime) -> int:
    """Count the clicks of the entered tenant that were kept since the last time; return how many.

    Files that are read to their end and quiet for an hour are removed.
    """
    folder = _folder(connection.schema_name)  # type: ignore[attr-defined]
    if not folder.is_dir():
        return 0
    return sum(_drain(path, at) for path in sorted(folder.glob("*.clicks")))


@transaction.atomic
def _drain(path: Path, at: datetime) -> int:
    ClickSpool.objects.bulk_create([ClickSpool(name=path.name, read_at=at)], ignore_conflicts=True)
    # A second drain waits here, then finds nothing new.
    spool = ClickSpool.objects.select_for_update().get(name=path.name)
    try:
        with path.open("rb") as file:
            file.seek(spool.read_to)
            fresh = file.read(A_READ)
    except FileNotFoundError:
        return 0
    whole = fresh[: fresh.rfind(b"\n") + 1]
    if not whole:
        _remove_when_quiet(path, spool, at)
        return 0
    counted = _counted(whole)
    known = set(VanityLink.objects.filter(pk__in={link for link, _day in counted}).values_list("pk", flat=True))
    rows = sorted((link, day, clicks) for (link, day), clicks in counted.items() if link in known)
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(_COUNT, rows)
    spool.read_to += len(whole)
    spool.read_at = at
    spool.save(update_fields=["read_to", "read_at"])
    return sum(clicks for _link, _day, clicks in rows)


def _counted(lines: bytes) -> Counter[tuple[UUID, date]]:
    counts: Counter[tuple[UUID, date]] = Counter()
    for line in lines.splitlines():
        read = _LINE.fullmatch(line)
        if read is None:
            logger.warning("a line of clicks could not be read")
            continue
        moment = datetime.fromtimestamp(int(read[2]), tz=UTC)
        counts[UUID(read[1].decode()), moment.date()] += 1
    return counts


def _remove_when_quiet(path: Path, spool: ClickSpool, at: datetime) -> None:
    written = datetime.fromtimestamp(path.stat().st_mtime, tz=UTC)
    if datetime.now(UTC) - written < QUIET_FOR:
        return
    path.unlink(missing_ok=True)
    spool.delete()


def _file_of(schema: str) -> int:
    """Return the open file of this process for a tenant: a fork, and an hour without a click, begin a new one."""
    key = (os.getpid(), f"{settings.MEDIA_ROOT}:{schema}")
    now = time.monotonic()
    kept = _files.get(key)
    # Half the quiet time, so that a file is never written after a drain removed it.
    if kept is not None and now - kept[1] < QUIET_FOR.total_seconds() / 2:
        _files[key] = (kept[0], now)
        return kept[0]
    if kept is not None:
        os.close(_files.pop(key)[0])
    folder = _folder(schema)
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{os.getpid()}-{secrets.token_hex(8)}.clicks"
    handle = os.open(folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    _files[key] = (handle, now)
    while len(_files) > MOST_OPEN_FILES:
        os.close(_files.popitem(last=False)[1][0])
    return handle


def _folder(schema: str) -> Path:
    return Path(settings.MEDIA_ROOT) / "clicks" / schema
