"""How a booking delivers: days that do not count, what was known on each day, proof, counts that were agreed."""

import pghistory
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from tracker.lib.ids import new_id


@pghistory.track()
class DeliveryPause(models.Model):
    """A span of days on which a line does not run: it was paused, or the days were blacked out from the start.

    Instants, half-open; an open end is a pause that lasts. Only whole local days inside the span stop counting.
    """

    class Kind(models.TextChoices):
        PAUSE = "pause", _("paused")
        BLACKOUT = "blackout", _("blackout")

    pause_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    booking = models.ForeignKey("bookings.IOBooking", on_delete=models.CASCADE, related_name="pauses")
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.PAUSE)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        db_table = "delivery_pauses"
        constraints = [
            models.CheckConstraint(
                name="delivery_pause_in_order", condition=Q(ends_at__isnull=True) | Q(ends_at__gte=F("starts_at"))
            ),
            models.UniqueConstraint(
                fields=["booking"], name="one_running_pause", condition=Q(kind="pause", ends_at__isnull=True)
            ),
        ]
        indexes = [models.Index(fields=["booking", "starts_at"], name="delivery_pause_of_booking")]

    def __str__(self) -> str:
        return f"{self.kind} {self.starts_at:%Y-%m-%d}"


class DeliverySnapshot(models.Model):
    """What was known of a booking's delivery on one day: kept so that "what did we know on day X" has an answer."""

    pk = models.CompositePrimaryKey("booking_id", "known_on")
    booking = models.ForeignKey("bookings.IOBooking", on_delete=models.CASCADE, related_name="snapshots")
    known_on = models.DateField()
    as_of = models.DateField(null=True)
    source = models.CharField(max_length=40, blank=True)
    booked = models.PositiveBigIntegerField()
    delivered = models.BigIntegerField(null=True)
    expected = models.DecimalField(max_digits=18, decimal_places=2, null=True)
    band = models.CharField(max_length=10, blank=True)
    projection = models.BigIntegerField(null=True)
    projection_low = models.BigIntegerField(null=True)
    projection_high = models.BigIntegerField(null=True)
    exposure_cents = models.BigIntegerField(null=True)
    unknown_reason = models.CharField(max_length=40, blank=True)
    taken_at = models.DateTimeField()

    class Meta:
        db_table = "delivery_snapshots"
        indexes = [models.Index(fields=["known_on", "band"], name="delivery_snapshot_of_day")]

    def __str__(self) -> str:
        return f"{self.booking_id} {self.known_on}"


