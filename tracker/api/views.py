"""What every endpoint of ours stands on. How to write one: docs/how-to/add-an-endpoint.md.

    class DealViewSet(RetrieveModelMixin, ListModelMixin, TrackerViewSet):
        flag = "ENABLE_DEAL_PIPELINE"          # switched off: 403 that names it
        scope = "deals"                        # a key needs deals:read, deals:write to change
        permission = {"stage": "deals.change_campaign"}   # by action or method; else by the queryset's model
        bound = {"sponsor": "sponsor_id"}      # an advertiser sees only rows of their own sponsors
        queryset = Campaign.objects.select_related("sponsor").order_by("-campaign_id")

Inside: `self.actor` is who asks (an Actor for `by=`), `request.user` the principal (a User or an ApiKey: `has_perm`,
`bound_ids(kind)`), `request.auth` the key or None. `self.now` is one instant for the whole request (`at=`).
`self.get_object()` also minds If-Match, `self.answer(thing)` tells an object with its ETag.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar

from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from tracker.api.deprecation import Deprecation
from tracker.api.etags import Stale, etag_of, matches
from tracker.api.idempotency import HEADER, METHODS, answered_once
from tracker.api.strict import take_described_types_only
from tracker.api.telling import Telling
from tracker.api.throttling import add_headers
from tracker.lib.actors import Actor

take_described_types_only()


class TrackerMixin:
    """Flag, scope, permission and binding of an endpoint, read by `MayUse` and `get_queryset`."""

    flag: ClassVar[str | None] = None
    scope: ClassVar[str]
    permission: ClassVar[str | Mapping[str, str | None] | None] = ""
    # What will go, by the view's action or method ("*": all of it): docs/api.md, what may change.
    deprecated: ClassVar[Mapping[str, Deprecation]] = {}
    # Members that say nothing of the object's own state, such as when it was last used: no part of its ETag.
    untagged: ClassVar[frozenset[str]] = frozenset()

    request: Request
    # What is on in this house, where a flag gates the view.
    features: frozenset[str]

    @property
    def actor(self) -> Actor:
        return self.request.user.as_actor()

    @property
    def now(self) -> datetime:
        if not hasattr(self, "_now"):
            self._now = timezone.now()
        return self._now

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Answer as DRF does, save that a request with an Idempotency-Key has one effect and one answer."""
        self.args, self.kwargs = args, kwargs
        self.request = self.initialize_request(request, *args, **kwargs)  # type: ignore[attr-defined]
        self.headers = self.default_response_headers  # type: ignore[attr-defined]
        try:
            self.initial(self.request, *args, **kwargs)  # type: ignore[attr-defined]
            response = self._handle(*args, **kwargs)
        except Exception as error:
            response = self.handle_exception(error)  # type: ignore[attr-defined]
        self.response = self.finalize_response(self.request, response, *args, **kwargs)
        return self.response

    def _handle(self, *args: Any, **kwargs: Any) -> HttpResponse:
        method = self.request.method or ""
        known = method.lower() in self.http_method_names  # type: ignore[attr-defined]
        handler = getattr(self, method.lower(), None) if known else None
        if handler is None:
            return self.http_method_not_allowed(self.request, *args, **kwargs)  # type: ignore[attr-defined]
        if method not in METHODS or HEADER not in self.request.headers:
            return self._run(handler, *args, **kwargs)
        return answered_once(
            request=self.request,
            at=self.now,
            handle=lambda: self._run(handler, *args, **kwargs),
            refuse=self.handle_exception,  # type: ignore[attr-defined]
        )

    def _run(self, handler: Callable[..., HttpResponse], *args: Any, **kwargs: Any) -> HttpResponse:
        """Call the handler; under If-Match the look at the object and the change to it are one transaction."""
        if self.request.method in SAFE_METHODS or "If-Match" not in self.request.headers:
            return handler(self.request, *args, **kwargs)
        with transaction.atomic():
            return handler(self.request, *args, **kwargs)

    def finalize_response(self, request: Request, response: HttpResponse, *args: Any, **kwargs: Any) -> HttpResponse:
        if isinstance(response, Response) and request.method in SAFE_METHODS and response.status_code == 200:
            response = self._tagged(request, response)
        response = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[misc]
        add_headers(request._request, response)
        if going := self.deprecation_of(request.method or ""):
            going.add_headers(response)
        response.setdefault("Cache-Control", "private, no-store")
        return response

    def _tagged(self, request: Request, response: Response) -> HttpResponse:
        """Keep the members that `?fields=` names, and answer 304 to who has this very answer already.

        The tag is that of the whole object, whichever members were asked for: If-Match takes it either way.
        """
        if "ETag" not in response:
            response["ETag"] = self._tag(response.data)
        if wanted := request.query_params.get("fields"):
            response.data = only_fields(response.data, {name.strip() for name in wanted.split(",")})
        known = request.headers.get("If-None-Match")
        if known and matches(known, response["ETag"]):
            return HttpResponse(status=304, headers={"ETag": response["ETag"]})
        return response

    def _tag(self, data: Any) -> str:
        if self.untagged and isinstance(data, Mapping):
            data = {name: value for name, value in data.items() if name not in self.untagged}
        return etag_of(data)

    def deprecation_of(self, method: str) -> Deprecation | None:
        """Return what is said of this act's end, or None for one that stays."""
        found = self.deprecated.get(getattr(self, "action", None) or "") or self.deprecated.get(method)
        return found or self.deprecated.get("*")


