"""Files of hosts: their rows become figures of days, snapshots, figures of shows or shares of the audience."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date
from uuid import UUID

from etl.matching import Known, Matcher, name_key
from etl.models import Import, ImportProfile, WaitingRow
from etl.places import country_code
from etl.profiles import SHIPPED, Daily, Hint, OfShow, Profile, Record, Share
from etl.profiles.base import ColumnError
from etl.profiles.mapped import Mapped
from etl.records import Issue, shown
from etl.services.issues import IssueKeeper
from etl.services.leases import Pulse
from etl.services.questions import answers_of, question
from metrics import reports
from metrics import services as metrics
from metrics.models import Episode, EpisodeAlias, Podcast
from tracker.lib.errors import DomainError

MOST_ROWS = 500_000
# So many rows of unknown episodes are kept to be brought in by one click; more than that is a wrong file.
MOST_WAITING = 20_000


def own_profiles() -> list[Profile]:
    """Return the profiles that this house made for figures."""
    return [
        Mapped(
            key=f"own:{one.pk}",
            title=one.title,
            source=one.source,
            header=tuple(one.header),
            columns=one.columns,
            dimension=one.dimension,
        )
        for one in ImportProfile.objects.filter(kind="metrics").order_by("created_at")
    ]


def profile_of(key: str) -> Profile | None:
    """Return the profile of a key, shipped or the house's own."""
    return next((one for one in (*own_profiles(), *SHIPPED) if one.key == key), None)


class ProfileReading:
    """One pass over a host's file: records by kind, bad rows to the issue keeper."""

    def __init__(self, run: Import, profile: Profile, *, latest: date, issues: IssueKeeper, pulse: Pulse) -> None:
        self.run, self.profile, self.latest, self.issues, self.pulse = run, profile, latest, issues, pulse
        self.rows = 0
        self.days: list[metrics.DayOfEpisode] = []
        self.snapshots: list[reports.SnapshotOf] = []
        self.of_show: list[reports.FigureOfShow] = []
        self.shares: list[Share] = []
        self.unmatched: Counter[tuple[str, str]] = Counter()
        self.waiting: list[WaitingRow] = []
        self.passed_over: list[dict] = []
        self.confidences: list[float] = []
        self._cells: dict[int, dict[str, str]] = {}
        self._matchers: dict[str, Matcher | None] = {}
        self._refused: set[int] = set()

    def take(self, rows: Iterator[tuple[int, dict[str, str]]]) -> None:
        """Take rows given as cells by name, from a file or from those that waited.

        Raises Question for what the file does not say.
        """
        self.answers = answers_of(
            self.profile, self.run.metadata.get("answers", {}), latest=self.latest, file_name=self.run.file_name
        )
        for record in self.profile.finish(self._parsed(rows)):
            self._take(record)
        self.pulse.rows_read = self.rows

    def close(self) -> None:
        self.days.clear()

    # --- rows ---------------------------------------------------------------------------------------------------------
    def _parsed(self, rows: Iterator[tuple[int, dict[str, str]]]) -> Iterator[Record]:
        for line, cells in rows:
            self.rows += 1
            if self.rows > MOST_ROWS:
                raise DomainError("too_many_rows", f"A host's file can have {MOST_ROWS:,} rows at most. Split it.")
            if self.rows % 5_000 == 0:
                self.pulse.rows_read = self.rows
                self.pulse.tick()
            try:
                found = list(self.profile.records(cells, line=line, answers=self.answers))
            except ColumnError as error:
                if error.code == "order_unknown":
                    raise question(self.profile, ["day_first"], file_name=self.run.file_name) from None
                self.issues.refuse_row([error.issue(line)])
                continue
            if any(not isinstance(one, (Share, OfShow)) and self._match(one.hint) is None for one in found):
                self._cells[line] = cells
            yield from found

    def _take(self, record: Record) -> None:
        if isinstance(record, Share):
            is_country = record.dimension == "country" and record.value
            self.shares.append(replace(record, value=country_code(record.value)) if is_country else record)
        elif isinstance(record, OfShow):
            self._take_of_show(record)
        elif (match := self._match(record.hint)) is None:
            self._wait(record.line, record.hint)
        elif isinstance(record, Daily):
            self.days.append(_day_of_episode(record, match, self.profile.source))
        else:
            self.snapshots.append(
                reports.SnapshotOf(match, self.profile.source, record.window, record.as_of, record.downloads)
            )

    def _take_of_show(self, record: OfShow) -> None:
        podcast = self._podcast(record.show)
        if podcast is None:
            reason = "No show here is called so. Say which show the file is about."
            self.issues.refuse_row([Issue(record.line, "show", shown(record.show), "show_unknown", reason)])
            return
        self.of_show.append(
            reports.FigureOfShow(
                podcast_id=podcast.pk,
                source=self.profile.source,
                first_day=record.first_day,
                last_day=record.last_day,
                downloads=record.downloads,
                listeners=record.listeners,
            )
        )

    def _wait(self, line: int, hint: Hint) -> None:
        if line in self._refused:
            return
        self._refused.add(line)
        self.unmatched[hint.text.strip(), hint.show] += 1
        reason = "No episode of the show is known by this. Link or create it below."
        self.issues.refuse_row([Issue(line, "episode", shown(hint.text), "episode_unmatched", reason)])
        cells = self._cells.pop(line, None)
        if cells is not None and len(self.waiting) < MOST_WAITING:
            self.waiting.append(
                WaitingRow(
                    import_run=self.run,
                    kind=WaitingRow.Kind.EPISODE,
                    line=line,
                    code="episode_unmatched",
                    name=hint.text.strip()[:300],
                    show=hint.show[:300],
                    cells={name: text.replace("\0", "") for name, text in cells.items()},
                )
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
            if podcast is None and self.profile.any_show:
                self._matchers[show] = matcher_of_all()
            else:
                self._matchers[show] = matcher_of(podcast) if podcast else None
        return self._matchers[show]

    def _podcast(self, show: str) -> Podcast | None:
        if self.answers.podcast:
            return Podcast.objects.filter(pk=self.answers.podcast).first()
        return podcast_called(show)


def podcast_called(show: str) -> Podcast | None:
    """Return the show of a title, as titles are compared."""
    wanted = name_key(show)
    return next((one for one in Podcast.objects.order_by("title") if name_key(one.title) == wanted), None)


def matcher_of(podcast: Podcast) -> Matcher:
    """Return what finds episodes of a show."""
    aliases = dict(EpisodeAlias.objects.filter(podcast=podcast).values_list("name_key", "episode_id"))
    return Matcher(_known(Episode.objects.filter(podcast=podcast)), aliases)


def matcher_of_all() -> Matcher:
    """Return what finds episodes of all shows, by ids and guids alone."""
    aliases = dict(EpisodeAlias.objects.order_by("alias_id").values_list("name_key", "episode_id"))
    return Matcher(_known(Episode.objects.all()), aliases, ids_only=True)


def _known(episodes) -> list[Known]:
    return [
        Known(one.pk, one.title, one.guid, one.drops_at.astimezone(UTC).date() if one.drops_at else None)
        for one in episodes.only("episode_id", "title", "guid", "drops_at")
    ]


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
        completion_rate=metrics.rate_of(completion),
        ctr=metrics.rate_of(ctr),
    )