@pghistory.track()
class Aircheck(models.Model):
    """The proof that a spot ran as ordered: a clip or a link, and what somebody found when listening to it."""

    class Verdict(models.TextChoices):
        WAITING = "waiting", _("to be checked")
        APPROVED = "approved", _("approved")
        MISSING = "missing", _("read missing")
        LATE = "late", _("read late")
        WRONG_POSITION = "wrong_position", _("wrong position")
        TOO_SHORT = "too_short", _("read too short")
        STALE = "stale", _("stale read")
        WRONG_PROMO = "wrong_promo", _("wrong promo code")

    FAULTS = ("missing", "late", "wrong_position", "too_short", "stale", "wrong_promo")

    aircheck_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    booking = models.ForeignKey("bookings.IOBooking", on_delete=models.CASCADE, related_name="airchecks")
    episode = models.ForeignKey("metrics.Episode", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    due_on = models.DateField()
    link = models.URLField(max_length=500, blank=True)
    file = models.FileField(upload_to="airchecks", max_length=255, blank=True)
    file_name = models.CharField(max_length=200, blank=True)
    offset_seconds = models.PositiveIntegerField(null=True, blank=True)
    length_seconds = models.PositiveIntegerField(null=True, blank=True)
    submitted_at = models.DateTimeField(null=True, blank=True)
    submitted_by = models.JSONField(default=dict, blank=True)
    verdict = models.CharField(max_length=16, choices=Verdict, default=Verdict.WAITING)
    verdict_reason = models.CharField(max_length=500, blank=True)
    judged_at = models.DateTimeField(null=True, blank=True)
    judged_by = models.JSONField(default=dict, blank=True)
    reminded_on = models.DateField(null=True, blank=True, editable=False)

    class Meta:
        db_table = "airchecks"
        constraints = [
            models.UniqueConstraint(fields=["booking", "episode"], name="one_aircheck_a_spot", nulls_distinct=False),
            models.CheckConstraint(
                name="aircheck_approved_has_proof",
                condition=~Q(verdict="approved") | Q(submitted_at__isnull=False),
            ),
            models.CheckConstraint(
                name="aircheck_fault_has_reason",
                condition=Q(verdict__in=["waiting", "approved"]) | ~Q(verdict_reason=""),
            ),
        ]
        indexes = [models.Index(fields=["verdict", "due_on"], name="aircheck_by_due_day")]

    def __str__(self) -> str:
        return f"{self.verdict} {self.due_on}"

    @property
    def has_proof(self) -> bool:
        return self.submitted_at is not None


@pghistory.track()
class AgreedCount(models.Model):
    """The number both sides agreed to bill a line's period on, who agreed it and why. A later one replaces it."""

    agreed_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    booking = models.ForeignKey("bookings.IOBooking", on_delete=models.PROTECT, related_name="agreed_counts")
    first_day = models.DateField()
    last_day = models.DateField()
    impressions = models.PositiveBigIntegerField()
    # What the two sides said on that day; empty: that side had no count.
    recorded_impressions = models.PositiveBigIntegerField(null=True, blank=True)
    third_party_impressions = models.PositiveBigIntegerField(null=True, blank=True)
    third_party = models.CharField(max_length=40, blank=True)
    reason = models.CharField(max_length=500)
    agreed_at = models.DateTimeField()
    agreed_by = models.JSONField(default=dict)
    replaced_by = models.OneToOneField("self", on_delete=models.PROTECT, null=True, blank=True, related_name="replaces")

    class Meta:
        db_table = "agreed_counts"
        constraints = [
            models.CheckConstraint(name="agreed_count_in_order", condition=Q(last_day__gte=F("first_day"))),
            models.CheckConstraint(name="agreed_count_has_reason", condition=~Q(reason="")),
            models.UniqueConstraint(
                fields=["booking", "first_day"],
                name="one_standing_agreed_count",
                condition=Q(replaced_by__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.impressions} {self.first_day}"


@pghistory.track()
class Redemption(models.Model):
    """Sales that named a promo code, as the sponsor reported them for one day. A floor: most buyers name none."""

    redemption_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    sponsor = models.ForeignKey("deals.Sponsor", on_delete=models.PROTECT, related_name="redemptions")
    # Case-folded, as codes are compared.
    promo_code = models.CharField(max_length=40)
    day = models.DateField()
    orders = models.PositiveBigIntegerField()
    revenue_cents = models.PositiveBigIntegerField(null=True, blank=True)
    new_customers = models.PositiveBigIntegerField(null=True, blank=True)
    source = models.CharField(max_length=40)
    recorded_at = models.DateTimeField()

    class Meta:
        db_table = "redemptions"
        constraints = [
            models.UniqueConstraint(fields=["sponsor", "promo_code", "day", "source"], name="redemption_known_again"),
        ]
        indexes = [models.Index(fields=["promo_code", "day"], name="redemption_of_code")]

    def __str__(self) -> str:
        return f"{self.promo_code} {self.day}"


class LinkClicks(models.Model):
    """How often a vanity link was followed on one UTC day, by people as far as one can tell: no address is kept."""

    pk = models.CompositePrimaryKey("link_id", "day")
    link = models.ForeignKey("bookings.VanityLink", on_delete=models.CASCADE, related_name="clicks")
    day = models.DateField()
    clicks = models.PositiveBigIntegerField(default=0)

    class Meta:
        db_table = "vanity_link_clicks"

    def __str__(self) -> str:
        return f"{self.day} {self.clicks}"


@pghistory.track()
class BillingLine(models.Model):
    """What a line's period is billed, frozen when it is released to accounting: cents rounded once, and their basis."""

    class Basis(models.TextChoices):
        CPM_DELIVERED = "cpm_delivered", _("CPM, delivered")
        FLAT = "flat", _("flat fee")
        FLAT_PRO_RATA = "flat_pro_rata", _("flat fee, pro rata")
        CANCELLATION = "cancellation", _("cancellation charge")

    billing_line_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    booking = models.ForeignKey("bookings.IOBooking", on_delete=models.PROTECT, related_name="billing_lines")
    first_day = models.DateField()
    last_day = models.DateField()
    basis = models.CharField(max_length=14, choices=Basis)
    impressions = models.PositiveBigIntegerField(null=True, blank=True)
    gross_cents = models.PositiveBigIntegerField()
    commission_cents = models.PositiveBigIntegerField()
    net_cents = models.PositiveBigIntegerField()
    currency = models.CharField(max_length=3)
    agreed_count = models.ForeignKey(
        "bookings.AgreedCount", on_delete=models.PROTECT, null=True, blank=True, related_name="billing_lines"
    )
    released_at = models.DateTimeField()
    released_by = models.JSONField(default=dict)

    class Meta:
        db_table = "billing_lines"
        constraints = [
            models.UniqueConstraint(fields=["booking", "first_day"], name="billing_period_once"),
            models.CheckConstraint(
                name="billing_line_adds_up", condition=Q(gross_cents=F("commission_cents") + F("net_cents"))
            ),
            models.CheckConstraint(name="billing_period_in_order", condition=Q(last_day__gte=F("first_day"))),
        ]

    def __str__(self) -> str:
        return f"{self.booking_id} {self.first_day}"


@pghistory.track()
class DeliveryPolicy(models.Model):
    """How this house judges delivery and releases billing. One row."""

    policy_id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    watch_from_pct = models.PositiveSmallIntegerField(_("watch from, %"), default=95)
    on_track_from_pct = models.PositiveSmallIntegerField(_("on track from, %"), default=99)
    over_above_pct = models.PositiveSmallIntegerField(_("over above, %"), default=110)
    proof_days = models.PositiveSmallIntegerField(_("proof due, days after the read"), default=7)
    needs_proof = models.BooleanField(_("billing waits for proof"), default=True)
    needs_agreed_count = models.BooleanField(_("billing waits for an agreed count"), default=True)
    # 3.2 = a survey says that sales are 3.2 times what codes show; empty: nobody asked.
    survey_multiplier = models.DecimalField(max_digits=6, decimal_places=2, null=True, blank=True)

    class Meta:
        db_table = "delivery_policy"
        verbose_name = _("delivery policy")
        verbose_name_plural = _("delivery policy")
        constraints = [
            models.CheckConstraint(name="one_delivery_policy", condition=Q(policy_id=1)),
            models.CheckConstraint(
                name="delivery_bands_in_order",
                condition=Q(watch_from_pct__lte=F("on_track_from_pct"), on_track_from_pct__lte=F("over_above_pct")),
            ),
            models.CheckConstraint(
                name="survey_multiplier_from_one",
                condition=Q(survey_multiplier__isnull=True) | Q(survey_multiplier__gte=1),
            ),
        ]

    def __str__(self) -> str:
        return str(_("Delivery policy"))


class DeliveryDigest(models.Model):
    """The morning mail of one person about makegoods and proofs was sent for one day; no second run sends it again."""

    digest_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    day = models.DateField()
    sent_at = models.DateTimeField()
    items = models.PositiveIntegerField()

    class Meta:
        db_table = "delivery_digests"
        constraints = [models.UniqueConstraint(fields=["user", "day"], name="one_delivery_digest_a_day")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.day}"
