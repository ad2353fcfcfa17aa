"""Shows and their episodes: what there is to sponsor."""

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tracker.lib.ids import new_id


class NextValue(models.Func):
    """The next number of a sequence of this schema, as a column's default."""

    function = "nextval"
    output_field = models.BigIntegerField()

    def __init__(self, sequence: str, **extra) -> None:
        super().__init__(models.Value(sequence), **extra)


@pghistory.track()
class Podcast(models.Model):
    """A show that can be sponsored."""

    podcast_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    title = models.CharField(max_length=200)
    slug = models.SlugField(max_length=120, unique=True)
    description = models.TextField(blank=True)
    host_name = models.CharField(_("host"), max_length=200, blank=True)
    language = models.CharField(max_length=16, blank=True, help_text=_("as in the feed, for example de or en-US"))
    categories = ArrayField(models.CharField(max_length=80), default=list, blank=True, help_text=_("Apple genres"))
    tags = ArrayField(models.CharField(max_length=80), default=list, blank=True)
    is_explicit = models.BooleanField(_("explicit"), default=False)
    website_url = models.URLField(max_length=500, blank=True)
    feed_url = models.URLField(max_length=500, blank=True)
    artwork_url = models.URLField(max_length=500, blank=True)
    # Days on which new episodes usually drop, 0 = Monday, and the local time; the release schedule plans coming slots.
    release_weekdays = ArrayField(models.PositiveSmallIntegerField(), default=list, blank=True)
    release_time = models.TimeField(null=True, blank=True)
    time_zone = models.CharField(max_length=64, blank=True, help_text=_("empty: the house's own zone"))
    is_archived = models.BooleanField(_("archived"), default=False)
    is_simulated = models.BooleanField(_("simulated data"), default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "podcasts"
        verbose_name = _("show")
        verbose_name_plural = _("shows")

    def __str__(self) -> str:
        return self.title


@pghistory.track()
class Episode(models.Model):
    """One episode of a show: out already, or planned from the show's release schedule.

    `code` is the small integer by which the bulk facts know the episode.
    """

    episode_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    code = models.BigIntegerField(unique=True, editable=False, db_default=NextValue("episode_codes"))
    podcast = models.ForeignKey("metrics.Podcast", on_delete=models.PROTECT, related_name="episodes")
    title = models.CharField(max_length=300)
    number = models.PositiveIntegerField(null=True, blank=True)
    season = models.PositiveIntegerField(null=True, blank=True)
    guid = models.CharField(max_length=500, blank=True)
    # The instant it came out, or is planned to; `is_published` tells which.
    drops_at = models.DateTimeField(null=True, blank=True)
    is_published = models.BooleanField(_("out"), default=True)
    duration_seconds = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "episodes"
        constraints = [
            models.UniqueConstraint(fields=["podcast", "guid"], name="episode_guid_once", condition=~Q(guid="")),
        ]
        indexes = [models.Index(fields=["podcast", "-drops_at"], name="episode_newest")]

    def __str__(self) -> str:
        return f"{self.number} · {self.title}" if self.number else self.title
