from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EtlConfig(AppConfig):
    name = "etl"
    label = "etl"
    verbose_name = _("Imports")

    def ready(self) -> None:
        import_module("etl.automation")
        import_module("etl.subscribers")
