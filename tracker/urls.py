"""A tenant's site: pages, admin and API. Wiring: this file names everything and is imported by nobody."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from matchmaking.api import unversioned
from tracker.api.docs import DocsView, schema
from tracker.api.names import also_called

admin.autodiscover()

api_v1: list[URLPattern | URLResolver] = [
    path("", include("etl.api")),
    path("", include("metrics.api")),
    path("", include("deals.api")),
    path("", include("bookings.api")),
    path("", include("matchmaking.api")),
    path("", include("tracker.dashboards.api")),
    path("", include("tracker.automation.api")),
    path("", include("tracker.events.api")),
    path("", include("tracker.api.keys")),
    # The nouns of the trade lead to the names under which partners know them.
    *also_called({"campaigns": "deals", "sponsors": "advertisers", "bookings": "io", "api-keys": "keys"}),
]

urlpatterns = [
    # Pages of several domains that stand inside the admin come first.
    path("admin/", include("tracker.dashboards.desk_urls")),
    path("admin/", admin.site.urls),
    path("accounts/", include("tracker.accounts.urls")),
    path("api/schema", schema, name="api-schema"),
    path("api/docs", DocsView.as_view(url_name="api-schema"), name="api-docs"),
    path("api/v1/", include(api_v1)),
    path("api/", include(unversioned)),
    path("", include("tracker.dashboards.urls")),
    path("", include("metrics.urls")),
    path("", include("deals.urls")),
    path("", include("bookings.urls")),
    path("", include("matchmaking.urls")),
    path("", include("etl.urls")),
]

handler400 = "tracker.api.problems.bad_request"
handler403 = "tracker.api.problems.permission_denied"
handler404 = "tracker.api.problems.page_not_found"
handler500 = "tracker.api.problems.server_error"
