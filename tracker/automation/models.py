"""The record of named jobs: who started them, how long they took, what they changed."""

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
    finished_at = models.DateTimeField(null=True)
    result = models.JSONField(default=dict)
    error = models.TextField(blank=True)

    class Meta:
        db_table = "job_runs"
        constraints = [models.UniqueConstraint(fields=["job", "tick"], name="job_once_a_tick")]
        indexes = [models.Index(fields=["job", "-queued_at"], name="job_run_newest")]

    def __str__(self) -> str:
        return f"{self.job} {self.status}"
