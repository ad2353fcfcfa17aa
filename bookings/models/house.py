"""The house's own side of an order: who sells, on which terms, under which numbers."""

import pghistory
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

HEX_COLOUR = RegexValidator(r"^#[0-9a-f]{6}$", _("Write the colour as # and six small hexadecimal digits."))
NUMBER_PREFIX = RegexValidator(r"^[A-Z0-9]{1,8}$", _("Use 1 to 8 capital letters or digits."))


@pghistory.track()
class OrderProfile(models.Model):
    """How this house appears on its insertion orders, and what it agrees to unless an order says otherwise."""

    class Separation(models.TextChoices):
        EPISODE = "episode", _("same episode")
        FLIGHT = "flight", _("same show during the flight")
        NONE = "none", _("rivals may meet")

    profile_id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    legal_name = models.CharField(max_length=200, blank=True, help_text=_("empty: the name of the house"))
    address = models.TextField(blank=True)
    order_email = models.EmailField(blank=True)
    phone = models.CharField(max_length=40, blank=True)
    tax_number = models.CharField(max_length=64, blank=True)
    contact_name = models.CharField(max_length=200, blank=True)
    brand_colour = models.CharField(max_length=7, default="#17473c", validators=[HEX_COLOUR])
    logo_png = models.BinaryField(null=True, blank=True, editable=False)
    number_prefix = models.CharField(max_length=8, blank=True, validators=[NUMBER_PREFIX])
    is_us_letter = models.BooleanField(_("US Letter paper"), default=False)
    measurement_of_record = models.CharField(max_length=40, blank=True)
    guarantee_days = models.PositiveSmallIntegerField(default=30)
    tolerance_permille = models.PositiveSmallIntegerField(default=50)
    cancellation_notice_days = models.PositiveSmallIntegerField(default=14)
    payment_days = models.PositiveSmallIntegerField(default=30)
    signing_days = models.PositiveSmallIntegerField(default=14)
    materials_days = models.PositiveSmallIntegerField(default=5)
    claim_window_days = models.PositiveSmallIntegerField(default=30)
    hold_hours = models.PositiveSmallIntegerField(default=72)
    link_grace_days = models.PositiveSmallIntegerField(default=28)
    separation = models.CharField(max_length=8, choices=Separation, default=Separation.EPISODE)
    governing_law = models.CharField(max_length=200, blank=True)
    # Numbered clauses that replace the house's standard ones, one by one: {"5": {"title": "...", "text": "..."}}.
    own_terms = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "order_profile"
        verbose_name = _("order profile")
        verbose_name_plural = _("order profile")
        constraints = [models.CheckConstraint(name="one_order_profile", condition=Q(profile_id=1))]

    def __str__(self) -> str:
        return str(_("Order profile"))


class OrderNumber(models.Model):
    """The last number given to an order in a year. The row is locked while one is taken, so numbers have no gaps."""

    year = models.PositiveSmallIntegerField(primary_key=True)
    last = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "order_numbers"

    def __str__(self) -> str:
        return f"{self.year}: {self.last}"
