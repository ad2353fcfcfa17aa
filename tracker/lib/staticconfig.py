"""Which static files of libraries are collected: those that some page asks for."""

from django.contrib.staticfiles.apps import StaticFilesConfig


class TrackerStaticFilesConfig(StaticFilesConfig):
    """Leaves out what no page of ours shows, which is nine tenths of the bytes and of the time to compress them.

    Source maps, a second viewer of the API schema, the pages of the API framework, and of htmx what we do not use.
    """

    ignore_patterns = [*StaticFilesConfig.ignore_patterns, "*.map", "redoc", "rest_framework", "ext", "ht*x-4*"]
