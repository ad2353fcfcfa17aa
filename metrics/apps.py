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

    def ready(self) -> None:
        import_module("metrics.automation")
        import_module("metrics.subscribers")
        register_kind("podcast", label=_("Shows"), choices=_shows)


def _shows() -> Iterable[tuple[UUID, str]]:
    from metrics.models import Podcast

    return Podcast.objects.filter(is_archived=False).order_by("title").values_list("podcast_id", "title")
