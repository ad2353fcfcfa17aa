"""What there is to sponsor, and how many hear it."""

from collections.abc import Iterable
from typing import Self
from uuid import UUID

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext_lazy as _

from tracker.lib.ids import new_id


class NextValue(models.Func):
    """The next number of a sequence of this schema, as a column's default."""

    function = "nextval"
    output_field = models.BigIntegerField()

    def __init__(self, sequence: str, **extra) -> None:
        super().__init__(models.Value(sequence), **extra)


@pghistory.track()
class Podcast(models.Model):
    """A show that can be sponsored."""

    podcast_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    title = models.CharField(max_length=200)
    slug = models.SlugField(max_length=120, unique=True)
    description = models.TextField(blank=True)
    host_name = models.CharField(_("host"), max_length=200, blank=True)
    language = models.CharField(max_length=16, blank=True, help_text=_("as in the feed, for example de or en-US"))
    categories = ArrayField(models.CharField(max_length=80), default=list, blank=True, help_text=_("Apple genres"))
    tags = ArrayField(models.CharField(max_length=80), default=list, blank=True)
    is_explicit = models.BooleanField(_("explicit"), default=False)
    website_url = models.URLField(max_length=500, blank=True)
    feed_url = models.URLField(max_length=500, blank=True)
    artwork_url = models.URLField(max_length=500, blank=True)
    # Days on which new episodes usually drop, 0 = Monday, and the local time; the release schedule plans coming slots.
    release_weekdays = ArrayField(models.PositiveSmallIntegerField(), default=list, blank=True)
    release_time = models.TimeField(null=True, blank=True)
    time_zone = models.CharField(max_length=64, blank=True, help_text=_("empty: the house's own zone"))
    is_archived = models.BooleanField(_("archived"), default=False)
    is_simulated = models.BooleanField(_("simulated data"), default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "podcasts"
        verbose_name = _("show")
        verbose_name_plural = _("shows")

    def __str__(self) -> str:
        return self.title


@pghistory.track()
class Episode(models.Model):
    """One episode of a show: out already, or planned from the show's release schedule.

    `code` is the small integer by which the bulk facts know the episode.
    """

    episode_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    code = models.BigIntegerField(unique=True, editable=False, db_default=NextValue("episode_codes"))
    podcast = models.ForeignKey("metrics.Podcast", on_delete=models.PROTECT, related_name="episodes")
    title = models.CharField(max_length=300)
    number = models.PositiveIntegerField(null=True, blank=True)
    season = models.PositiveIntegerField(null=True, blank=True)
    guid = models.CharField(max_length=500, blank=True)
    # The instant it came out, or is planned to; `is_published` tells which.
    drops_at = models.DateTimeField(null=True, blank=True)
    is_published = models.BooleanField(_("out"), default=True)
    duration_seconds = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "episodes"
        constraints = [
            models.UniqueConstraint(fields=["podcast", "guid"], name="episode_guid_once", condition=~Q(guid="")),
        ]
        indexes = [models.Index(fields=["podcast", "-drops_at"], name="episode_newest")]

    def __str__(self) -> str:
        return f"{self.number} · {self.title}" if self.number else self.title


class MetricSource(models.Model):
    """Who counted: a host, a platform, a measuring service. Facts know it by its number; sources are never added."""

    code = models.SmallAutoField(primary_key=True)
    name = models.CharField(max_length=40, unique=True)

    class Meta:
        db_table = "metric_sources"

    def __str__(self) -> str:
        return self.name


class Breakdown(models.Model):
    """What a fact speaks of: the whole (code 0, the only one that daily figures come from), one app, one country."""

    TOTAL = 0

    class Dimension(models.TextChoices):
        TOTAL = "total", _("total")
        COUNTRY = "country", _("country")
        REGION = "region", _("region")
        CITY = "city", _("city")
        AGE = "age", _("age")
        GENDER = "gender", _("sex")
        APP = "app", _("app")
        DEVICE = "device", _("device")

    code = models.AutoField(primary_key=True)
    dimension = models.CharField(max_length=16, choices=Dimension)
    value = models.CharField(max_length=120, blank=True)

    class Meta:
        db_table = "metric_breakdowns"
        constraints = [models.UniqueConstraint(fields=["dimension", "value"], name="breakdown_once")]

    def __str__(self) -> str:
        return f"{self.dimension} {self.value}".strip()


class MetricBatch(models.Model):
    """One act that brought or took facts: an import, its undoing, a simulation. Each fact names the last that wrote it.

    Batches of a tenant are written one after the other, so their numbers are the order in which they became visible.
    """

    code = models.AutoField(primary_key=True)
    # The row of etl_imports, when a file or sheet brought it.
    import_id = models.UUIDField(null=True, blank=True, db_index=True)
    label = models.CharField(max_length=200, blank=True)
    first_day = models.DateField(null=True)
    last_day = models.DateField(null=True)
    # Its figures are differences of snapshots: they go when a snapshot goes.
    is_derived = models.BooleanField(default=False, db_default=False)
    # The batch that took this one back.
    undone_by = models.IntegerField(null=True)
    recorded_at = models.DateTimeField()

    class Meta:
        db_table = "metric_batches"

    def __str__(self) -> str:
        return self.label or str(self.code)


class ListenerMetric(models.Model):
    """A raw fact: what one source counted on one day for one episode, as a whole or for one breakdown.

    Split in two by the database: totals, which are the daily rollup, and breakdowns. Written in bulk by
    `metrics.services` alone; rates are kept in millionths. A blank measure is NULL. References are checked once a
    statement by a trigger (docs/decisions/0008-compact-facts.md).
    """

    day = models.DateField()
    episode = models.ForeignKey(
        "metrics.Episode", models.DO_NOTHING, to_field="code", db_column="episode_code", related_name="+"
    )
    source = models.ForeignKey("metrics.MetricSource", models.DO_NOTHING, db_column="source_code", related_name="+")
    breakdown = models.ForeignKey("metrics.Breakdown", models.DO_NOTHING, db_column="breakdown_code", related_name="+")
    batch = models.ForeignKey("metrics.MetricBatch", models.DO_NOTHING, db_column="batch_code", related_name="+")
    downloads = models.BigIntegerField(null=True)
    listeners = models.BigIntegerField(null=True)
    conversions = models.BigIntegerField(null=True)
    revenue_cents = models.BigIntegerField(null=True)
    completion_ppm = models.IntegerField(null=True)
    ctr_ppm = models.IntegerField(null=True)

    pk = models.CompositePrimaryKey("day", "episode", "source", "breakdown")

    class Meta:
        db_table = "listener_metrics"
        managed = False


class ReplacedMetric(models.Model):
    """What a fact said before a later batch restated it: what did we know on day X, and what undoing goes back to."""

    replaced_id = models.BigAutoField(primary_key=True)
    day = models.DateField()
    episode = models.ForeignKey(
        "metrics.Episode",
        models.PROTECT,
        to_field="code",
        db_column="episode_code",
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    source_code = models.SmallIntegerField()
    breakdown_code = models.IntegerField()
    downloads = models.BigIntegerField(null=True)
    listeners = models.BigIntegerField(null=True)
    conversions = models.BigIntegerField(null=True)
    revenue_cents = models.BigIntegerField(null=True)
    completion_ppm = models.IntegerField(null=True)
    ctr_ppm = models.IntegerField(null=True)
    # The batch that had said it, and the one that said otherwise.
    batch_code = models.IntegerField()
    replaced_by = models.IntegerField()
    # The undoing after which this step is only history: it says what was known, and nothing goes back to it.
    closed_by = models.IntegerField(null=True)

    class Meta:
        db_table = "listener_metrics_replaced"
        indexes = [
            models.Index(fields=["replaced_by"], name="replaced_by_batch"),
            models.Index(fields=["episode", "day"], name="replaced_of_episode"),
        ]


class MonthlyDetail(models.Model):
    """A month of one episode by one source and one breakdown, added up when its days became too old to keep."""

    month = models.DateField()
    episode = models.ForeignKey(
        "metrics.Episode",
        models.CASCADE,
        to_field="code",
        db_column="episode_code",
        related_name="+",
        db_index=False,
    )
    source_code = models.SmallIntegerField()
    breakdown_code = models.IntegerField()
    downloads = models.BigIntegerField(null=True)
    conversions = models.BigIntegerField(null=True)
    revenue_cents = models.BigIntegerField(null=True)
    # Of how many days it is the sum.
    days = models.SmallIntegerField()

    pk = models.CompositePrimaryKey("month", "episode", "source_code", "breakdown_code")

    class Meta:
        db_table = "metrics_monthly_detail"


class DailyFigures(models.Model):
    """The columns that metrics_daily and its rollup share. Sources are never added up; listeners never over days."""

    day = models.DateField()
    episode = models.ForeignKey("metrics.Episode", models.DO_NOTHING, related_name="+")
    podcast = models.ForeignKey("metrics.Podcast", models.DO_NOTHING, related_name="+")
    source = models.CharField(max_length=40)
    downloads = models.BigIntegerField(null=True)
    listeners = models.BigIntegerField(null=True)
    completion_rate = models.DecimalField(max_digits=7, decimal_places=6, null=True)
    ctr = models.DecimalField(max_digits=7, decimal_places=6, null=True)
    conversions = models.BigIntegerField(null=True)
    revenue_cents = models.BigIntegerField(null=True)
    last_updated = models.DateTimeField()

    pk = models.CompositePrimaryKey("episode", "day", "source")

    class Meta:
        abstract = True


class RollupOfSome(models.QuerySet):
    """Figures of some shows or episodes. Of a few, their codes are named too, which stand in the key of the facts after
    the day: so one show does not cost what the whole house does. Of many, reading every day is cheaper.
    """

    FEW_SHOWS, FEW_EPISODES = 20, 500

    def of_shows(self, podcast_ids: Iterable[UUID]) -> Self:
        ids = sorted(podcast_ids)
        found = self.filter(podcast_id__in=ids)
        return found.filter(_is_any_code_of("podcast_id", ids)) if len(ids) <= self.FEW_SHOWS else found

    def of_episodes(self, episode_ids: Iterable[UUID]) -> Self:
        ids = sorted(episode_ids)
        found = self.filter(episode_id__in=ids)
        return found.filter(_is_any_code_of("episode_id", ids)) if len(ids) <= self.FEW_EPISODES else found


def _is_any_code_of(column: str, ids: list[UUID]) -> models.Func:
    codes = RawSQL(f"ARRAY(SELECT code FROM episodes WHERE {column} = ANY(%s::uuid[]))", [ids])  # noqa: S608, S611
    code = models.F("episode_code")
    return models.Func(code, codes, template="%(expressions)s", arg_joiner=" = ANY", output_field=models.BooleanField())


class DailyRollup(DailyFigures):
    """One day of one episode by one source: what pages read. It is true the moment an import commits."""

    episode_code = models.IntegerField()

    objects = RollupOfSome.as_manager()

    class Meta:
        db_table = "metrics_daily_rollup"
        managed = False


class DailyMetric(DailyFigures):
    """The same for readers outside (spreadsheets, BI): a materialized view, as fresh as its last refresh."""

    class Meta:
        db_table = "metrics_daily"
        managed = False


class DailyRefresh(models.Model):
    """When metrics_daily was last refreshed, and the last batch it holds. One row."""

    refresh_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    batch_code = models.IntegerField(default=0)
    refreshed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "metrics_daily_refreshes"

    def __str__(self) -> str:
        return str(self.refreshed_at or "")


class AudienceShare(models.Model):
    """A part of a show's audience: the share that one source saw in one country, age group, app … on a day.

    Shares of one (podcast, source, dimension, as_of) are of the known part; the unknown part stands apart under the
    value "" (its share is of the whole).
    """

    share_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    podcast = models.ForeignKey("metrics.Podcast", on_delete=models.CASCADE, related_name="audience_shares")
    source = models.CharField(max_length=40)
    dimension = models.CharField(max_length=16, choices=Breakdown.Dimension)
    value = models.CharField(max_length=120, blank=True)
    share = models.DecimalField(max_digits=7, decimal_places=6)
    as_of = models.DateField()
    # The row of etl_imports that brought it, if one did.
    import_id = models.UUIDField(null=True, blank=True)

    class Meta:
        db_table = "audience_shares"
        constraints = [
            models.UniqueConstraint(
                fields=["podcast", "dimension", "source", "as_of", "value"], name="audience_share_once"
            ),
            models.CheckConstraint(name="audience_share_is_share", condition=Q(share__gte=0, share__lte=1)),
        ]

    def __str__(self) -> str:
        return f"{self.dimension} {self.value}: {self.share}"


class EpisodeSnapshot(models.Model):
    """Downloads of an episode so far, as a source said on a day: in its first `window_days` days, or in all (NULL).

    Snapshots are never spread over days; two of one kind that lie one day apart give that day's figure.
    """

    snapshot_id = models.BigAutoField(primary_key=True)
    episode = models.ForeignKey("metrics.Episode", on_delete=models.CASCADE, related_name="snapshots")
    source = models.CharField(max_length=40)
    window_days = models.PositiveSmallIntegerField(null=True)
    as_of = models.DateField()
    downloads = models.PositiveBigIntegerField()
    import_id = models.UUIDField(null=True, blank=True, db_index=True)

    class Meta:
        db_table = "metric_snapshots"
        constraints = [
            models.UniqueConstraint(
                fields=["episode", "source", "window_days", "as_of"], name="snapshot_once", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"{self.episode}: {self.downloads} on {self.as_of}"


class EpisodeAlias(models.Model):
    """What a source calls an episode, as a person linked it: a title, a guid, an id of its own."""

    alias_id = models.BigAutoField(primary_key=True)
    podcast = models.ForeignKey("metrics.Podcast", on_delete=models.CASCADE, related_name="+")
    name_key = models.CharField(max_length=300)
    episode = models.ForeignKey("metrics.Episode", on_delete=models.CASCADE, related_name="aliases")

    class Meta:
        db_table = "episode_aliases"
        constraints = [models.UniqueConstraint(fields=["podcast", "name_key"], name="episode_alias_once")]

    def __str__(self) -> str:
        return self.name_key


class ShowFigure(models.Model):
    """What a source says of a whole show from one day to another, where it does not tell of episodes.

    Never spread over episodes or days. One day of it stands in for the sum of the episodes only while the source tells
    nothing of them for that day.
    """

    figure_id = models.BigAutoField(primary_key=True)
    podcast = models.ForeignKey("metrics.Podcast", on_delete=models.CASCADE, related_name="figures")
    source = models.CharField(max_length=40)
    first_day = models.DateField()
    last_day = models.DateField()
    downloads = models.PositiveBigIntegerField(null=True)
    listeners = models.PositiveBigIntegerField(null=True)
    # The row of etl_imports that brought it, if one did.
    import_id = models.UUIDField(null=True, blank=True)

    class Meta:
        db_table = "metric_show_figures"
        constraints = [
            models.UniqueConstraint(fields=["podcast", "source", "first_day", "last_day"], name="show_figure_once"),
            models.CheckConstraint(name="show_figure_in_order", condition=Q(last_day__gte=models.F("first_day"))),
            models.CheckConstraint(
                name="show_figure_tells", condition=Q(downloads__isnull=False) | Q(listeners__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.podcast}: {self.first_day} to {self.last_day}"


class ReportStep(models.Model):
    """What stood in a report's place before an import wrote there: what was known then, and what undoing goes back to.

    `key` names the place (a snapshot, a figure of a show, a whole report of the audience); `before` is what stood
    there, None for nothing.
    """

    class Kind(models.TextChoices):
        SNAPSHOT = "snapshot"
        SHOW = "show"
        AUDIENCE = "audience"

    step_id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=10, choices=Kind)
    key = models.JSONField()
    before = models.JSONField(null=True)
    before_import = models.UUIDField(null=True, db_index=True)
    by_import = models.UUIDField(db_index=True)
    recorded_at = models.DateTimeField()
    # Taken back: only history from then on. What the import had written stood there until `held_until`.
    is_closed = models.BooleanField(default=False)
    held = models.JSONField(null=True)
    held_until = models.DateTimeField(null=True)

    class Meta:
        db_table = "metric_report_steps"

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"
