from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BookingsConfig(AppConfig):
    name = "bookings"
    label = "bookings"
    verbose_name = _("Bookings")

    def ready(self) -> None:
        from bookings import automation, subscribers  # noqa: F401
