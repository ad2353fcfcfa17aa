from collections.abc import Iterable
from importlib import import_module
from uuid import UUID

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from tracker.accounts.kinds import register_kind


class MetricsConfig(AppConfig):
    name = "metrics"
    label = "metrics"
    verbose_name = _("Shows and listeners")
    # What its SQL makes besides the tables of models (tracker.tenants.wholeness).
    also_in_schema = (
        "listener_metrics",
        "listener_metrics_totals",
        "listener_metrics_breakdowns",
        "metrics_daily_rollup",
        "metrics_daily",
        "check_fact_references()",
        "keep_what_facts_need()",
        "refresh_metrics_daily()",
    )

    def ready(self) -> None:
        import_module("metrics.automation")
        import_module("metrics.subscribers")
        register_kind("podcast", label=_("Shows"), choices=_shows)


def _shows() -> Iterable[tuple[UUID, str]]:
    from metrics.models import Podcast

    return Podcast.objects.filter(is_archived=False).order_by("title").values_list("podcast_id", "title")
