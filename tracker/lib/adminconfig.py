"""Tells Django that the admin is ours."""

from django.contrib.admin.apps import AdminConfig


class TrackerAdminConfig(AdminConfig):
    default_site = "tracker.lib.admin.TrackerAdminSite"
