"""What the admins of bookings share: the feature's flag."""

from typing import Any

from django.http import HttpRequest

from tracker.flags.pages import features_of
from tracker.lib.admin import BaseAdmin

FLAG = "ENABLE_IO_BOOKINGS"


class BookingsAdmin(BaseAdmin):
    """Seen only while bookings are switched on here."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return FLAG in features_of(request) and super().has_module_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return FLAG in features_of(request) and super().has_view_permission(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return FLAG in features_of(request) and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return FLAG in features_of(request) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
