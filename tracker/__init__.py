"""The platform: everything that would serve another product as well."""

import gc

# Loading makes a million objects that stay, and the collector would look through them again and again: a tenth of each
# start. Set before the rest is loaded.
gc.set_threshold(50_000, 10, 10)

from tracker.celery import app as celery_app  # noqa: E402

__all__ = ["celery_app"]
