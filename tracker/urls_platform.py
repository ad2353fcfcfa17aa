"""The bare host, owned by the platform tenant: its people's sign-in and the platform's admin. Wiring."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from tracker.lib.admin import platform_admin
from tracker.tenants.metrics import metrics

admin.autodiscover()

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", platform_admin.urls),
    path("metrics", metrics),
    path("accounts/", include("tracker.accounts.urls")),
]

handler400 = "tracker.api.problems.bad_request"
handler403 = "tracker.api.problems.permission_denied"
handler404 = "tracker.api.problems.page_not_found"
handler500 = "tracker.api.problems.server_error"
