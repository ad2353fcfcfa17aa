from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DealsConfig(AppConfig):
    name = "deals"
    label = "deals"
    verbose_name = _("Deals")

    def ready(self) -> None:
        import_module("deals.automation")
