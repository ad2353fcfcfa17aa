"""A line of an insertion order: one ad unit in one flight."""

import pghistory
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from tracker.lib.ids import new_id
from tracker.lib.states import Stateful


@pghistory.track()
class IOBooking(Stateful, models.Model):
    """What was sold: an ad unit, in an episode or over the whole show, for a flight, at a price."""

    class Status(models.TextChoices):
        DRAFT = "draft", _("draft")
        HELD = "held", _("held")
        SCHEDULED = "scheduled", _("scheduled")
        ACTIVE = "active", _("active")
        PAUSED = "paused", _("paused")
        MAKEGOOD = "makegood", _("makegood")
        COMPLETED = "completed", _("completed")
        CANCELLED = "cancelled", _("cancelled")
        EXPIRED = "expired", _("expired")

    # DOMAIN, bookings.
    TRANSITIONS = {
        Status.DRAFT: {Status.HELD, Status.SCHEDULED, Status.CANCELLED},
        Status.HELD: {Status.SCHEDULED, Status.DRAFT, Status.EXPIRED, Status.CANCELLED},
        Status.SCHEDULED: {Status.ACTIVE, Status.CANCELLED},
        Status.ACTIVE: {Status.PAUSED, Status.COMPLETED, Status.MAKEGOOD, Status.CANCELLED},
        Status.PAUSED: {Status.ACTIVE, Status.CANCELLED},
        Status.MAKEGOOD: {Status.COMPLETED, Status.CANCELLED},
        Status.COMPLETED: {Status.MAKEGOOD},
        Status.EXPIRED: {Status.DRAFT},
    }

    # A slot is taken by these, and only these are counted against what a shared unit can deliver.
    CLAIMING = (Status.HELD, Status.SCHEDULED, Status.ACTIVE, Status.PAUSED, Status.MAKEGOOD, Status.COMPLETED)
    # It runs, or is about to.
    LIVE = (Status.SCHEDULED, Status.ACTIVE, Status.PAUSED)
    ENDED = (Status.COMPLETED, Status.CANCELLED, Status.EXPIRED)

    class RateType(models.TextChoices):
        CPM = "cpm", _("CPM")
        FLAT = "flat", _("flat")

    io_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order = models.ForeignKey("bookings.InsertionOrder", on_delete=models.PROTECT, related_name="lines")
    line_number = models.PositiveIntegerField(default=1)
    campaign = models.ForeignKey("deals.Campaign", on_delete=models.PROTECT, related_name="bookings")
    ad_unit = models.ForeignKey("bookings.AdUnit", on_delete=models.PROTECT, related_name="bookings")
    episode = models.ForeignKey(
        "metrics.Episode", on_delete=models.PROTECT, null=True, blank=True, related_name="bookings"
    )
    # Instants, half-open: [flight_start, flight_end).
    flight_start = models.DateTimeField()
    flight_end = models.DateTimeField()
    booked_impressions = models.PositiveBigIntegerField()
    booked_cpm_cents = models.PositiveIntegerField()
    rate_type = models.CharField(max_length=4, choices=RateType, default=RateType.CPM)
    # The line's price in cents, rounded half up once when it was priced.
    gross_cents = models.PositiveBigIntegerField()
    promo_code = models.CharField(max_length=40, blank=True)
    vanity_url = models.URLField(max_length=500, blank=True)
    landing_url = models.URLField(max_length=500, blank=True)
    status = models.CharField(max_length=12, choices=Status, default=Status.DRAFT)
    status_changed_at = models.DateTimeField()
    status_reason = models.CharField(max_length=500, blank=True)
    held_until = models.DateTimeField(null=True, blank=True)
    makegood_of = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="replacements"
    )
    external_ref = models.CharField(max_length=100, blank=True)
    # Counts the changes of this line: the ETag of its answers.
    revision = models.PositiveIntegerField(default=1)
    # When it was first completed: delivery is announced once, though a case may open and close it again.
    completed_at = models.DateTimeField(null=True, blank=True)
    # A cancellation's notice runs until here, and what ran or must still be paid costs this much.
    notice_ends_at = models.DateTimeField(null=True, blank=True)
    cancel_charge_cents = models.PositiveBigIntegerField(null=True, blank=True)
    # The hold's owner was told that it ends within a day.
    hold_warned_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "io_bookings"
        verbose_name = _("booking")
        verbose_name_plural = _("bookings")
        constraints = [
            models.CheckConstraint(name="booking_flight_in_order", condition=Q(flight_end__gt=F("flight_start"))),
            models.CheckConstraint(
                name="booking_held_has_end", condition=~Q(status="held") | Q(held_until__isnull=False)
            ),
            models.CheckConstraint(
                name="makegood_costs_nothing", condition=Q(makegood_of__isnull=True) | Q(gross_cents=0)
            ),
            models.UniqueConstraint(
                fields=["campaign", "ad_unit", "episode", "flight_start"],
                name="booking_known_again",
                nulls_distinct=False,
                condition=~Q(status__in=["cancelled", "expired"]) & Q(makegood_of__isnull=True),
            ),
        ]
        indexes = [
            models.Index(fields=["status", "flight_end"], name="booking_by_status"),
            models.Index(fields=["ad_unit", "flight_start"], name="booking_of_unit"),
        ]

    def __str__(self) -> str:
        return f"{self.ad_unit} · {self.campaign}"
