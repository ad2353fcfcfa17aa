"""What the API remembers of requests that must have one effect however often they come."""

from django.db import models

from tracker.lib.ids import new_id


class IdempotentAnswer(models.Model):
    """The first answer to a request with an Idempotency-Key. The row and the effect are one transaction."""

    answer_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    caller = models.CharField(max_length=80)
    key = models.CharField(max_length=255)
    # Method, path and body of the request, as a digest: the same key with another request is a mistake.
    request_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    content_type = models.CharField(max_length=100, blank=True)
    headers = models.JSONField(default=dict)
    body = models.TextField(blank=True)
    made_at = models.DateTimeField()

    class Meta:
        db_table = "idempotent_answers"
        constraints = [models.UniqueConstraint(fields=["caller", "key"], name="one_answer_a_key")]
        indexes = [models.Index(fields=["made_at"], name="answer_by_age")]

    def __str__(self) -> str:
        return self.key
