"""What every endpoint of ours stands on. How to write one: docs/how-to/add-an-endpoint.md.

    class DealViewSet(RetrieveModelMixin, ListModelMixin, TrackerViewSet):
        flag = "ENABLE_DEAL_PIPELINE"          # switched off: 403 that names it
        scope = "deals"                        # a key needs deals:read, deals:write to change
        permission = {"stage": "deals.change_campaign"}   # by action or method; else by the queryset's model
        bound = {"sponsor": "sponsor_id"}      # an advertiser sees only rows of their own sponsors
        queryset = Campaign.objects.select_related("sponsor").order_by("-campaign_id")

Inside: `self.actor` is who asks (an Actor for `by=`), `request.user` the principal (a User or an ApiKey: `has_perm`,
`bound_ids(kind)`), `request.auth` the key or None. `self.now` is one instant for the whole request (`at=`).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from tracker.api.throttling import add_headers
from tracker.lib.actors import Actor


class TrackerMixin:
    """Flag, scope, permission and binding of an endpoint, read by `MayUse` and `get_queryset`."""

    flag: ClassVar[str | None] = None
    scope: ClassVar[str]
    permission: ClassVar[str | Mapping[str, str | None] | None] = ""

    request: Request

    @property
    def actor(self) -> Actor:
        return self.request.user.as_actor()

    @property
    def now(self) -> datetime:
        if not hasattr(self, "_now"):
            self._now = timezone.now()
        return self._now

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[misc]
        add_headers(request._request, response)
        response.setdefault("Cache-Control", "private, no-store")
        return response


class TrackerView(TrackerMixin, APIView):
    """An endpoint that is not a list of one model. `permission` must be written: a code, a map, or None."""

    permission: ClassVar[str | Mapping[str, str | None] | None] = None


class TrackerViewSet(TrackerMixin, GenericViewSet):
    """An endpoint over one model; list only the mixins that are meant.

    `bound` maps a kind of binding to the field of the model that holds its id: bound people see those rows alone, and
    a row outside looks like one that is not there (404).
    """

    bound: ClassVar[Mapping[str, str]] = {}

    def get_queryset(self) -> QuerySet[Any]:
        return only_bound(super().get_queryset(), self.request.user, self.bound)


def only_bound(queryset: QuerySet[Any], principal: Any, bound: Mapping[str, str]) -> QuerySet[Any]:
    """Return the rows that a principal may see. `bound` is {kind: field}; a bound role without its kind sees none."""
    if not getattr(principal, "is_authenticated", False):
        return queryset.none()
    kind = principal.role.bound_to
    if not kind:
        return queryset
    if kind not in bound:
        return queryset.none()
    return queryset.filter(**{f"{bound[kind]}__in": principal.bound_ids(kind)})
