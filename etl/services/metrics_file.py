"""The contract's metrics file: rows become facts, block by block, and go in together."""

from collections import Counter
from datetime import date, datetime

import numpy as np
from django.db import transaction

from etl.cells import is_furniture
from etl.fastlane import Lane, Words, day_words
from etl.models import Import, WaitingRow
from etl.readers import Block, TableFile
from etl.records import Header, Issue, MetricRecord, shown
from etl.services.issues import IssueKeeper
from etl.services.leases import Pulse
from etl.services.profile_writing import told_jumps
from etl.tables import note_passed
from metrics import services as metrics
from metrics.facts import ALL_BLANK, BLANK_BIT, EPOCH, FACT, MAX_EPISODE, MEASURES, FactSpool, day_number, pack_key
from metrics.models import Episode, EpisodeAlias

# So many rows left over by the fast lane are worth asking whether it only lacks the name of a source.
_WORTH_LEARNING = 200
# So many rows of unknown episodes wait to be brought in by one click; past that the file is for another house.
MOST_WAITING = 2_000
_AN_ID = r"^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$"


class MetricsReading:
    """One pass over a metrics file: good rows into the spool, bad ones to the issue keeper."""

    def __init__(self, run: Import, header: Header, *, latest: date, issues: IssueKeeper, pulse: Pulse) -> None:
        self.run, self.header, self.latest, self.issues, self.pulse = run, header, latest, issues, pulse
        self.waiting: list[WaitingRow] = []
        self.passed_over: list[dict] = []
        self.spool = FactSpool()
        self.rows = 0
        self.episodes = {
            str(episode_id): code
            for episode_id, code in Episode.objects.filter(code__lte=MAX_EPISODE).values_list("episode_id", "code")
        }
        # Ids that a person linked once to an episode of ours.
        linked = EpisodeAlias.objects.filter(name_key__regex=_AN_ID).values_list("name_key", "episode__code")
        for name, code in linked:
            self.episodes.setdefault(name, code)
        self.sources = metrics.source_codes()
        self.new_sources: dict[str, int] = {}
        self._lane = Lane(
            columns=header.columns,
            width=header.width,
            days=day_words(first=EPOCH, last=latest),
            episodes=Words({name.encode(): code for name, code in self.episodes.items()}),
            sources=self._source_words(),
        )

    def read(self, table: TableFile) -> None:
        for block in table.blocks():
            self._read_block(block)
            self.pulse.rows_read, self.pulse.bytes_read = self.rows, block.end
            self.issues.flush()
            self.pulse.tick()

    def close(self) -> None:
        self.spool.close()

    def _read_block(self, block: Block) -> None:
        taken = self._lane.read(block.plain)
        while len(taken.left) >= _WORTH_LEARNING and self._learn_sources(block, taken):
            taken = self._lane.read(block.plain)
        facts, lines = [taken.facts], [self._lines(block, taken.places)]
        careful = [
            (int(line), block.plain[taken.starts[place] : taken.ends[place]])
            for place, line in zip(taken.left.tolist(), self._lines(block, taken.left).tolist(), strict=True)
        ]
        rows = [(line, text.decode("utf-8", "surrogateescape").split(",")) for line, text in careful]
        # Spreadsheet programs leave rows of empty cells behind.
        rows = [(line, cells) for line, cells in (*rows, *block.others) if not self._is_furniture(line, cells)]
        good = [(line, fact) for line, cells in rows if (fact := self._careful(line, cells)) is not None]
        self.rows += len(taken.facts) + len(rows)
        if good:
            facts.append(np.array([fact for _, fact in good], dtype=FACT))
            lines.append(np.array([line for line, _ in good], dtype=np.int64))
            # Rows of one key must stay in the order of the file: the later one counts.
            order = np.argsort(np.concatenate(lines), kind="stable")
            self.spool.add(np.concatenate(facts)[order])
        else:
            self.spool.add(taken.facts)

    @staticmethod
    def _lines(block: Block, places: np.ndarray) -> np.ndarray:
        return places + block.first_line if block.lines is None else np.asarray(block.lines, dtype=np.int64)[places]

    def _learn_sources(self, block: Block, taken) -> bool:
        """Look at some rows left over; return whether one of them named a source that is new here."""
        before = len(self.sources)
        for place in taken.left[:: max(1, len(taken.left) // 50)].tolist():
            cells = block.plain[taken.starts[place] : taken.ends[place]].decode("utf-8", "surrogateescape").split(",")
            record = self._parsed(0, cells)
            if isinstance(record, MetricRecord):
                self._source(record.source)
        if len(self.sources) == before:
            return False
        self._lane.sources = self._source_words()
        return True

    def _is_furniture(self, line: int, cells: list[str]) -> bool:
        """A blank row, a total of the others or a note: nothing of its own."""
        if not is_furniture([*cells, *[""] * (self.header.width - len(cells))]):
            return False
        note_passed(self.passed_over, line, cells)
        return True

    def _wait(self, line: int, cells: list[str]) -> None:
        named = {name: cells[place].replace("\0", "") for name, place in self.header.columns.items()}
        if len(self.waiting) < MOST_WAITING:
            self.waiting.append(
                WaitingRow(
                    import_run=self.run,
                    kind=WaitingRow.Kind.EPISODE,
                    line=line,
                    code="unknown_episode",
                    name=named["episode_id"].strip().lower(),
                    cells=named,
                )
            )

    def _careful(self, line: int, cells: list[str]) -> tuple | None:
        record = self._parsed(line, cells)
        if isinstance(record, list):
            self.issues.refuse_row(record)
            return None
        episode = self.episodes.get(str(record.episode_id))
        if episode is None:
            value = shown(cells[self.header.columns["episode_id"]].strip())
            self.issues.refuse_row([Issue(line, "episode_id", value, "unknown_episode", "No such episode here.")])
            self._wait(line, cells)
            return None
        blank, figures = int(ALL_BLANK), []
        for name, figure in zip(MEASURES, record.figures, strict=True):
            if figure is not None:
                blank &= ~int(BLANK_BIT[name])
            figures.append(figure or 0)
        key = pack_key(day_number(record.day), episode, self._source(record.source))
        return (int(key), *figures, blank)

    def _parsed(self, line: int, cells: list[str]) -> MetricRecord | list[Issue]:
        if len(cells) != self.header.width:
            told = f"The row has {len(cells)} cells, the header names {self.header.width} columns."
            return [Issue(line, "", shown(",".join(cells)), "column_count", told)]
        named = {name: cells[place] for name, place in self.header.columns.items()}
        return MetricRecord.parse(named, line=line, latest=self.latest)

    def _source(self, name: str) -> int:
        code = self.sources.get(name)
        if code is None:
            code = self.sources[name] = self.new_sources[name] = metrics.free_source_code(self.sources.values())
            self._lane.sources = self._source_words()
        return code

    def _source_words(self) -> Words:
        return Words({name.encode(): code for name, code in self.sources.items() if len(name.encode()) <= 40})


def write_metrics(run: Import, reading: MetricsReading, *, at: datetime) -> tuple[int, dict]:
    """Bring the rows in, inside the caller's transaction. Returns how many count as imported, and what to tell."""
    metrics.add_sources(reading.new_sources)
    recorded = metrics.record_facts(
        spool=reading.spool, at=at, label=run.file_name, import_id=run.pk, progress=reading.pulse.wrote
    )
    return recorded.new + recorded.changed, {
        "new": recorded.new,
        "changed": recorded.changed,
        "unchanged": recorded.unchanged,
        "repeated": recorded.repeated,
        **_told(reading),
    }


def preview_metrics(reading: MetricsReading) -> tuple[int, dict]:
    """Say what write_metrics would do, and do nothing."""
    with transaction.atomic():
        found = metrics.preview_facts(spool=reading.spool, progress=reading.pulse.wrote)
        transaction.set_rollback(True)
    return found.difference.new + found.difference.changed, {
        "new": found.difference.new,
        "changed": found.difference.changed,
        "unchanged": found.difference.unchanged,
        "repeated": reading.spool.repeated,
        "episodes": len(reading.spool.episodes),
        "downloads_before": found.downloads_before,
        "downloads_after": found.downloads_after,
        "jumps": told_jumps(found.jumps),
        **_told(reading),
    }


def _told(reading: MetricsReading) -> dict:
    told: dict = {}
    if (days := reading.spool.day_range()) is not None:
        told |= {"first_day": days[0].isoformat(), "last_day": days[1].isoformat()}
    if reading.passed_over:
        told["passed_over"] = reading.passed_over
    if reading.waiting:
        counts = Counter(row.name for row in reading.waiting)
        told["unmatched"] = [{"name": name, "show": "", "rows": rows} for name, rows in counts.most_common(100)]
    return told
