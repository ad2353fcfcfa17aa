"""What is owed to a sponsor after a press (a short flight, a bad read), and how it was made good."""

from typing import Any

import pghistory
import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from tracker.lib.ids import new_id
from tracker.lib.states import Stateful

OPEN_STATUSES = ("proposed", "opened", "offered", "accepted", "scheduled", "declined")
# Owed for real: a proposed case is a warning, not yet a debt; a withdrawn one never became one.
OWING_STATUSES = ("opened", "offered", "accepted", "scheduled", "fulfilled", "declined", "credited", "waived")


@pghistory.track()
class Makegood(Stateful, models.Model):
    """A case: what a booking fell short by, what was offered for it, and how it ended.

    The debt is kept in buckets. What is owed and stands in no bucket is still unsettled; the database holds that the
    buckets never exceed what is owed, and that a case which ended has nothing unsettled.
    """

    class Status(models.TextChoices):
        PROPOSED = "proposed", _("proposed")
        OPENED = "opened", _("opened")
        OFFERED = "offered", _("offered")
        ACCEPTED = "accepted", _("accepted")
        SCHEDULED = "scheduled", _("scheduled")
        FULFILLED = "fulfilled", _("fulfilled")
        DECLINED = "declined", _("declined")
        CREDITED = "credited", _("credited")
        WAIVED = "waived", _("waived")
        WITHDRAWN = "withdrawn", _("withdrawn")

    # DOMAIN, bookings: any open case may end in a credit. A proposal is opened when it comes true, else withdrawn;
    # an offer that is taken back, and a replacement that falls short or through, open the case again for the rest, so
    # that nothing owed is lost.
    TRANSITIONS = {
        Status.PROPOSED: {Status.OPENED, Status.WITHDRAWN},
        Status.OPENED: {Status.OFFERED, Status.WAIVED, Status.CREDITED},
        Status.OFFERED: {Status.ACCEPTED, Status.DECLINED, Status.CREDITED, Status.OPENED},
        Status.ACCEPTED: {Status.SCHEDULED, Status.CREDITED},
        Status.SCHEDULED: {Status.FULFILLED, Status.CREDITED, Status.OPENED},
        Status.DECLINED: {Status.CREDITED},
    }
    OPEN = OPEN_STATUSES
    OWING = OWING_STATUSES

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
    # The episode whose read was wrong; empty for a case about the whole line.
    episode = models.ForeignKey("metrics.Episode", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    status = models.CharField(max_length=12, choices=Status, default=Status.OPENED)
    status_changed_at = models.DateTimeField()
    status_reason = models.CharField(max_length=500, blank=True)
    reason = models.CharField(max_length=20, choices=Reason)
    owed_impressions = models.PositiveBigIntegerField()
    owed_cents = models.PositiveBigIntegerField()
    offered_impressions = models.PositiveBigIntegerField(default=0)
    fulfilled_impressions = models.PositiveBigIntegerField(default=0)
    credited_impressions = models.PositiveBigIntegerField(default=0)
    waived_impressions = models.PositiveBigIntegerField(default=0)
    credited_cents = models.PositiveBigIntegerField(default=0)
    # What was known to be delivered when the case opened; empty: nothing was measured yet.
    delivered_impressions = models.PositiveBigIntegerField(null=True, blank=True)
    due_on = models.DateField(null=True, blank=True)
    reminded_on = models.DateField(null=True, blank=True, editable=False)
    note = models.TextField(blank=True)
    replacement = models.OneToOneField(
        "bookings.IOBooking", on_delete=models.PROTECT, null=True, blank=True, related_name="repairs"
    )
    opened_at = models.DateTimeField()

    class Meta:
        db_table = "makegoods"
        constraints = [
            models.UniqueConstraint(
                fields=["booking", "reason", "episode"],
                name="one_open_case_a_press",
                condition=Q(status__in=OPEN_STATUSES),
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                name="makegood_settled_within_owed",
                condition=Q(
                    owed_impressions__gte=F("offered_impressions")
                    + F("fulfilled_impressions")
                    + F("credited_impressions")
                    + F("waived_impressions")
                ),
            ),
            models.CheckConstraint(
                name="makegood_ended_is_settled",
                condition=~Q(status__in=["fulfilled", "credited", "waived"])
                | Q(
                    offered_impressions=0,
                    owed_impressions=F("fulfilled_impressions") + F("credited_impressions") + F("waived_impressions"),
                ),
            ),
            models.CheckConstraint(
                name="makegood_credit_within_value", condition=Q(credited_cents__lte=F("owed_cents"))
            ),
            models.CheckConstraint(
                name="makegood_waived_has_reason", condition=~Q(status="waived") | ~Q(status_reason="")
            ),
            models.CheckConstraint(
                name="makegood_scheduled_has_replacement",
                condition=~Q(status__in=["scheduled", "fulfilled"]) | Q(replacement__isnull=False),
            ),
        ]
        indexes = [models.Index(fields=["status", "due_on"], name="makegood_by_status")]

    def __str__(self) -> str:
        return f"{self.get_reason_display()} · {self.booking_id}"

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_STATUSES

    @property
    def is_owed(self) -> bool:
        return self.status in OWING_STATUSES

    @property
    def unsettled_impressions(self) -> int:
        """What is owed and neither on offer, delivered, credited nor waived."""
        return (
            self.owed_impressions
            - self.offered_impressions
            - self.fulfilled_impressions
            - self.credited_impressions
            - self.waived_impressions
        )

    @property
    def outstanding_impressions(self) -> int:
        """What the sponsor still waits for: unsettled, or on offer and not delivered yet."""
        return self.unsettled_impressions + self.offered_impressions


class MakegoodEntry(models.Model):
    """One line of a case's ledger: so many impressions moved into a bucket (or back out, as a negative number).

    Lines are only ever added. The sum of a bucket's lines is that bucket's number on the case.
    """

    class Bucket(models.TextChoices):
        OWED = "owed", _("owed")
        OFFERED = "offered", _("offered")
        FULFILLED = "fulfilled", _("fulfilled")
        CREDITED = "credited", _("credited")
        WAIVED = "waived", _("waived")

    entry_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    makegood = models.ForeignKey("bookings.Makegood", on_delete=models.PROTECT, related_name="entries")
    bucket = models.CharField(max_length=10, choices=Bucket)
    impressions = models.BigIntegerField()
    cents = models.BigIntegerField(default=0)
    # The replacement whose delivery this line counts.
    replacement = models.ForeignKey(
        "bookings.IOBooking", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    at = models.DateTimeField()
    by = models.JSONField(default=dict)
    note = models.CharField(max_length=500, blank=True)

    class Meta:
        db_table = "makegood_entries"
        indexes = [models.Index(fields=["makegood", "at"], name="makegood_entry_of_case")]
        triggers = [pgtrigger.Protect(name="only_added", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.bucket} {self.impressions:+d}"


@pghistory.track(exclude=["token_digest"])
class MakegoodOffer(models.Model):
    """What a sponsor is asked to take instead: ranked slots, answered by one person through a private link."""

    class Answer(models.TextChoices):
        ACCEPTED = "accepted", _("accepted")
        DECLINED = "declined", _("declined")
        WITHDRAWN = "withdrawn", _("withdrawn")

    offer_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    makegood = models.ForeignKey("bookings.Makegood", on_delete=models.PROTECT, related_name="offers")
    # SHA-256 of the link's secret; the secret itself is shown once and kept nowhere.
    token_digest = models.CharField(max_length=64, unique=True, editable=False)
    message = models.TextField(blank=True)
    offered_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    answer = models.CharField(max_length=10, choices=Answer, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    answered_by = models.CharField(max_length=200, blank=True)
    answer_note = models.TextField(blank=True)

    class Meta:
        db_table = "makegood_offers"
        constraints = [
            models.UniqueConstraint(fields=["makegood"], name="one_waiting_offer_a_case", condition=Q(answer="")),
            models.CheckConstraint(
                name="makegood_offer_answered_has_time",
                condition=Q(answer="", answered_at__isnull=True) | (~Q(answer="") & Q(answered_at__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.makegood_id} {self.answer or 'waiting'}"


class MakegoodOption(models.Model):
    """One slot of an offer, as it stood when it was offered."""

    class Fit(models.TextChoices):
        COVERS_ALL = "covers_all", _("covers all")
        COVERS_PART = "covers_part", _("covers part")
        ASK_FIRST = "ask_first", _("ask first")

    option_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    offer = models.ForeignKey("bookings.MakegoodOffer", on_delete=models.CASCADE, related_name="options")
    rank = models.PositiveSmallIntegerField()
    ad_unit = models.ForeignKey("bookings.AdUnit", on_delete=models.PROTECT, related_name="+")
    episode = models.ForeignKey("metrics.Episode", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    flight_start = models.DateTimeField()
    flight_end = models.DateTimeField()
    # Empty: nobody can say yet how many will hear it.
    forecast_impressions = models.PositiveBigIntegerField(null=True, blank=True)
    fit = models.CharField(max_length=12, choices=Fit)
    reason = models.CharField(max_length=300)
    is_chosen = models.BooleanField(default=False)

    class Meta:
        db_table = "makegood_options"
        constraints = [
            models.UniqueConstraint(fields=["offer", "rank"], name="makegood_option_rank_once"),
            models.UniqueConstraint(fields=["offer"], name="one_chosen_option", condition=Q(is_chosen=True)),
            models.CheckConstraint(
                name="makegood_option_flight_in_order", condition=Q(flight_end__gt=F("flight_start"))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rank}. {self.ad_unit}"

    def as_choice(self) -> dict[str, Any]:
        """The placement in the words of `schedule_booking`."""
        return {
            "ad_unit": self.ad_unit,
            "episode": self.episode,
            "flight_start": self.flight_start,
            "flight_end": self.flight_end,
        }
