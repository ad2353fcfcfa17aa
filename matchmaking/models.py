"""Who fits whom."""

from decimal import Decimal

from django.db import models
from django.db.models import Q

from tracker.lib.ids import new_id


class Match(models.Model):
    """How well a show fits an advertiser: 0-100, with its reasons."""

    match_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    advertiser = models.ForeignKey(
        "deals.Sponsor", on_delete=models.CASCADE, related_name="matches", db_constraint=False
    )
    podcast = models.ForeignKey(
        "metrics.Podcast", on_delete=models.CASCADE, related_name="matches", db_constraint=False
    )
    score = models.DecimalField(max_digits=5, decimal_places=2)
    # Share of the weights that had data, 0 to 1.
    confidence = models.DecimalField(max_digits=4, decimal_places=3, default=Decimal(0))
    rationale = models.TextField(blank=True)
    # {"geo_overlap": 0.61, ...}; a signal without data is absent.
    signals = models.JSONField(default=dict)
    weights_version = models.PositiveIntegerField(default=1)
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "matches"
        verbose_name_plural = "matches"
        constraints = [
            models.UniqueConstraint(fields=["advertiser", "podcast"], name="match_once_a_pair"),
            models.CheckConstraint(name="match_score_0_100", condition=Q(score__gte=0, score__lte=100)),
        ]

    def __str__(self) -> str:
        return f"{self.score}"
