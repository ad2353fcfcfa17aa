"""Who wants to buy, and how far the talk has come. A deal is a campaign."""

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from tracker.lib.ids import new_id
from tracker.lib.states import Stateful


@pghistory.track()
class Agency(models.Model):
    """Somebody who buys on behalf of sponsors and keeps a commission."""

    agency_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=200)
    # 150 = 15 %, the custom of the trade.
    commission_permille = models.PositiveIntegerField(_("commission, per mille"), default=150)
    billing_email = models.EmailField(blank=True)
    billing_address = models.TextField(blank=True)
    tax_number = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "agencies"
        verbose_name_plural = _("agencies")
        constraints = [
            models.CheckConstraint(name="agency_commission_below_whole", condition=Q(commission_permille__lte=1000))
        ]

    def __str__(self) -> str:
        return self.name


@pghistory.track()
class Sponsor(models.Model):
    """A company that wants to be heard on shows (the API calls it an advertiser)."""

    sponsor_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=200)
    aliases = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    website_url = models.URLField(max_length=500, blank=True)
    # Category of the IAB ad product taxonomy; rivals are sponsors of one category.
    category = models.CharField(max_length=120, blank=True)
    tags = ArrayField(models.CharField(max_length=80), default=list, blank=True)
    blocked_categories = ArrayField(models.CharField(max_length=80), default=list, blank=True)
    # {"countries": {"DE": 0.6}, "ages": {"25-34": 0.5}, "sexes": {"female": 0.5}}: whom the sponsor wants to reach.
    targets = models.JSONField(default=dict, blank=True)
    agency = models.ForeignKey("deals.Agency", on_delete=models.PROTECT, null=True, blank=True, related_name="sponsors")
    billing_name = models.CharField(max_length=200, blank=True)
    billing_address = models.TextField(blank=True)
    billing_email = models.EmailField(blank=True)
    tax_number = models.CharField(max_length=64, blank=True)
    is_archived = models.BooleanField(_("archived"), default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "sponsors"

    def __str__(self) -> str:
        return self.name


@pghistory.track()
class Contact(models.Model):
    """A person on the buyer's side."""

    contact_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    sponsor = models.ForeignKey(
        "deals.Sponsor", on_delete=models.CASCADE, null=True, blank=True, related_name="contacts"
    )
    agency = models.ForeignKey("deals.Agency", on_delete=models.CASCADE, null=True, blank=True, related_name="contacts")
    name = models.CharField(max_length=200)
    title = models.CharField(max_length=120, blank=True)
    email = models.EmailField(blank=True)
    phone = models.CharField(max_length=40, blank=True)

    class Meta:
        db_table = "contacts"
        constraints = [
            models.CheckConstraint(
                name="contact_belongs_to_sponsor_or_agency",
                condition=Q(sponsor__isnull=False) | Q(agency__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return self.name


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
    notes = models.TextField(blank=True)
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
        indexes = [models.Index(fields=["stage", "stage_changed_at"], name="campaign_by_stage")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_closed(self) -> bool:
        return self.stage in (self.Stage.WON, self.Stage.LOST)
