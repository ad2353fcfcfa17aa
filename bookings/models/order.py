"""The paper around bookings."""

import pghistory
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tracker.lib.ids import new_id


@pghistory.track()
class InsertionOrder(models.Model):
    """An insertion order: the header over lines (bookings), with its parties, money and terms.

    The number is taken when the order is first sent or exported: without gaps per tenant and year.
    """

    class Status(models.TextChoices):
        DRAFT = "draft", _("draft")
        SENT = "sent", _("sent")
        SIGNED = "signed", _("signed")
        CANCELLED = "cancelled", _("cancelled")

    order_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    campaign = models.ForeignKey("deals.Campaign", on_delete=models.PROTECT, related_name="orders")
    number = models.CharField(max_length=20, null=True, blank=True, unique=True)
    version = models.PositiveIntegerField(default=1)
    status = models.CharField(max_length=12, choices=Status, default=Status.DRAFT)
    currency = models.CharField(max_length=3)
    # Days of flights are counted in this zone.
    time_zone = models.CharField(max_length=64)
    commission_permille = models.PositiveIntegerField(default=0)
    # The one source this order is billed on.
    measurement_of_record = models.CharField(max_length=40, blank=True)
    guarantee_days = models.PositiveSmallIntegerField(default=30)
    tolerance_permille = models.PositiveSmallIntegerField(default=50)
    external_ref = models.CharField(max_length=100, blank=True)
    buyer_reference = models.CharField(max_length=100, blank=True)
    terms = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    signed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "insertion_orders"
        verbose_name = _("insertion order")
        verbose_name_plural = _("insertion orders")
        constraints = [
            models.UniqueConstraint(
                fields=["campaign"], name="one_draft_order_a_campaign", condition=Q(status="draft")
            ),
            models.CheckConstraint(name="order_sent_has_number", condition=Q(status="draft") | Q(number__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.number or str(_("draft order"))
