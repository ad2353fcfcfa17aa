"""Listener metrics as they were told: compact facts, the batches that told them, and what later ones replaced."""

from django.db import models
from django.utils.translation import gettext_lazy as _


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


class Measures(models.Model):
    """What can be counted of a day. A blank measure is NULL; rates are in millionths."""

    downloads = models.BigIntegerField(null=True)
    listeners = models.BigIntegerField(null=True)
    conversions = models.BigIntegerField(null=True)
    revenue_cents = models.BigIntegerField(null=True)
    completion_ppm = models.IntegerField(null=True)
    ctr_ppm = models.IntegerField(null=True)

    class Meta:
        abstract = True


class ListenerMetric(Measures):
    """A raw fact: what one source counted on one day for one episode, as a whole or for one breakdown.

    Split in two by the database: totals, which are the daily rollup, and breakdowns. Written in bulk by
    `metrics.services` alone. References are checked once a statement by a trigger
    (docs/decisions/0008-compact-facts.md).
    """

    day = models.DateField()
    episode = models.ForeignKey(
        "metrics.Episode", models.DO_NOTHING, to_field="code", db_column="episode_code", related_name="+"
    )
    source = models.ForeignKey("metrics.MetricSource", models.DO_NOTHING, db_column="source_code", related_name="+")
    breakdown = models.ForeignKey("metrics.Breakdown", models.DO_NOTHING, db_column="breakdown_code", related_name="+")
    batch = models.ForeignKey("metrics.MetricBatch", models.DO_NOTHING, db_column="batch_code", related_name="+")

    pk = models.CompositePrimaryKey("day", "episode", "source", "breakdown")

    class Meta:
        db_table = "listener_metrics"
        managed = False


class ReplacedMetric(Measures):
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
