"""The product's own settings with one more app in each tenant: "code n + 1"."""

from tracker.settings import *  # noqa: F403
from tracker.settings import INSTALLED_APPS, TENANT_APPS

NEXT = "scripts.drills.next_release"
TENANT_APPS = [*TENANT_APPS, NEXT]
INSTALLED_APPS = [*INSTALLED_APPS, NEXT]
