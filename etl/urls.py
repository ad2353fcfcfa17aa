"""Pages of this app."""

from django.urls import URLPattern, URLResolver, path

from etl import feed_views, sheet_views, views, waiting_views

app_name = "etl"

urlpatterns: list[URLPattern | URLResolver] = [
    path("imports", views.imports, name="imports"),
    path("imports/upload", views.upload, name="upload"),
    path("imports/templates/<slug:kind>.csv", views.template, name="template"),
    path("imports/feed", feed_views.feed, name="feed"),
    path("imports/waiting", waiting_views.waiting, name="waiting"),
    path("imports/waiting/<uuid:row_id>", waiting_views.decide, name="waiting-decide"),
    path("imports/sheets", sheet_views.sheets, name="sheets"),
    path("imports/sheets/connect", sheet_views.connect, name="sheet-connect"),
    path("imports/sheets/<uuid:connection_id>/import", sheet_views.import_sheet, name="sheet-import"),
    path("imports/sheets/<uuid:connection_id>/disconnect", sheet_views.disconnect, name="sheet-disconnect"),
    path("imports/<uuid:import_id>", views.import_detail, name="import"),
    path("imports/<uuid:import_id>/state", views.import_state, name="import-state"),
    path("imports/<uuid:import_id>/import", views.import_now, name="import-now"),
    path("imports/<uuid:import_id>/check-again", views.check_again, name="import-check-again"),
    path("imports/<uuid:import_id>/columns", views.map_columns, name="import-columns"),
    path("imports/<uuid:import_id>/link", views.link, name="import-link"),
    path("imports/<uuid:import_id>/cancel", views.cancel, name="import-cancel"),
    path("imports/<uuid:import_id>/undo", views.undo, name="import-undo"),
    path("imports/<uuid:import_id>/rejected.csv", views.rejected, name="import-rejected"),
]
