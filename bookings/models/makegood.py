"""What is owed to a sponsor after a flight closed short, and how it was made good."""

import pghistory
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tracker.lib.ids import new_id
from tracker.lib.states import Stateful


@pghistory.track()
class Makegood(Stateful, models.Model):
    """A case: what a booking fell short by, what was offered for it, and how it ended."""

    class Status(models.TextChoices):
        OPENED = "opened", _("opened")
        OFFERED = "offered", _("offered")
        ACCEPTED = "accepted", _("accepted")
        SCHEDULED = "scheduled", _("scheduled")
        FULFILLED = "fulfilled", _("fulfilled")
        DECLINED = "declined", _("declined")
        CREDITED = "credited", _("credited")
        WAIVED = "waived", _("waived")

    # DOMAIN, bookings: any open case may end in a credit.
    TRANSITIONS = {
        Status.OPENED: {Status.OFFERED, Status.WAIVED, Status.CREDITED},
        Status.OFFERED: {Status.ACCEPTED, Status.DECLINED, Status.CREDITED},
        Status.ACCEPTED: {Status.SCHEDULED, Status.CREDITED},
        Status.SCHEDULED: {Status.FULFILLED, Status.CREDITED},
        Status.DECLINED: {Status.CREDITED},
    }
    OPEN = (Status.OPENED, Status.OFFERED, Status.ACCEPTED, Status.SCHEDULED, Status.DECLINED)

    class Reason(models.TextChoices):
        SHORT = "short", _("flight closed short")
        PROJECTED_SHORT = "projected_short", _("projected to close short")
        MISSING = "missing", _("read missing")
        LATE = "late", _("read late")
        WRONG_POSITION = "wrong_position", _("wrong position")
        TOO_SHORT = "too_short", _("read too short")
        STALE = "stale", _("stale read")
        WRONG_PROMO = "wrong_promo", _("wrong promo code")
        BY_HAND = "by_hand", _("opened by hand")

    makegood_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    booking = models.ForeignKey("bookings.IOBooking", on_delete=models.PROTECT, related_name="makegoods")
    status = models.CharField(max_length=12, choices=Status, default=Status.OPENED)
    status_changed_at = models.DateTimeField()
    reason = models.CharField(max_length=20, choices=Reason)
    owed_impressions = models.PositiveBigIntegerField()
    owed_cents = models.PositiveBigIntegerField()
    due_on = models.DateField(null=True, blank=True)
    note = models.TextField(blank=True)
    replacement = models.OneToOneField(
        "bookings.IOBooking", on_delete=models.PROTECT, null=True, blank=True, related_name="repairs"
    )
    opened_at = models.DateTimeField()

    class Meta:
        db_table = "makegoods"
        constraints = [
            models.UniqueConstraint(
                fields=["booking", "reason"],
                name="one_open_case_a_reason",
                condition=Q(status__in=["opened", "offered", "accepted", "scheduled", "declined"]),
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_reason_display()} · {self.booking_id}"
