"""What hosts report besides days of episodes: audiences, downloads so far, whole shows, and how each changed."""

from django.db import models
from django.db.models import Q

from metrics.models.facts import Breakdown
from tracker.lib.ids import new_id


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