def only_fields(data: Any, wanted: set[str]) -> Any:
    """Return an object, or the objects of a page, with the wanted members alone."""
    if isinstance(data, Mapping) and isinstance(data.get("results"), list):
        return {**data, "results": [only_fields(one, wanted) for one in data["results"]]}
    if isinstance(data, Mapping):
        return {name: value for name, value in data.items() if name in wanted}
    return data


class TrackerView(TrackerMixin, APIView):
    """An endpoint that is not a list of one model. `permission` must be written: a code, a map, or None."""

    permission: ClassVar[str | Mapping[str, str | None] | None] = None


class TrackerViewSet(TrackerMixin, GenericViewSet):
    """An endpoint over one model; list only the mixins that are meant.

    `bound` maps a kind of binding to the field of the model that holds its id: bound people see those rows alone, and
    a row outside looks like one that is not there (404).
    """

    bound: ClassVar[Mapping[str, str]] = {}
    # By what a list may be ordered: {name in `?ordering=`: field}; fields that are never empty.
    ordering_fields: ClassVar[Mapping[str, str]] = {}
    # Its services compare a version of their own under their own locks, so that If-Match is theirs.
    keeps_version: ClassVar[bool] = False

    def get_queryset(self) -> QuerySet[Any]:
        return only_bound(super().get_queryset(), self.request.user, self.bound)

    def get_object(self) -> Any:
        """Return the object of the address; when a write names its ETag, locked and still the same, or 412."""
        found = super().get_object()
        header = self.request.headers.get("If-Match")
        if self.request.method in SAFE_METHODS or header is None or self.keeps_version:
            return found
        self.lock(found)
        found = self.get_queryset().get(pk=found.pk)
        if not matches(header, self.tag_of(found)):
            raise Stale
        return found

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        """Return a serializer of the view's class; one that only tells is made once for all answers."""
        if len(args) == 1 and kwargs.keys() <= {"many"}:
            return Telling(self.get_serializer_class(), args[0], **kwargs)
        return super().get_serializer(*args, **kwargs)

    def lock(self, found: Model) -> None:
        """Hold others back from the object until the change is made; in the order in which the services lock."""
        type(found)._default_manager.select_for_update().get(pk=found.pk)

    def tag_of(self, found: Any) -> str:
        """Return the ETag that reading this object answers with."""
        return self._tag(self.get_serializer(found).data)

    def answer(self, found: Any, *, status: int = 200) -> Response:
        """Tell an object, with its ETag; a new one also with its address."""
        data = self.get_serializer(found).data
        response = Response(data, status=status)
        response["ETag"] = self._tag(data)
        if status == 201:
            response["Location"] = f"{self.request.path}/{found.pk}"
        return response


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
