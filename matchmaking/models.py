"""Who fits whom."""

from decimal import Decimal

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from matchmaking.profiles import SIGNALS
from tracker.lib.ids import new_id


class Match(models.Model):
    """How well a show fits an advertiser: 0-100, with its reasons.

    Kept are the best twenty shows of each advertiser, the best twenty advertisers of each show, and pairs that somebody
    asked for by name.
    """

    match_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    advertiser = models.ForeignKey(
        "deals.Sponsor", on_delete=models.CASCADE, related_name="matches", db_constraint=False, db_index=False
    )
    podcast = models.ForeignKey(
        "metrics.Podcast", on_delete=models.CASCADE, related_name="matches", db_constraint=False, db_index=False
    )
    score = models.DecimalField(max_digits=5, decimal_places=2)
    # Share of the weights that had data, 0 to 1.
    confidence = models.DecimalField(max_digits=4, decimal_places=3, default=Decimal(0))
    rationale = models.TextField(blank=True)
    # {"geo_overlap": 0.61, ...}; a signal without data is absent.
    signals = models.JSONField(default=dict)
    weights_version = models.PositiveIntegerField(default=1)
    # Whose list of the best it stands on; a pair asked for by name stays although it is on neither.
    in_advertiser_top = models.BooleanField(default=False, db_default=False)
    in_podcast_top = models.BooleanField(default=False, db_default=False)
    is_asked = models.BooleanField(default=False, db_default=False)
    # Of everything above, so that a run knows what did not change without reading it.
    digest = models.BigIntegerField(default=0, db_default=0, editable=False)
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "matches"
        verbose_name = _("match")
        verbose_name_plural = _("matches")
        constraints = [
            models.UniqueConstraint(fields=["advertiser", "podcast"], name="match_once_a_pair"),
            models.CheckConstraint(name="match_score_0_100", condition=Q(score__gte=0, score__lte=100)),
        ]
        indexes = [models.Index(fields=["podcast"], name="match_by_podcast")]

    def __str__(self) -> str:
        return f"{self.score}"


@pghistory.track()
class Weights(models.Model):
    """How much each signal counts in this house. Each change is a new version; the newest one is used."""

    version = models.PositiveIntegerField(primary_key=True)
    geo_overlap = models.DecimalField(max_digits=4, decimal_places=3, default=Decimal("0.15"))
    demographic_overlap = models.DecimalField(max_digits=4, decimal_places=3, default=Decimal("0.20"))
    topic_overlap = models.DecimalField(max_digits=4, decimal_places=3, default=Decimal("0.25"))
    historical_lift = models.DecimalField(max_digits=4, decimal_places=3, default=Decimal("0.20"))
    inventory_fit = models.DecimalField(max_digits=4, decimal_places=3, default=Decimal("0.15"))
    brand_safety = models.DecimalField(max_digits=4, decimal_places=3, default=Decimal("0.05"))
    set_at = models.DateTimeField()
    set_by = models.JSONField(default=dict)

    class Meta:
        db_table = "match_weights"
        verbose_name = _("weights")
        verbose_name_plural = _("weights")
        constraints = [
            *(
                models.CheckConstraint(
                    name=f"weight_{signal}_is_share", condition=Q(**{f"{signal}__gte": 0, f"{signal}__lte": 1})
                )
                for signal in SIGNALS
            ),
            models.CheckConstraint(
                name="weights_not_all_zero",
                condition=~Q(**dict.fromkeys(SIGNALS, 0)),
            ),
        ]

    def __str__(self) -> str:
        return f"{_('version')} {self.version}"


