"""The record of named jobs: who started them, how long they took, what they changed."""

from datetime import timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _

from tracker.lib.ids import new_id


class JobRun(models.Model):
    """One run of a named job in this tenant. (job, tick) is unique, so that two beats cannot run one tick twice."""

    class Status(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        COMPLETED = "completed", _("completed")
        FAILED = "failed", _("failed")
        SKIPPED = "skipped", _("skipped")

    run_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    job = models.CharField(max_length=64)
    # The planned instant of a scheduled run; null for one that a person or a program asked for.
    tick = models.DateTimeField(null=True)
    status = models.CharField(max_length=16, choices=Status, default=Status.QUEUED)
    started_by = models.JSONField(default=dict)
    queued_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    # A run whose worker died is started again; after the third death it has failed.
    attempts = models.PositiveSmallIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)
    result = models.JSONField(default=dict)
    error = models.TextField(blank=True)

    class Meta:
        db_table = "job_runs"
        verbose_name = _("job run")
        verbose_name_plural = _("job runs")
        constraints = [models.UniqueConstraint(fields=["job", "tick"], name="job_once_a_tick")]
        indexes = [models.Index(fields=["job", "-queued_at"], name="job_run_newest")]

    def __str__(self) -> str:
        return f"{self.job} {self.status}"

    @property
    def took(self) -> timedelta | None:
        """How long it took from its last start to its end; None for one that did not run."""
        return self.finished_at - self.started_at if self.started_at and self.finished_at else None

    @property
    def is_finished(self) -> bool:
        return self.finished_at is not None


class JobSchedule(models.Model):
    """This house's own word on a scheduled job: off, or at another hour of its day. No row: as the product has it."""

    job = models.CharField(max_length=64, primary_key=True)
    is_on = models.BooleanField(_("on"), default=True)
    local_hour = models.PositiveSmallIntegerField(
        _("hour"), null=True, blank=True, help_text=_("0 to 23, in the house's own time zone; for jobs run once a day")
    )

    class Meta:
        db_table = "job_schedules"
        verbose_name = _("job schedule")
        verbose_name_plural = _("job schedules")
        constraints = [
            models.CheckConstraint(
                name="job_hour_of_day", condition=models.Q(local_hour__isnull=True) | models.Q(local_hour__lt=24)
            )
        ]

    def __str__(self) -> str:
        return self.job
