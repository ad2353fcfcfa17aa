"""What happened in this tenant, written in the transaction that made it true."""

from django.db import models

from tracker.lib.ids import new_id


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

    class Meta:
        db_table = "events_outbox"
        indexes = [models.Index(fields=["subject_type", "subject_id", "seq"], name="event_of_subject")]

    def __str__(self) -> str:
        return f"{self.type} {self.subject_id}"
