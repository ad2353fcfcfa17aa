"""Settings of the test suite: the product's own, with a fast hasher and eager tasks."""

import os

from tests.servers import enter_test_environment

enter_test_environment()

from tracker.settings import *  # noqa: E402, F403

SITE_SCHEME = "http"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CELERY_TASK_ALWAYS_EAGER = True
CELERY_TASK_EAGER_PROPAGATES = True
# A line for each request and task is read by nobody here; tests of the log ask for the `log` fixture.
LOGGING = log_settings(as_json=LOG_JSON, level="WARNING")  # noqa: F405
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
STORAGES = {
    "default": {"BACKEND": "django_tenants.files.storage.TenantFileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_AUTOREFRESH = True
WHITENOISE_USE_FINDERS = True
ALLOWED_HOSTS = [*ALLOWED_HOSTS, ".testserver"]  # noqa: F405
# Each parallel worker has a cache and a queue of its own, so that emptying one leaves the others alone.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw-1").removeprefix("gw")) + 2
CACHES["default"]["LOCATION"] = os.environ["CACHE_URL"].partition("?")[0] + f"?db={_WORKER}"  # noqa: F405
REDIS_URL = os.environ["REDIS_URL"].partition("?")[0] + f"?db={32 + _WORKER}"
CELERY_BROKER_URL = os.environ["CELERY_BROKER_URL"].partition("?")[0] + f"?virtual_host={32 + _WORKER}"
# Celery believes the environment before any setting.
os.environ["CELERY_BROKER_URL"] = CELERY_BROKER_URL
