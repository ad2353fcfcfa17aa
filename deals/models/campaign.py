"""A deal: one sponsor's intent to buy, and what is written down about it on the way."""

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tracker.lib.ids import new_id
from tracker.lib.states import Stateful


class CampaignQuerySet(models.QuerySet["Campaign"]):
    def open(self) -> "CampaignQuerySet":
        return self.exclude(stage__in=[Campaign.Stage.WON, Campaign.Stage.LOST])


@pghistory.track()
class Campaign(Stateful, models.Model):
    """A deal: one sponsor's intent to buy, from first call to won or lost."""

    class Stage(models.TextChoices):
        LEAD = "lead", _("lead")
        QUALIFIED = "qualified", _("qualified")
        PROPOSAL = "proposal", _("proposal")
        NEGOTIATION = "negotiation", _("negotiation")
        WON = "won", _("won")
        LOST = "lost", _("lost")

    STATE_FIELD = "stage"
    # DOMAIN, deals. Skipping forward, won -> negotiation and lost -> qualified have further conditions: deals/services.
    TRANSITIONS = {
        Stage.LEAD: {Stage.QUALIFIED, Stage.LOST},
        Stage.QUALIFIED: {Stage.PROPOSAL, Stage.LEAD, Stage.LOST},
        Stage.PROPOSAL: {Stage.NEGOTIATION, Stage.QUALIFIED, Stage.LOST},
        Stage.NEGOTIATION: {Stage.WON, Stage.PROPOSAL, Stage.LOST},
        Stage.WON: {Stage.NEGOTIATION},
        Stage.LOST: {Stage.QUALIFIED},
    }

    campaign_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=200)
    sponsor = models.ForeignKey("deals.Sponsor", on_delete=models.PROTECT, related_name="campaigns")
    agency = models.ForeignKey(
        "deals.Agency", on_delete=models.PROTECT, null=True, blank=True, related_name="campaigns"
    )
    owner = models.ForeignKey(
        "accounts.User", on_delete=models.SET_NULL, null=True, blank=True, related_name="campaigns"
    )
    stage = models.CharField(max_length=20, choices=Stage, default=Stage.LEAD)
    stage_changed_at = models.DateTimeField()
    opened_at = models.DateTimeField(default=timezone.now, editable=False)
    closed_at = models.DateTimeField(null=True, blank=True)
    lost_reason = models.CharField(max_length=500, blank=True)
    lost_to = models.CharField(_("competitor"), max_length=200, blank=True)
    campaign_value = models.BigIntegerField(_("value, cents"), default=0)
    currency = models.CharField(max_length=3)
    expected_close_on = models.DateField(null=True, blank=True)
    next_step = models.CharField(max_length=300, blank=True)
    next_step_on = models.DateField(null=True, blank=True)
    flight_first_day = models.DateField(null=True, blank=True)
    flight_last_day = models.DateField(null=True, blank=True)
    wanted_impressions = models.PositiveBigIntegerField(null=True, blank=True)
    wanted_podcasts = models.ManyToManyField(
        "metrics.Podcast", blank=True, related_name="wanted_by", db_table="campaign_podcasts"
    )
    # Where the deal came from: referral, inbound, outbound, renewal, ...
    source = models.CharField(max_length=64, blank=True)
    brand_safety_flags = ArrayField(models.CharField(max_length=80), default=list, blank=True)
    # Facts of the floors above, written here by bookings through a service, so that rules about a deal read in deals.
    has_accepted_order = models.BooleanField(default=False, editable=False)
    has_active_booking = models.BooleanField(default=False, editable=False)
    # First day of its earliest booking that is not cancelled.
    booked_from = models.DateField(null=True, blank=True, editable=False)
    notes = models.TextField(blank=True)
    # Counts the changes: what If-Match and the board compare. Raised by the services under the row lock.
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = CampaignQuerySet.as_manager()

    class Meta:
        db_table = "campaigns"
        verbose_name = _("deal")
        verbose_name_plural = _("deals")
        constraints = [
            models.CheckConstraint(
                name="campaign_closed_at_iff_closed",
                condition=Q(stage__in=["won", "lost"], closed_at__isnull=False)
                | (~Q(stage__in=["won", "lost"]) & Q(closed_at__isnull=True)),
            ),
            models.CheckConstraint(name="campaign_lost_has_reason", condition=~Q(stage="lost") | ~Q(lost_reason="")),
            models.CheckConstraint(name="campaign_value_not_negative", condition=Q(campaign_value__gte=0)),
            models.CheckConstraint(
                name="campaign_flight_in_order",
                condition=Q(flight_last_day__isnull=True)
                | Q(flight_first_day__isnull=True)
                | Q(flight_last_day__gte=F("flight_first_day")),
            ),
        ]
        indexes = [
            models.Index(fields=["stage", "stage_changed_at"], name="campaign_by_stage"),
            models.Index(fields=["-created_at"], name="campaign_newest"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_closed(self) -> bool:
        return self.stage in (self.Stage.WON, self.Stage.LOST)

    @property
    def status(self) -> str:
        """open, won or lost: the deal's stage as partners read it."""
        return self.stage if self.is_closed else "open"


class DealNote(models.Model):
    """Something written down about a deal: a note, a call, a mail that was sent or came in. Never edited."""

    class Kind(models.TextChoices):
        NOTE = "note", _("note")
        CALL = "call", _("call")
        MAIL = "mail", _("mail")
        MEETING = "meeting", _("meeting")

    note_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    campaign = models.ForeignKey("deals.Campaign", on_delete=models.CASCADE, related_name="deal_notes")
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.NOTE)
    text = models.TextField()
    written_by = models.JSONField(default=dict)
    written_at = models.DateTimeField()

    class Meta:
        db_table = "deal_notes"
        indexes = [models.Index(fields=["campaign", "-written_at"], name="deal_note_newest")]

    def __str__(self) -> str:
        return self.text[:60]


class DealFile(models.Model):
    """A file kept with a deal: a briefing, a signed proposal. Stored under a random name, served to the desk alone."""

    file_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    campaign = models.ForeignKey("deals.Campaign", on_delete=models.CASCADE, related_name="files")
    file = models.FileField(upload_to="deals/files")
    name = models.CharField(max_length=200)
    size = models.PositiveIntegerField()
    added_by = models.JSONField(default=dict)
    added_at = models.DateTimeField()

    class Meta:
        db_table = "deal_files"
        indexes = [models.Index(fields=["campaign", "-added_at"], name="deal_file_newest")]

    def __str__(self) -> str:
        return self.name


class Proposal(models.Model):
    """A media plan as it was offered: its number, what it came to, and the file that was kept. Never edited.

    A deal's first proposal takes the next number of the year; later ones are further versions of it. Amounts in cents.
    """

    proposal_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    campaign = models.ForeignKey("deals.Campaign", on_delete=models.CASCADE, related_name="proposals")
    file = models.OneToOneField("deals.DealFile", on_delete=models.PROTECT, related_name="proposal")
    year = models.PositiveSmallIntegerField()
    serial = models.PositiveIntegerField()
    version = models.PositiveIntegerField()
    number = models.CharField(max_length=40)
    currency = models.CharField(max_length=3)
    impressions = models.PositiveBigIntegerField()
    gross_cents = models.PositiveBigIntegerField()
    net_cents = models.PositiveBigIntegerField()
    stands_until = models.DateField()
    # SHA-256 of what it says, as the foot of each page prints the beginning of it.
    digest = models.CharField(max_length=64)
    made_by = models.JSONField(default=dict)
    made_at = models.DateTimeField()

    class Meta:
        db_table = "proposals"
        constraints = [
            models.UniqueConstraint(fields=["year", "serial", "version"], name="proposal_number_once"),
            models.UniqueConstraint(fields=["campaign", "version"], name="proposal_version_once"),
        ]

    def __str__(self) -> str:
        return f"{self.number} v{self.version}"
