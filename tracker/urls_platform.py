"""The bare host, owned by the platform tenant: health and the platform's admin. Wiring."""

from django.contrib import admin
from django.urls import path

urlpatterns = [
    path("admin/", admin.site.urls),
]
