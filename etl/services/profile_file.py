"""Files of hosts: their rows become figures of days, snapshots or shares of the audience, and go in together."""

import csv
import io
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import BinaryIO
from uuid import UUID

from etl.cells import day_of
from etl.matching import Known, Matcher, name_key
from etl.models import Import, ImportProfile
from etl.profiles import Answers, Daily, Hint, Profile, Record, Share, detected, normal_names
from etl.profiles.base import ColumnError
from etl.profiles.mapped import Mapped
from etl.records import Issue, shown
from etl.services.issues import IssueKeeper
from etl.services.leases import Pulse
from metrics import reports
from metrics import services as metrics
from metrics.models import Episode, EpisodeAlias, Podcast
from tracker.lib.errors import DomainError

MOST_ROWS = 500_000
TITLE_ROWS = 10
SAMPLE = 5


class Question(DomainError):
    """What the file does not say and a person must: answers_needed, header_unknown. `details` is what the page asks."""


def own_profiles() -> list[Profile]:
    """Return the profiles that this house made."""
    return [
        Mapped(
            key=f"own:{one.pk}",
            title=one.title,
            source=one.source,
            header=tuple(one.header),
            columns=one.columns,
            dimension=one.dimension,
        )
        for one in ImportProfile.objects.order_by("created_at")
    ]


class ProfileReading:
    """One pass over a host's file: records by kind, bad rows to the issue keeper."""

    def __init__(self, run: Import, *, latest: date, issues: IssueKeeper, pulse: Pulse) -> None:
        self.run, self.latest, self.issues, self.pulse = run, latest, issues, pulse
        self.rows = 0
        self.days: list[metrics.DayOfEpisode] = []
        self.snapshots: list[reports.SnapshotOf] = []
        self.shares: list[Share] = []
        self.unmatched: Counter[tuple[str, str]] = Counter()
        self.confidences: list[float] = []
        self._matchers: dict[str, Matcher | None] = {}
        self._refused: set[int] = set()

    def read(self, stream: BinaryIO) -> None:
        """Read all rows. Raises Question when the file is of no known kind, or does not say what must be known."""
        stream.seek(0)
        with closing(_numbered_rows(stream)) as rows:
            self._read_rows(rows)

    def _read_rows(self, rows: Iterator[tuple[int, list[str]]]) -> None:
        header, sample = _find_header(rows, own_profiles())
        if header is None:
            raise Question(
                "header_unknown", _UNKNOWN, header=sample[0] if sample else [], sample=sample[1 : 1 + SAMPLE]
            )
        names, profile = header
        self.profile, self.names = profile, normal_names(names)
        self.answers = self._answers(profile)
        body = self._parsed(rows)
        for record in profile.finish(body):
            self._take(record)
        self.pulse.rows_read = self.rows

    def close(self) -> None:
        self.days.clear()

    # --- answers ------------------------------------------------------------------------------------------------------
    def _answers(self, profile: Profile) -> Answers:
        given = self.run.metadata.get("answers", {})
        missing = [name for name in profile.asks if name not in given and name != "day_first"]
        if missing:
            raise self._question(profile, missing)
        as_of = given.get("as_of")
        return Answers(
            podcast=given.get("podcast", ""),
            as_of=day_of(as_of, day_first=None, latest=self.latest) if as_of else None,
            day_first={"day": True, "month": False}.get(given.get("day_first", "")),
            latest=self.latest,
        )

    def _question(self, profile: Profile, missing: list[str]) -> Question:
        told = f"{profile.title}: the file does not say {' and '.join(_ASKED[name] for name in missing)}."
        suggested = profile.suggested(self.run.file_name)
        return Question("answers_needed", told, profile=profile.title, asks=missing, suggested=suggested)

    # --- rows ---------------------------------------------------------------------------------------------------------
    def _parsed(self, rows: Iterator[tuple[int, list[str]]]) -> Iterator[Record]:
        for line, cells in rows:
            if not any(text.strip() for text in cells) or normal_names(cells) == self.names:
                continue
            self.rows += 1
            if self.rows > MOST_ROWS:
                raise DomainError("too_many_rows", f"A host's file can have {MOST_ROWS:,} rows at most. Split it.")
            if self.rows % 5_000 == 0:
                self.pulse.rows_read = self.rows
                self.pulse.tick()
            named = dict(zip(self.names, [*cells, *[""] * (len(self.names) - len(cells))], strict=False))
            try:
                yield from list(self.profile.records(named, line=line, answers=self.answers))
            except ColumnError as error:
                if error.code == "order_unknown":
                    raise self._question(self.profile, ["day_first"]) from None
                self.issues.refuse_row([error.issue(line)])

    def _take(self, record: Record) -> None:
        if isinstance(record, Share):
            self.shares.append(record)
            return
        match = self._match(record.hint)
        if match is None:
            if record.line in self._refused:
                return
            self._refused.add(record.line)
            self.unmatched[record.hint.text.strip(), record.hint.show] += 1
            reason = "No episode of the show is known by this. Link or create it below."
            self.issues.refuse_row(
                [Issue(record.line, "episode", shown(record.hint.text), "episode_unmatched", reason)]
            )
        elif isinstance(record, Daily):
            self.days.append(_day_of_episode(record, match, self.profile.source))
        else:
            self.snapshots.append(
                reports.SnapshotOf(match, self.profile.source, record.window, record.as_of, record.downloads)
            )

    def _match(self, hint: Hint) -> UUID | None:
        matcher = self._matcher(hint.show)
        found = matcher.find(hint) if matcher else None
        if found is None:
            return None
        self.confidences.append(found.confidence)
        return found.episode_id

    def _matcher(self, show: str) -> Matcher | None:
        if show not in self._matchers:
            podcast = self._podcast(show)
            self._matchers[show] = matcher_of(podcast) if podcast else None
        return self._matchers[show]

    def _podcast(self, show: str) -> Podcast | None:
        if self.answers.podcast:
            return Podcast.objects.filter(pk=self.answers.podcast).first()
        wanted = name_key(show)
        return next((one for one in Podcast.objects.order_by("title") if name_key(one.title) == wanted), None)


