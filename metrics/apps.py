from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MetricsConfig(AppConfig):
    name = "metrics"
    label = "metrics"
    verbose_name = _("Shows and listeners")

    def ready(self) -> None:
        import_module("metrics.automation")
        import_module("metrics.subscribers")
