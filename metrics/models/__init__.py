"""What there is to sponsor, and how many hear it."""

from metrics.models.daily import DailyFigures, DailyMetric, DailyRefresh, DailyRollup, RollupOfSome
from metrics.models.facts import Breakdown, ListenerMetric, MetricBatch, MetricSource, MonthlyDetail, ReplacedMetric
from metrics.models.reports import AudienceShare, EpisodeAlias, EpisodeSnapshot, ReportStep, ShowFigure
from metrics.models.shows import Episode, NextValue, Podcast

__all__ = [
    "AudienceShare",
    "Breakdown",
    "DailyFigures",
    "DailyMetric",
    "DailyRefresh",
    "DailyRollup",
    "Episode",
    "EpisodeAlias",
    "EpisodeSnapshot",
    "ListenerMetric",
    "MetricBatch",
    "MetricSource",
    "MonthlyDetail",
    "NextValue",
    "Podcast",
    "ReplacedMetric",
    "ReportStep",
    "RollupOfSome",
    "ShowFigure",
]
