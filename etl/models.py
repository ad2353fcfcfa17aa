"""How data came in: each file or sheet, what became of it, and the rows that could not be taken."""

from uuid import uuid4

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tracker.lib.ids import new_id
from tracker.lib.states import Stateful


def stored_name(instance: "Import", file_name: str) -> str:
    """Return where an uploaded file is kept, below the tenant's own folder: under a name that nobody can guess."""
    return f"imports/{uuid4()}.upload"


class Import(Stateful, models.Model):
    """One file or sheet that was brought in. Its valid rows go in together, or not at all."""

    class Status(models.TextChoices):
        PENDING = "pending", _("pending")
        PROCESSING = "processing", _("processing")
        COMPLETED = "completed", _("completed")
        FAILED = "failed", _("failed")

    TRANSITIONS = {
        Status.PENDING: {Status.PROCESSING, Status.FAILED},
        Status.PROCESSING: {Status.COMPLETED, Status.FAILED, Status.PENDING},
    }

    import_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # Where it came from: upload, google_sheets.
    source = models.CharField(max_length=40)
    kind = models.CharField(max_length=40, blank=True)
    file_name = models.CharField(max_length=255)
    status = models.CharField(max_length=12, choices=Status, default=Status.PENDING)
    records_imported = models.PositiveBigIntegerField(default=0)
    records_failed = models.PositiveBigIntegerField(default=0)
    error_message = models.TextField(blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    created_by = models.JSONField(default=dict)
    file = models.FileField(upload_to=stored_name, max_length=255, blank=True)
    file_size = models.PositiveBigIntegerField(default=0)
    digest = models.CharField(max_length=64, blank=True)
    # Show what would change, write nothing.
    is_dry_run = models.BooleanField(default=False)
    # One bad row refuses the whole file.
    is_strict = models.BooleanField(default=False)
    # The lease of the worker that has it: which try this is, and the last sign of life (RELIABILITY G27, G28).
    attempt = models.PositiveSmallIntegerField(default=0)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    rows_read = models.PositiveBigIntegerField(default=0)
    bytes_read = models.PositiveBigIntegerField(default=0)
    rows_written = models.PositiveBigIntegerField(default=0)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "etl_imports"
        constraints = [
            models.CheckConstraint(
                name="import_ended_has_time",
                condition=~Q(status__in=["completed", "failed"]) | Q(completed_at__isnull=False),
            )
        ]
        indexes = [
            models.Index(fields=["-created_at"], name="import_newest"),
            models.Index(
                fields=["created_at"], name="import_unfinished", condition=Q(status__in=["pending", "processing"])
            ),
        ]

    def __str__(self) -> str:
        return self.file_name

    @property
    def is_finished(self) -> bool:
        return self.status in (self.Status.COMPLETED, self.Status.FAILED)


class RowIssue(models.Model):
    """A row that could not be taken: which line, which column, what stood there, and why."""

    import_run = models.ForeignKey("etl.Import", on_delete=models.CASCADE, related_name="issues")
    line = models.PositiveBigIntegerField()
    column = models.CharField(max_length=120, blank=True)
    value = models.CharField(max_length=200, blank=True)
    code = models.CharField(max_length=40)
    reason = models.CharField(max_length=300)

    class Meta:
        db_table = "etl_row_issues"
        indexes = [models.Index(fields=["import_run", "line"], name="issue_by_line")]

    def __str__(self) -> str:
        return f"{self.line}: {self.reason}"


class SheetConnection(models.Model):
    """A Google sheet that this house imports from, now and then or every so many hours."""

    connection_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    spreadsheet_id = models.CharField(max_length=120)
    worksheet_name = models.CharField(max_length=120)
    every_hours = models.PositiveSmallIntegerField(null=True, blank=True)
    last_started_at = models.DateTimeField(null=True, blank=True)
    connected_by = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "etl_sheet_connections"
        constraints = [
            models.UniqueConstraint(fields=["spreadsheet_id", "worksheet_name"], name="sheet_connected_once")
        ]

    def __str__(self) -> str:
        return self.worksheet_name


class ImportProfile(models.Model):
    """How this house reads a kind of file: which column means what. Found again by the header."""

    profile_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    title = models.CharField(max_length=120)
    source = models.CharField(max_length=40)
    header = models.JSONField()
    columns = models.JSONField()
    dimension = models.CharField(max_length=16, blank=True)
    created_by = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "etl_profiles"
        constraints = [models.UniqueConstraint(fields=["header"], name="import_profile_once_a_header")]

    def __str__(self) -> str:
        return self.title
