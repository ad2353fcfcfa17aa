from importlib import import_module

from django.apps import AppConfig, apps
from django.utils.module_loading import module_has_submodule
from django.utils.translation import gettext_lazy as _


class EventsConfig(AppConfig):
    name = "tracker.events"
    label = "events"
    verbose_name = _("Events")

    def ready(self) -> None:
        import_module("tracker.events.checks")
        # Every process knows every listener, every job and every type of event, whichever app it belongs to.
        for config in apps.get_app_configs():
            for module in ("event_schemas", "subscribers", "automation"):
                is_package = config.module is not None and hasattr(config.module, "__path__")
                if is_package and module_has_submodule(config.module, module):
                    import_module(f"{config.name}.{module}")
