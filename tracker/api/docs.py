"""The description of the API and its interactive page, both served from here, without any foreign host."""

import json
from functools import lru_cache
from pathlib import Path

import yaml
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from drf_spectacular.views import SpectacularSwaggerSplitView

# Making the description takes seconds, so it is made when the code changes, committed, and checked by a test.
COMMITTED = Path("docs") / "openapi.yaml"


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """Answer with OpenAPI 3.1 of every endpoint, as YAML, or with `?format=json` as JSON. The same for every tenant."""
    if request.GET.get("format") == "json":
        return HttpResponse(_as_json(), content_type="application/vnd.oai.openapi+json")
    return HttpResponse(_as_yaml(), content_type="application/vnd.oai.openapi; charset=utf-8")


class DocsView(SpectacularSwaggerSplitView):
    """The interactive page; its script is a file of its own, as the strict content policy asks."""


@lru_cache(maxsize=1)
def _as_yaml() -> str:
    return (Path(settings.BASE_DIR) / COMMITTED).read_text()


@lru_cache(maxsize=1)
def _as_json() -> str:
    return json.dumps(yaml.load(_as_yaml(), Loader=yaml.CSafeLoader), default=str)
