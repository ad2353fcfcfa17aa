"""The description of the API and its interactive page, both served from here, without any foreign host."""

from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView


class SchemaView(SpectacularAPIView):
    """OpenAPI 3.1 of every endpoint."""


class DocsView(SpectacularSwaggerSplitView):
    """The interactive page; its script is a file of its own, as the strict content policy asks."""
