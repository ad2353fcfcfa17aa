"""How a house runs its sales desk: rules of stages, guards, goals, alerts, mails, saved filters."""

import pghistory
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from deals.models.campaign import Campaign
from tracker.lib.ids import new_id


@pghistory.track()
class StageRule(models.Model):
    """The house's own word on a stage; no row means the defaults of deals/rules.py."""

    stage = models.CharField(max_length=20, choices=Campaign.Stage, primary_key=True)
    probability_percent = models.PositiveSmallIntegerField(validators=[MaxValueValidator(100)])
    # Amber past these days, red from 1.5 times. Empty: the stage does not age.
    expected_days = models.PositiveSmallIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    # An alert is raised when a deal stands longer than this in the stage.
    alert_days = models.PositiveSmallIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    # A second, graver alert; the contract knows it for negotiation.
    stalled_days = models.PositiveSmallIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])

    class Meta:
        db_table = "deal_stage_rules"
        constraints = [
            models.CheckConstraint(name="stage_probability_to_100", condition=Q(probability_percent__lte=100))
        ]

    def __str__(self) -> str:
        return self.get_stage_display()


@pghistory.track()
class GuardRule(models.Model):
    """What happens when a deal moves on without something: nothing, a warning, or a refusal."""

    class Level(models.TextChoices):
        OFF = "off", _("off")
        WARN = "warn", _("warn")
        BLOCK = "block", _("block")

    code = models.CharField(max_length=40, primary_key=True)
    level = models.CharField(max_length=8, choices=Level)

    class Meta:
        db_table = "deal_guard_rules"

    def __str__(self) -> str:
        return f"{self.code}: {self.level}"


@pghistory.track()
class Goal(models.Model):
    """What one person means to win in one quarter, in one currency."""

    goal_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="goals")
    year = models.PositiveSmallIntegerField()
    quarter = models.PositiveSmallIntegerField()
    currency = models.CharField(max_length=3)
    amount_cents = models.PositiveBigIntegerField(_("amount, cents"))

    class Meta:
        db_table = "sales_goals"
        constraints = [
            models.UniqueConstraint(fields=["user", "year", "quarter", "currency"], name="one_goal_a_quarter"),
            models.CheckConstraint(name="goal_quarter_1_to_4", condition=Q(quarter__gte=1, quarter__lte=4)),
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.year} Q{self.quarter}"


class DealAlert(models.Model):
    """Something about a deal that a person should look at. Raised once, cleared by itself when it is no longer so."""

    class Kind(models.TextChoices):
        STUCK = "stuck", _("too long in one stage")
        STALLED = "stalled", _("negotiation has stalled")
        NO_REASON = "no_reason", _("lost without a reason")
        NO_NEXT_STEP = "no_next_step", _("no next step")
        CLOSE_PAST = "close_past", _("expected close is in the past")
        UNSIGNED = "unsigned", _("order unsigned near flight start")

    alert_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    campaign = models.ForeignKey("deals.Campaign", on_delete=models.CASCADE, related_name="alerts")
    kind = models.CharField(max_length=16, choices=Kind)
    raised_at = models.DateTimeField()
    cleared_at = models.DateTimeField(null=True)
    # What the sentence is made of when it is shown: {"days": 9, "limit": 7, "stage": "proposal"}.
    data = models.JSONField(default=dict)

    class Meta:
        db_table = "deal_alerts"
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "kind"], name="alert_raised_once", condition=Q(cleared_at__isnull=True)
            )
        ]
        indexes = [models.Index(fields=["-raised_at"], name="deal_alert_newest")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.campaign}"


class DeskDigest(models.Model):
    """The morning mail of one person was sent for one day; the row keeps a second run from sending it again."""

    digest_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    day = models.DateField()
    sent_at = models.DateTimeField()
    alerts = models.PositiveIntegerField()

    class Meta:
        db_table = "desk_digests"
        constraints = [models.UniqueConstraint(fields=["user", "day"], name="one_digest_a_day")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.day}"


class SavedFilter(models.Model):
    """A view of the board or the list that a person kept under a name."""

    filter_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="saved_filters")
    name = models.CharField(max_length=80)
    # The query string, as the page reads it.
    query = models.CharField(max_length=1000, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "saved_filters"
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="saved_filter_name_once")]

    def __str__(self) -> str:
        return self.name
