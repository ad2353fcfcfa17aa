"""Who buys: sponsors, the agencies that buy for them, and their people."""

from decimal import Decimal

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from tracker.lib.ids import new_id


class Credit(models.TextChoices):
    OPEN = "open", _("open")
    WATCH = "watch", _("watch")
    HOLD = "hold", _("on hold")


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
    # An agency pays for its sponsors, so that its credit counts as theirs does.
    credit_status = models.CharField(max_length=8, choices=Credit, default=Credit.OPEN, db_default="open")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "agencies"
        verbose_name_plural = _("agencies")
        constraints = [
            models.CheckConstraint(name="agency_commission_below_whole", condition=Q(commission_permille__lte=1000))
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def commission_percent(self) -> Decimal:
        return Decimal(self.commission_permille) / 10


@pghistory.track()
class Sponsor(models.Model):
    """A company that wants to be heard on shows (the API calls it an advertiser)."""

    Credit = Credit

    sponsor_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=200)
    aliases = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    # What it sells under: the names a host says.
    brands = ArrayField(models.CharField(max_length=120), default=list, db_default=[], blank=True)
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
    # New orders for a sponsor on hold are to be paid in advance; the desk sees it before it promises anything.
    credit_status = models.CharField(max_length=8, choices=Credit, default=Credit.OPEN)
    # The name without spelling: what the duplicate guard compares. Written by deals.services with the name.
    name_key = models.CharField(max_length=200, editable=False, default="", db_index=True)
    # Set while this row is a duplicate that was merged into another; history stays, and the merge can be undone.
    merged_into = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, editable=False, related_name="duplicates"
    )
    is_archived = models.BooleanField(_("archived"), default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "sponsors"
        constraints = [
            models.CheckConstraint(
                name="sponsor_not_merged_into_itself",
                condition=Q(merged_into__isnull=True) | ~Q(merged_into=F("sponsor_id")),
            )
        ]

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


class SponsorMerge(models.Model):
    """Two spellings were found to be one sponsor. `moved` keeps what went over, so that the merge can be undone.

    moved: {"campaigns": [ids], "contacts": [ids], "aliases": [names added to the one kept], "brands": [the same]}.
    """

    merge_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kept = models.ForeignKey("deals.Sponsor", on_delete=models.PROTECT, related_name="merges")
    merged = models.ForeignKey("deals.Sponsor", on_delete=models.PROTECT, related_name="merges_away")
    moved = models.JSONField(default=dict)
    merged_at = models.DateTimeField()
    merged_by = models.JSONField(default=dict)
    undone_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "sponsor_merges"
        constraints = [
            models.UniqueConstraint(
                fields=["merged"], name="sponsor_merged_once_at_a_time", condition=Q(undone_at__isnull=True)
            )
        ]

    def __str__(self) -> str:
        return f"{self.merged} → {self.kept}"
