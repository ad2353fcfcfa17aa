"""Figures by day, episode and source: what pages and readers outside read."""

from collections.abc import Iterable
from typing import Self
from uuid import UUID

from django.db import models
from django.db.models.expressions import RawSQL

from tracker.lib.ids import new_id


class DailyFigures(models.Model):
    """The columns that metrics_daily and its rollup share. Sources are never added up; listeners never over days."""

    day = models.DateField()
    episode = models.ForeignKey("metrics.Episode", models.DO_NOTHING, related_name="+")
    podcast = models.ForeignKey("metrics.Podcast", models.DO_NOTHING, related_name="+")
    source = models.CharField(max_length=40)
    downloads = models.BigIntegerField(null=True)
    listeners = models.BigIntegerField(null=True)
    completion_rate = models.DecimalField(max_digits=7, decimal_places=6, null=True)
    ctr = models.DecimalField(max_digits=7, decimal_places=6, null=True)
    conversions = models.BigIntegerField(null=True)
    revenue_cents = models.BigIntegerField(null=True)
    last_updated = models.DateTimeField()

    pk = models.CompositePrimaryKey("episode", "day", "source")

    class Meta:
        abstract = True


class RollupOfSome(models.QuerySet):
    """Figures of some shows or episodes. Of a few, their codes are named too, which stand in the key of the facts after
    the day: so one show does not cost what the whole house does. Of many, reading every day is cheaper.
    """

    FEW_SHOWS, FEW_EPISODES = 20, 500

    def of_shows(self, podcast_ids: Iterable[UUID]) -> Self:
        ids = sorted(podcast_ids)
        found = self.filter(podcast_id__in=ids)
        return found.filter(_is_any_code_of("podcast_id", ids)) if len(ids) <= self.FEW_SHOWS else found

    def of_episodes(self, episode_ids: Iterable[UUID]) -> Self:
        ids = sorted(episode_ids)
        found = self.filter(episode_id__in=ids)
        return found.filter(_is_any_code_of("episode_id", ids)) if len(ids) <= self.FEW_EPISODES else found


def _is_any_code_of(column: str, ids: list[UUID]) -> models.Func:
    codes = RawSQL(f"ARRAY(SELECT code FROM episodes WHERE {column} = ANY(%s::uuid[]))", [ids])  # noqa: S608, S611
    code = models.F("episode_code")
    return models.Func(code, codes, template="%(expressions)s", arg_joiner=" = ANY", output_field=models.BooleanField())


class DailyRollup(DailyFigures):
    """One day of one episode by one source: what pages read. It is true the moment an import commits."""

    episode_code = models.IntegerField()

    objects = RollupOfSome.as_manager()

    class Meta:
        db_table = "metrics_daily_rollup"
        managed = False


class DailyMetric(DailyFigures):
    """The same for readers outside (spreadsheets, BI): a materialized view, as fresh as its last refresh."""

    class Meta:
        db_table = "metrics_daily"
        managed = False


class DailyRefresh(models.Model):
    """When metrics_daily was last refreshed, and the last batch it holds. One row."""

    refresh_id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    batch_code = models.IntegerField(default=0)
    refreshed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "metrics_daily_refreshes"

    def __str__(self) -> str:
        return str(self.refreshed_at or "")
