"""The platform: everything that would serve another product as well."""

from tracker.celery import app as celery_app

__all__ = ["celery_app"]
