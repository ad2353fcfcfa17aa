"""Tells Django that the admin is ours, and loads its pages only in the processes that serve or check them.

The addresses (tracker/urls.py, tracker/urls_platform.py) load every app's admin; a worker or a command, which starts
without addresses, does without a third of the code.
"""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core import checks


class TrackerAdminConfig(SimpleAdminConfig):
    default_site = "tracker.lib.admin.TrackerAdminSite"

    def ready(self) -> None:
        checks.register(check_dependencies, checks.Tags.admin)
        checks.register(_check_every_page, checks.Tags.admin)


def _check_every_page(app_configs: Sequence[Any] | None, **options: Any) -> list[checks.CheckMessage]:
    admin.autodiscover()
    return check_admin_app(app_configs, **options)
