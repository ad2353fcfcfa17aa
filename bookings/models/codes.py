"""How a sale finds its way back to the show that caused it: codes that are spoken, links that are typed."""

import pghistory
from django.db import models
from django.utils.translation import gettext_lazy as _

from tracker.lib.ids import new_id


@pghistory.track()
class PromoCode(models.Model):
    """A sponsor's code that points to one show at a time. Another sponsor may use the same code.

    `folded` is the code as it is compared: NFKC and case-folded. Source: DOMAIN, attribution.
    """

    promo_code_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    sponsor = models.ForeignKey("deals.Sponsor", on_delete=models.CASCADE, related_name="promo_codes")
    podcast = models.ForeignKey("metrics.Podcast", on_delete=models.CASCADE, related_name="promo_codes")
    code = models.CharField(max_length=40)
    folded = models.CharField(max_length=80, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "promo_codes"
        verbose_name = _("promo code")
        verbose_name_plural = _("promo codes")
        constraints = [models.UniqueConstraint(fields=["sponsor", "folded"], name="promo_code_once_a_sponsor")]
        indexes = [models.Index(fields=["sponsor", "podcast"], name="promo_code_of_pair")]

    def __str__(self) -> str:
        return self.code


@pghistory.track()
class VanityLink(models.Model):
    """A path on our own base that belongs to one sponsor and one show of this house, whatever the spelling.

    `path` is stored as it is compared: lower case, without slashes around it. Source: DOMAIN, attribution.
    """

    vanity_link_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    sponsor = models.ForeignKey("deals.Sponsor", on_delete=models.CASCADE, related_name="vanity_links")
    podcast = models.ForeignKey("metrics.Podcast", on_delete=models.CASCADE, related_name="vanity_links")
    path = models.CharField(max_length=80, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "vanity_links"
        verbose_name = _("vanity link")
        verbose_name_plural = _("vanity links")
        indexes = [models.Index(fields=["sponsor", "podcast"], name="vanity_link_of_pair")]

    def __str__(self) -> str:
        return self.path


class ClickSpool(models.Model):
    """How far a process's file of clicks was counted, written with the counts: so no click counts twice."""

    name = models.CharField(max_length=80, primary_key=True)
    read_to = models.PositiveBigIntegerField(default=0)
    read_at = models.DateTimeField()

    class Meta:
        db_table = "click_spools"

    def __str__(self) -> str:
        return f"{self.name}: {self.read_to}"
