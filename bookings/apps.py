from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BookingsConfig(AppConfig):
    name = "bookings"
    label = "bookings"
    verbose_name = _("Bookings")
    # What its SQL makes besides the tables of models (tracker.tenants.wholeness).
    also_in_schema = ("move_claims_with_episode()",)

    def ready(self) -> None:
        from bookings import automation, checks, subscribers  # noqa: F401
