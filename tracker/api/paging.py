"""Pages by cursor: stable while rows come and go, and as fast on the last page as on the first."""

from typing import Any

from rest_framework.pagination import CursorPagination
from rest_framework.response import Response


class CursorPages(CursorPagination):
    """`?cursor=` and `?page_size=` (50, at most 200); the answer holds `results`, `next` and `previous`.

    A view orders by its `ordering`, else by the primary key, newest first, which for time-ordered keys is by age.
    """

    page_size = 50
    max_page_size = 200
    page_size_query_param = "page_size"
    ordering = "-pk"

    def get_ordering(self, request: Any, queryset: Any, view: Any) -> tuple[str, ...]:
        declared = getattr(view, "ordering", None) or self.ordering
        return (declared,) if isinstance(declared, str) else tuple(declared)

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"results": data, "next": self.get_next_link(), "previous": self.get_previous_link()})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["results", "next", "previous"],
            "properties": {"results": schema, "next": link, "previous": link},
        }
