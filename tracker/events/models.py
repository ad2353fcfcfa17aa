"""What happened in this tenant, written in the transaction that made it true, and who has been told."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tracker.lib.actors import Actor
from tracker.lib.ids import new_id

# A delivery's listener is a function of ours by its name, or an endpoint by this and its id.
ENDPOINT_PREFIX = "endpoint:"


class Event(models.Model):
    """Something that happened to one object. `seq` orders a tenant's events; `data` holds JSON primitives only."""

    seq = models.BigAutoField(primary_key=True)
    event_id = models.UUIDField(unique=True, default=new_id, editable=False)
    type = models.CharField(max_length=64)
    subject_type = models.CharField(max_length=64)
    subject_id = models.CharField(max_length=64)
    actor = models.JSONField(default=dict)
    at = models.DateTimeField()
    data = models.JSONField(default=dict)
    # When its deliveries were written; empty until a worker has seen it.
    relayed_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        db_table = "events_outbox"
        verbose_name = _("event")
        verbose_name_plural = _("events")
        indexes = [
            models.Index(fields=["subject_type", "subject_id", "seq"], name="event_of_subject"),
            models.Index(fields=["seq"], name="event_to_relay", condition=Q(relayed_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.subject_id}"

    @property
    def subject_key(self) -> str:
        return f"{self.subject_type}:{self.subject_id}"

    @property
    def by(self) -> Actor:
        """Who did it, as an actor that may stand as `by` of what follows from it."""
        return Actor(**self.actor)


class Endpoint(models.Model):
    """A partner's address that is told of events by signed POSTs. Its secrets are encrypted at rest."""

    endpoint_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    url = models.URLField(max_length=500)
    description = models.CharField(max_length=200, blank=True)
    # Which events it wants; empty: all.
    event_types = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    secret = models.TextField(editable=False)
    previous_secret = models.TextField(blank=True, editable=False)
    previous_until = models.DateTimeField(null=True, editable=False)
    is_active = models.BooleanField(_("active"), default=True)
    disabled_reason = models.CharField(max_length=300, blank=True)
    # The first failure since the last success; empty while all is well.
    failing_since = models.DateTimeField(null=True, editable=False)
    warned_at = models.DateTimeField(null=True, editable=False)
    # One exchange at a time: until when the present one may take.
    busy_until = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField()
    created_by = models.JSONField(default=dict)

    class Meta:
        db_table = "webhook_endpoints"
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")

    def __str__(self) -> str:
        return self.url

    @property
    def listener(self) -> str:
        return f"{ENDPOINT_PREFIX}{self.pk}"

    def wants(self, type: str) -> bool:
        return not self.event_types or type in self.event_types


class Delivery(models.Model):
    """One event for one listener: a subscriber in our code, or a partner's endpoint. The pair is unique."""

    class Status(models.TextChoices):
        PENDING = "pending", _("waiting")
        DELIVERED = "delivered", _("delivered")
        DEAD = "dead", _("given up")

    delivery_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    event = models.ForeignKey("events.Event", on_delete=models.CASCADE, related_name="deliveries")
    listener = models.CharField(max_length=200)
    # Copied from the event: order is kept for each object at each listener.
    subject_key = models.CharField(max_length=130)
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)

    class Meta:
        db_table = "event_deliveries"
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        constraints = [models.UniqueConstraint(fields=["event", "listener"], name="delivered_once_each")]
        indexes = [
            models.Index(fields=["next_attempt_at"], name="delivery_due", condition=Q(status="pending")),
            models.Index(
                fields=["listener", "subject_key", "event"], name="delivery_in_order", condition=Q(status="pending")
            ),
            # An endpoint that comes back is sent the oldest, again and again, however many wait behind it.
            models.Index(
                fields=["listener", "event"],
                name="delivery_oldest",
                condition=Q(status="pending", listener__startswith=ENDPOINT_PREFIX),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event} → {self.listener}"


class Attempt(models.Model):
    """One try of one delivery to a partner's endpoint: what was sent, and what came back."""

    attempt_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    delivery = models.ForeignKey("events.Delivery", on_delete=models.CASCADE, related_name="tries")
    at = models.DateTimeField()
    milliseconds = models.PositiveIntegerField()
    request = models.JSONField()
    status = models.PositiveSmallIntegerField(null=True)
    response = models.JSONField(default=dict)
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        db_table = "webhook_attempts"
        verbose_name = _("webhook try")
        verbose_name_plural = _("webhook tries")
        indexes = [models.Index(fields=["delivery", "-at"], name="attempt_newest")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.status or self.error}"
