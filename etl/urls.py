"""Pages of this app."""

from django.urls import URLPattern, URLResolver

app_name = "etl"

urlpatterns: list[URLPattern | URLResolver] = []
