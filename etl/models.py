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
    # How it is read: "" by its header, else the key of a profile; and what the sheet does not say.
    profile = models.CharField(max_length=60, blank=True, db_default="")
    answers = models.JSONField(null=True, blank=True)
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
    # "metrics"; "bookings": lines of orders that carry a number of somebody else; "sales": a sponsor's sales by code.
    kind = models.CharField(max_length=10, default="metrics", db_default="metrics")
    created_by = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "etl_profiles"
        constraints = [models.UniqueConstraint(fields=["header"], name="import_profile_once_a_header")]

    def __str__(self) -> str:
        return self.title


class WaitingRow(models.Model):
    """A row that waits for a person: its episode, campaign or place is not known, or the order it changes is sent.

    `cells` is the row as it came; the answer brings in just this row, under the import that it belongs to.
    """

    class Kind(models.TextChoices):
        EPISODE = "episode", _("figures of an unknown episode")
        BOOKING = "booking", _("a line that cannot be booked yet")
        REDEMPTION = "redemption", _("sales by an unknown code")

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        TAKEN = "taken", _("taken")
        DISMISSED = "dismissed", _("left out")

    row_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    import_run = models.ForeignKey("etl.Import", on_delete=models.CASCADE, related_name="waiting")
    kind = models.CharField(max_length=10, choices=Kind)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    line = models.PositiveBigIntegerField()
    code = models.CharField(max_length=40)
    # What is not known: the episode's name, the order's number …, and the show that the file gives with it.
    name = models.CharField(max_length=300, blank=True)
    show = models.CharField(max_length=300, blank=True)
    cells = models.JSONField()
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "etl_waiting_rows"
        indexes = [
            models.Index(fields=["import_run", "name"], name="waiting_of_import"),
            models.Index(fields=["kind"], name="waiting_now", condition=Q(state="waiting")),
        ]

    def __str__(self) -> str:
        return f"{self.line}: {self.name}"


class ExternalOrder(models.Model):
    """Somebody else's order, by their number: which of our deals it belongs to."""

    order_ref = models.CharField(max_length=80, primary_key=True)
    campaign = models.ForeignKey("deals.Campaign", on_delete=models.CASCADE, related_name="+")

    class Meta:
        db_table = "etl_external_orders"

    def __str__(self) -> str:
        return self.order_ref


class ExternalLine(models.Model):
    """A line of somebody else's order and the booking it became, with the newest revision that was taken."""

    order = models.ForeignKey("etl.ExternalOrder", on_delete=models.CASCADE, related_name="lines")
    line_ref = models.CharField(max_length=80)
    revision = models.PositiveIntegerField()
    booking = models.ForeignKey("bookings.IOBooking", on_delete=models.CASCADE, related_name="+")

    class Meta:
        db_table = "etl_external_lines"
        constraints = [models.UniqueConstraint(fields=["order", "line_ref"], name="external_line_once")]

    def __str__(self) -> str:
        return f"{self.order_id}/{self.line_ref}"


class LineChange(models.Model):
    """What an import did to a booking, so that it can be undone: what stood there before; None, it made the line."""

    import_run = models.ForeignKey("etl.Import", on_delete=models.CASCADE, related_name="line_changes")
    line = models.PositiveBigIntegerField()
    io_id = models.UUIDField(db_index=True)
    before = models.JSONField(null=True)
    revision_after = models.PositiveIntegerField()
    # The revision of the external line before, when there was one.
    external_before = models.PositiveIntegerField(null=True)
    is_undone = models.BooleanField(default=False)

    class Meta:
        db_table = "etl_line_changes"

    def __str__(self) -> str:
        return f"{self.io_id} by line {self.line}"


class RedemptionStep(models.Model):
    """What an import did to a sponsor's sales of one code and day: what stood before (None: nothing), and after."""

    import_run = models.ForeignKey("etl.Import", on_delete=models.CASCADE, related_name="redemption_steps")
    sponsor = models.ForeignKey("deals.Sponsor", on_delete=models.CASCADE, related_name="+")
    promo_code = models.CharField(max_length=40)
    day = models.DateField()
    before = models.JSONField(null=True)
    after = models.JSONField()
    is_undone = models.BooleanField(default=False)

    class Meta:
        db_table = "etl_redemption_steps"
        indexes = [models.Index(fields=["sponsor", "promo_code", "day"], name="redemption_step_place")]

    def __str__(self) -> str:
        return f"{self.promo_code} {self.day}"
