"""Pages by cursor: stable while rows come and go, and as fast on the last page as on the first."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError as BadValue
from django.db import DataError, transaction
from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.response import Response


class CursorPages(CursorPagination):
    """`?cursor=` and `?page_size=` (50, at most 200); the answer holds `results`, `next` and `previous`.

    A view orders by its `ordering`, else by the primary key, newest first, which for time-ordered keys is by age.
    `?ordering=` names one of the view's `ordering_fields`, with a minus for the other way round; keys settle ties.
    """

    page_size = 50
    max_page_size = 200
    page_size_query_param = "page_size"
    ordering = "-pk"

    def get_ordering(self, request: Any, queryset: Any, view: Any) -> tuple[str, ...]:
        if wanted := request.query_params.get("ordering", ""):
            return _asked_for(wanted, getattr(view, "ordering_fields", {}))
        declared = getattr(view, "ordering", None) or self.ordering
        return (declared,) if isinstance(declared, str) else tuple(declared)

    def paginate_queryset(self, queryset: Any, request: Any, view: Any = None) -> list[Any] | None:
        if self.cursor_query_param not in request.query_params:
            return super().paginate_queryset(queryset, request, view)
        try:
            with transaction.atomic():
                return super().paginate_queryset(queryset, request, view)
        except (BadValue, ValueError, DataError) as error:
            # A cursor of another order, or of nobody's making.
            raise NotFound(_("This cursor is not one of this list."), code="invalid_cursor") from error

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        parameters = super().get_schema_operation_parameters(view)
        names = sorted(getattr(view, "ordering_fields", {}))
        if names:
            words = "by what to order, with a minus for the other way round"
            choices = [f"{sign}{name}" for name in names for sign in ("", "-")]
            schema = {"type": "string", "enum": choices}
            parameters.append({"name": "ordering", "in": "query", "description": words, "schema": schema})
        return parameters

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"results": data, "next": self.get_next_link(), "previous": self.get_previous_link()})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["results", "next", "previous"],
            "properties": {"results": schema, "next": link, "previous": link},
        }


def _asked_for(wanted: str, allowed: Mapping[str, str]) -> tuple[str, ...]:
    name = wanted.removeprefix("-")
    if name not in allowed:
        words = _("Order by one of: %(names)s.") % {"names": ", ".join(sorted(allowed)) or "-"}
        raise ValidationError({"ordering": [words]})
    sign = "-" if wanted.startswith("-") else ""
    return (f"{sign}{allowed[name]}", f"{sign}pk")
