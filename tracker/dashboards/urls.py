"""Pages of this app."""

from django.urls import URLPattern, URLResolver, path

from tracker.dashboards import views
from tracker.dashboards.find import find

app_name = "dashboards"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.root, name="root"),
    path("find", find, name="find"),
    path("theme", views.set_theme, name="theme-set"),
    path("another-house", views.switch_house, name="house-switch"),
]
