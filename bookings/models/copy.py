"""What a host is to say: versions of a booking's copy, and the alert when it is late."""

import pghistory
import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tracker.lib.ids import new_id

# A text that somebody read is never another text afterwards, and what was approved stays.
_FROZEN = """
    IF TG_OP = 'DELETE' THEN
        IF OLD.status IN ('approved', 'replaced') AND OLD.decided_at IS NOT NULL THEN
            RAISE EXCEPTION 'an approved copy stays' USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN OLD;
    END IF;
    IF (NEW.booking_id, NEW.number, NEW.talking_points, NEW.must_say, NEW.disclosure)
        IS DISTINCT FROM (OLD.booking_id, OLD.number, OLD.talking_points, OLD.must_say, OLD.disclosure) THEN
        RAISE EXCEPTION 'the text of a copy is never edited; write a new version' USING ERRCODE = 'restrict_violation';
    END IF;
    IF (OLD.status = 'approved' AND NEW.status NOT IN ('approved', 'replaced'))
        OR (OLD.status = 'replaced' AND NEW.status <> 'replaced')
        OR (OLD.status IN ('approved', 'replaced')
            AND (NEW.due_on, NEW.answer, NEW.decided_by, NEW.decided_at)
            IS DISTINCT FROM (OLD.due_on, OLD.answer, OLD.decided_by, OLD.decided_at)) THEN
        RAISE EXCEPTION 'an approved copy is frozen' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
"""


@pghistory.track()
class BookingCopy(models.Model):
    """What the host is to say in a booking's reads: written by sales, accepted or sent back by the creator.

    The approved version is frozen (a trigger refuses the change); a change after it is a new version.
    """

    class Status(models.TextChoices):
        PROPOSED = "proposed", _("waiting for the creator")
        CHANGE_ASKED = "change_asked", _("change asked for")
        APPROVED = "approved", _("approved")
        REPLACED = "replaced", _("replaced")

    OPEN = (Status.PROPOSED, Status.CHANGE_ASKED)

    copy_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    booking = models.ForeignKey("bookings.IOBooking", on_delete=models.CASCADE, related_name="copies")
    number = models.PositiveIntegerField()
    talking_points = models.TextField()
    must_say = models.TextField(blank=True)
    disclosure = models.CharField(max_length=300, blank=True)
    # The day, in the order's zone, by which it should be approved.
    due_on = models.DateField(null=True, blank=True)
    status = models.CharField(max_length=12, choices=Status, default=Status.PROPOSED)
    answer = models.TextField(blank=True)
    written_by = models.JSONField()
    written_at = models.DateTimeField()
    decided_by = models.JSONField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    late_told_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "booking_copies"
        verbose_name = _("copy")
        verbose_name_plural = _("copies")
        constraints = [
            models.UniqueConstraint(fields=["booking", "number"], name="booking_copy_once"),
            models.UniqueConstraint(
                fields=["booking"],
                name="booking_copy_one_open",
                condition=Q(status__in=["proposed", "change_asked"]),
            ),
            models.UniqueConstraint(
                fields=["booking"], name="booking_copy_one_approved", condition=Q(status="approved")
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="copy_is_frozen",
                when=pgtrigger.Before,
                operation=pgtrigger.Update | pgtrigger.Delete,
                func=_FROZEN,
            )
        ]

    def __str__(self) -> str:
        return f"{self.booking} · {self.number}"


class CopyAlert(models.Model):
    """A booking whose copy should have been approved by now. Raised once, told once, cleared by itself."""

    class Kind(models.TextChoices):
        MISSING = "missing", _("no copy was written")
        WAITING = "waiting", _("the creator has not answered")
        CHANGE_ASKED = "change_asked", _("the creator asked for a change")

    alert_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    booking = models.ForeignKey("bookings.IOBooking", on_delete=models.CASCADE, related_name="copy_alerts")
    kind = models.CharField(max_length=12, choices=Kind)
    due_on = models.DateField()
    raised_at = models.DateTimeField()
    cleared_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "copy_alerts"
        verbose_name = _("late copy")
        verbose_name_plural = _("late copies")
        constraints = [
            models.UniqueConstraint(
                fields=["booking", "kind"], name="copy_alert_once", condition=Q(cleared_at__isnull=True)
            )
        ]

    def __str__(self) -> str:
        return f"{self.booking} · {self.get_kind_display()}"