def matcher_of(podcast: Podcast) -> Matcher:
    """Return what finds episodes of a show."""
    episodes = Episode.objects.filter(podcast=podcast).only("episode_id", "title", "guid", "drops_at")
    known = [
        Known(one.pk, one.title, one.guid, one.drops_at.astimezone(UTC).date() if one.drops_at else None)
        for one in episodes
    ]
    aliases = dict(EpisodeAlias.objects.filter(podcast=podcast).values_list("name_key", "episode_id"))
    return Matcher(known, aliases)


def write_profile(run: Import, reading: ProfileReading, *, at: datetime) -> tuple[int, dict]:
    """Bring the records in, inside the caller's transaction. Returns how many count as imported, and what to tell."""
    done = metrics.record_metrics(rows=reading.days, at=at, label=run.file_name, import_id=run.pk)
    snapshots = reports.record_snapshots(rows=reading.snapshots, import_id=run.pk, at=at, label=run.file_name)
    shares = reports.Reported(new=0, changed=0, unchanged=0)
    if reading.shares:
        shares = reports.record_audience(
            podcast_id=UUID(reading.answers.podcast),
            source=reading.profile.source,
            shares=[(one.dimension, one.value, one.amount, one.as_of, one.is_count) for one in reading.shares],
            import_id=run.pk,
        )
    new, changed = done.new + snapshots.new + shares.new, done.changed + snapshots.changed + shares.changed
    unmatched = [
        {"name": shown(name), "show": shown(show), "rows": rows}
        for (name, show), rows in reading.unmatched.most_common(100)
    ]
    return new + changed, {
        "profile": reading.profile.title,
        "new": new,
        "changed": changed,
        "unchanged": done.unchanged + snapshots.unchanged + shares.unchanged,
        "repeated": done.repeated,
        "days": done.new + done.changed,
        "snapshots": snapshots.new + snapshots.changed,
        "shares": shares.new + shares.changed,
        "least_confidence": min(reading.confidences, default=None),
        **({"unmatched": unmatched} if unmatched else {}),
    }


def _day_of_episode(record: Daily, episode_id: UUID, source: str) -> metrics.DayOfEpisode:
    downloads, listeners, conversions, revenue_cents, completion, ctr = record.figures
    return metrics.DayOfEpisode(
        day=record.day,
        episode_id=episode_id,
        source=source,
        downloads=downloads,
        listeners=listeners,
        conversions=conversions,
        revenue_cents=revenue_cents,
        completion_rate=None if completion is None else Decimal(completion) / 1_000_000,
        ctr=None if ctr is None else Decimal(ctr) / 1_000_000,
    )


_ASKED = {
    "podcast": "which show it is about",
    "as_of": "as of which day it counts",
    "day_first": "whether days or months come first",
}
_UNKNOWN = "Nobody knows this header yet. Say which column means what, and it is remembered."


def _numbered_rows(stream: BinaryIO) -> Generator[tuple[int, list[str]], None, None]:
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="")
    reader = csv.reader(text)
    try:
        before = 0
        for cells in reader:
            yield before + 1, cells
            before = reader.line_num
    except csv.Error:
        raise DomainError(
            "broken_quoting", f"Line {before + 1} cannot be read: its quotes do not fit together."
        ) from None
    finally:
        text.detach()


def _find_header(
    rows: Iterator[tuple[int, list[str]]], own: list[Profile]
) -> tuple[tuple[list[str], Profile] | None, list[list[str]]]:
    """Return the header and its profile, title rows above it passed over; else None and the first rows."""
    seen: list[list[str]] = []
    for _line, cells in rows:
        profile = detected(cells, own)
        if profile is not None:
            return (cells, profile), seen
        if any(text.strip() for text in cells):
            seen.append([shown(text) for text in cells[:60]])
        if len(seen) > TITLE_ROWS:
            break
    widest = max((len(row) for row in seen), default=0)
    start = next((n for n, row in enumerate(seen) if len(row) == widest), 0)
    return None, seen[start:]
