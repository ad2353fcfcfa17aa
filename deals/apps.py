from collections.abc import Iterable
from importlib import import_module
from uuid import UUID

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from tracker.accounts.kinds import register_kind


class DealsConfig(AppConfig):
    name = "deals"
    label = "deals"
    verbose_name = _("Deals")

    def ready(self) -> None:
        import_module("deals.automation")
        register_kind("sponsor", label=_("Sponsors"), choices=_sponsors)


def _sponsors() -> Iterable[tuple[UUID, str]]:
    from deals.models import Sponsor

    return Sponsor.objects.order_by("name").values_list("sponsor_id", "name")