@pghistory.track()
class Feedback(models.Model):
    """What somebody of the house thinks of a match: kept as data, one word a person and pair; the newest counts."""

    class Verdict(models.TextChoices):
        GOOD = "good", _("good fit")
        BAD = "bad", _("bad fit")

    feedback_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    advertiser = models.ForeignKey("deals.Sponsor", on_delete=models.CASCADE, related_name="match_feedback")
    podcast = models.ForeignKey("metrics.Podcast", on_delete=models.CASCADE, related_name="match_feedback")
    verdict = models.CharField(max_length=4, choices=Verdict)
    note = models.CharField(max_length=500, blank=True)
    # The score it was said of, if the pair had one.
    score = models.DecimalField(max_digits=5, decimal_places=2, null=True, blank=True)
    actor_id = models.CharField(max_length=64)
    given_by = models.JSONField(default=dict)
    given_at = models.DateTimeField()

    class Meta:
        db_table = "match_feedback"
        verbose_name_plural = _("feedback")
        constraints = [
            models.UniqueConstraint(fields=["advertiser", "podcast", "actor_id"], name="feedback_once_a_person")
        ]

    def __str__(self) -> str:
        return f"{self.get_verdict_display()}"


@pghistory.track()
class PlacementRule(models.Model):
    """Why some sponsors can never run on a show: the host refuses them, or a rival has the show to itself.

    It names a sponsor, or a product category of sponsors. Exclusivity belongs to `holder` and ends with `last_day`.
    """

    class Kind(models.TextChoices):
        REFUSAL = "refusal", _("refused by the host")
        EXCLUSIVITY = "exclusivity", _("exclusivity")

    rule_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    podcast = models.ForeignKey("metrics.Podcast", on_delete=models.CASCADE, related_name="placement_rules")
    kind = models.CharField(max_length=12, choices=Kind)
    sponsor = models.ForeignKey(
        "deals.Sponsor", on_delete=models.CASCADE, null=True, blank=True, related_name="refusals"
    )
    category = models.CharField(_("product category"), max_length=120, blank=True)
    holder = models.ForeignKey(
        "deals.Sponsor", on_delete=models.CASCADE, null=True, blank=True, related_name="exclusivities"
    )
    first_day = models.DateField(null=True, blank=True)
    last_day = models.DateField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "placement_rules"
        constraints = [
            models.CheckConstraint(
                name="placement_rule_names_somebody", condition=Q(sponsor__isnull=False) | ~Q(category="")
            ),
            models.CheckConstraint(
                name="exclusivity_has_holder_and_end",
                condition=~Q(kind="exclusivity") | Q(holder__isnull=False, last_day__isnull=False, category__gt=""),
            ),
            models.CheckConstraint(
                name="placement_rule_in_order",
                condition=Q(first_day__isnull=True) | Q(last_day__isnull=True) | Q(last_day__gte=F("first_day")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.sponsor or self.category}"


class PackedPodcast(models.Model):
    """A show as the fast scorer reads it: one row of numbers, rebuilt when something it tells has changed."""

    podcast = models.OneToOneField(
        "metrics.Podcast", on_delete=models.CASCADE, primary_key=True, related_name="+", db_constraint=False
    )
    layout = models.PositiveSmallIntegerField()
    features = models.BinaryField()

    class Meta:
        db_table = "match_packed_podcasts"

    def __str__(self) -> str:
        return str(self.podcast_id)


class PackedSponsor(models.Model):
    """A sponsor as the fast scorer reads it."""

    sponsor = models.OneToOneField(
        "deals.Sponsor", on_delete=models.CASCADE, primary_key=True, related_name="+", db_constraint=False
    )
    layout = models.PositiveSmallIntegerField()
    features = models.BinaryField()

    class Meta:
        db_table = "match_packed_sponsors"

    def __str__(self) -> str:
        return str(self.sponsor_id)


class PackedPair(models.Model):
    """What is known of two together: that they can never be, or how their own past placements went."""

    pk = models.CompositePrimaryKey("sponsor_id", "podcast_id")
    sponsor = models.ForeignKey(
        "deals.Sponsor", on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    podcast = models.ForeignKey("metrics.Podcast", on_delete=models.CASCADE, related_name="+", db_constraint=False)
    refusal = models.CharField(max_length=300, blank=True)
    outcome = models.FloatField(null=True)
    volume = models.FloatField(default=0)
    # {"flights": 3, "renewals": 2, "delivered": 0.98, "orders": 12}: what the outcome is made of, for the page.
    facts = models.JSONField(default=dict)

    class Meta:
        db_table = "match_packed_pairs"

    def __str__(self) -> str:
        return f"{self.sponsor_id} {self.podcast_id}"


class StandingList(models.Model):
    """Whom a show or a sponsor has on its list, and who stands ready to move up: see `matchmaking.standing`."""

    pk = models.CompositePrimaryKey("kind", "owner_id")
    # "podcasts" or "sponsors".
    kind = models.CharField(max_length=8)
    owner_id = models.UUIDField()
    entries = models.BinaryField()

    class Meta:
        db_table = "match_standing_lists"

    def __str__(self) -> str:
        return f"{self.kind} {self.owner_id}"


class Model(models.Model):
    """What was learned from the house's shows: the weights of words, and how much evidence counts as full.

    Refitted by the nightly run when shows or placements have changed by a tenth; in between it stands still, so that a
    run over a few pairs leaves what a full run would.
    """

    model_id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    fitted_at = models.DateTimeField()
    shows = models.PositiveIntegerField()
    placements = models.PositiveIntegerField()
    full_evidence = models.FloatField()
    # How much of the closeness of topics counts beside so many placements.
    topic_part = models.FloatField(default=1.0, db_default=1.0)
    # Orders per delivered impression over the house, the usual against which a pair is held; null: nobody reports both.
    usual_rate = models.FloatField(null=True)
    text = models.BinaryField()
    peers = models.BinaryField()
    # The weights' version of the standing lists; null: no run over everything since the model was learned.
    lists_version = models.PositiveIntegerField(null=True)

    class Meta:
        db_table = "match_model"
        constraints = [models.CheckConstraint(name="one_match_model", condition=Q(model_id=1))]

    def __str__(self) -> str:
        return f"{self.fitted_at:%Y-%m-%d}"


class Stale(models.Model):
    """A show or a sponsor of which something changed: the next run over changed pairs takes it."""

    class Kind(models.TextChoices):
        PODCAST = "podcast", _("show")
        SPONSOR = "sponsor", _("sponsor")

    pk = models.CompositePrimaryKey("kind", "subject_id")
    kind = models.CharField(max_length=8, choices=Kind)
    subject_id = models.UUIDField()
    since = models.DateTimeField()

    class Meta:
        db_table = "match_stale"

    def __str__(self) -> str:
        return f"{self.kind} {self.subject_id}"


class Run(models.Model):
    """One recalculation: who asked, over which pairs, how far it is, what it changed."""

    class Status(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        COMPLETED = "completed", _("completed")
        FAILED = "failed", _("failed")

    class Scope(models.TextChoices):
        ALL = "all", _("everything")
        ADVERTISER = "advertiser", _("one advertiser")
        PODCAST = "podcast", _("one show")
        PAIR = "pair", _("one pair")
        CHANGED = "changed", _("what changed")

    run_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    scope = models.CharField(max_length=12, choices=Scope)
    advertiser_ids = ArrayField(models.UUIDField(), default=list, blank=True)
    podcast_ids = ArrayField(models.UUIDField(), default=list, blank=True)
    status = models.CharField(max_length=12, choices=Status, default=Status.QUEUED)
    started_by = models.JSONField(default=dict)
    queued_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    # {"pairs": 50000000, "written": 12, "deleted": 3, "kept": 250000, "seconds": 2.31}
    counts = models.JSONField(default=dict)
    error = models.TextField(blank=True)

    class Meta:
        db_table = "match_runs"
        indexes = [models.Index(fields=["-queued_at"], name="match_run_newest")]

    def __str__(self) -> str:
        return f"{self.scope} {self.status}"


class RunBlock(models.Model):
    """A range of sponsors scored against all shows by one task: its best pairs, until the run has joined them."""

    pk = models.CompositePrimaryKey("run_id", "first")
    run = models.ForeignKey("matchmaking.Run", on_delete=models.CASCADE, related_name="blocks")
    # Places in the order of sponsors' ids: [first, last).
    first = models.PositiveIntegerField()
    last = models.PositiveIntegerField()
    outcome = models.BinaryField(null=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "match_run_blocks"

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"
