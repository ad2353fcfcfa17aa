"""What left the house: versions of an order, the links to sign them, the signatures; calendar feeds."""

import pghistory
import pgtrigger
from django.db import models
from django.utils.translation import gettext_lazy as _

from tracker.lib.ids import new_id

# What was sent is proof of what was agreed: the row is written once, its papers once each, and nothing is deleted.
_SENT_IS_SENT = """
    IF TG_OP = 'DELETE'
        OR (NEW.order_id, NEW.number, NEW.document, NEW.digest, NEW.severity, NEW.changes, NEW.sent_at, NEW.sent_by,
            NEW.needs_signature)
        IS DISTINCT FROM (OLD.order_id, OLD.number, OLD.document, OLD.digest, OLD.severity, OLD.changes, OLD.sent_at,
            OLD.sent_by, OLD.needs_signature)
        OR (OLD.pdf IS NOT NULL AND NEW.pdf IS DISTINCT FROM OLD.pdf)
        OR (OLD.signed_pdf IS NOT NULL AND NEW.signed_pdf IS DISTINCT FROM OLD.signed_pdf) THEN
        RAISE EXCEPTION 'a sent version of an order is frozen' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
"""
_SIGNED_IS_SIGNED = "RAISE EXCEPTION 'a signature is final' USING ERRCODE = 'restrict_violation';"
_CHANGES = pgtrigger.Update | pgtrigger.Delete


class OrderVersion(models.Model):
    """An order as it was sent: parties, lines, prices and terms copied, and the very bytes of its paper.

    `document` is bookings.document.OrderDocument as JSON. A change is a new version; this row is never edited, save
    that it is signed or replaced.
    """

    class Severity(models.TextChoices):
        FIRST = "first", _("first version")
        MINOR = "minor", _("minor")
        MATERIAL = "material", _("material")
        CRITICAL = "critical", _("critical")

    version_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order = models.ForeignKey("bookings.InsertionOrder", on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    document = models.JSONField()
    digest = models.CharField(max_length=64)
    severity = models.CharField(max_length=8, choices=Severity)
    # Sentences that tell what changed since the version before.
    changes = models.JSONField(default=list)
    pdf = models.BinaryField(null=True)
    signed_pdf = models.BinaryField(null=True)
    sent_at = models.DateTimeField()
    sent_by = models.JSONField()
    needs_signature = models.BooleanField(default=True)

    class Meta:
        db_table = "order_versions"
        verbose_name = _("order version")
        verbose_name_plural = _("order versions")
        constraints = [models.UniqueConstraint(fields=["order", "number"], name="order_version_once")]
        triggers = [
            pgtrigger.Trigger(name="sent_is_frozen", when=pgtrigger.Before, operation=_CHANGES, func=_SENT_IS_SENT)
        ]

    def __str__(self) -> str:
        return f"{self.order} v{self.number}"


class OrderSignature(models.Model):
    """A side's name under a version, with the time and the hash of what was signed."""

    class Side(models.TextChoices):
        PUBLISHER = "publisher", _("publisher")
        BUYER = "buyer", _("buyer")

    signature_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    version = models.ForeignKey("bookings.OrderVersion", on_delete=models.PROTECT, related_name="signatures")
    side = models.CharField(max_length=9, choices=Side)
    name = models.CharField(max_length=120)
    title = models.CharField(max_length=120, blank=True)
    digest = models.CharField(max_length=64)
    signed_at = models.DateTimeField()

    class Meta:
        db_table = "order_signatures"
        constraints = [models.UniqueConstraint(fields=["version", "side"], name="signed_once_a_side")]
        triggers = [
            pgtrigger.Trigger(name="signed_is_final", when=pgtrigger.Before, operation=_CHANGES, func=_SIGNED_IS_SIGNED)
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.get_side_display()})"


class SigningLink(models.Model):
    """A private address at which one version can be read and signed without an account. Its secret is kept hashed."""

    link_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    version = models.ForeignKey("bookings.OrderVersion", on_delete=models.CASCADE, related_name="links")
    token_hash = models.CharField(max_length=64, unique=True)
    sent_to = models.JSONField(default=list)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "order_signing_links"

    def __str__(self) -> str:
        return f"{self.version} → {', '.join(self.sent_to)}"


@pghistory.track()
class CalendarFeed(models.Model):
    """A private address that a calendar program reads: the reads of one show, or of the whole house. Revocable."""

    feed_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=120)
    podcast = models.ForeignKey(
        "metrics.Podcast", on_delete=models.CASCADE, null=True, blank=True, related_name="calendar_feeds"
    )
    owner = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="calendar_feeds")
    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "calendar_feeds"
        verbose_name = _("calendar feed")
        verbose_name_plural = _("calendar feeds")

    def __str__(self) -> str:
        return self.name
