"""The partner API of this app: the feed of events, and webhooks with their log."""

from typing import Any

from django.db.models import QuerySet
from django.urls import path
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from tracker.api.paging import CursorPages
from tracker.api.views import TrackerView, TrackerViewSet
from tracker.events import webhooks
from tracker.events.models import Attempt, Delivery, Endpoint, Event
from tracker.events.relay import send_again
from tracker.events.schemas import all_described, described
from tracker.events.signing import PAYLOAD_VERSION, payload_of
from tracker.events.tasks import send_webhooks
from tracker.lib.errors import NotFound
from tracker.tenants.tasks import enqueue

MOST = 2**63 - 1


class SubjectSerializer(serializers.Serializer):
    type = serializers.CharField()
    id = serializers.CharField()


class ActorSerializer(serializers.Serializer):
    kind = serializers.CharField()
    label = serializers.CharField()


class EventSerializer(serializers.Serializer):
    """An event as webhooks and the feed tell it."""

    id = serializers.UUIDField()
    type = serializers.CharField()
    version = serializers.IntegerField(help_text="of the payload's form")
    sequence = serializers.IntegerField(help_text="grows with time within a tenant")
    timestamp = serializers.DateTimeField()
    subject = SubjectSerializer()
    actor = ActorSerializer()
    data = serializers.DictField()

    def to_representation(self, instance: Event) -> dict[str, Any]:
        return payload_of(instance)


class FeedPages(CursorPages):
    """`?after=` the last sequence that was seen, `?page_size=` up to 200; oldest first, so that a reader goes on."""

    page_size = 100
    ordering = "seq"

    def get_paginated_response(self, data: Any) -> Response:
        last = data[-1]["sequence"] if data else None
        return Response(
            {"results": data, "next": self.get_next_link(), "previous": self.get_previous_link(), "last_sequence": last}
        )

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["results", "next", "previous", "last_sequence"],
            "properties": {
                "results": schema,
                "next": link,
                "previous": link,
                "last_sequence": {"type": ["integer", "null"], "description": "what to send as ?after= next time"},
            },
        }


class EventViewSet(RetrieveModelMixin, ListModelMixin, TrackerViewSet):
    """What happened, oldest first: for programs that would rather ask than be told."""

    scope = "events"
    permission = "events.view_event"
    queryset = Event.objects.order_by("seq")
    ordering = "seq"
    ordering_fields = {"sequence": "seq", "timestamp": "at"}
    serializer_class = EventSerializer
    pagination_class = FeedPages
    filter_backends: list[Any] = []
    lookup_field = "event_id"
    lookup_value_converter = "uuid"

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "after",
                {"type": "integer", "minimum": 0, "maximum": MOST},
                description="only events with a higher sequence",
            ),
            OpenApiParameter("type", str, many=True, description="only these types; may be repeated"),
            OpenApiParameter("subject_id", str, description="only what happened to this object"),
        ],
    )
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().list(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Event]:
        events = super().get_queryset()
        if self.action != "list":
            return events
        asked = self.request.query_params
        if after := asked.get("after"):
            number = serializers.IntegerField(min_value=0, max_value=MOST).run_validation(after)
            events = events.filter(seq__gt=number)
        if types := asked.getlist("type"):
            events = events.filter(type__in=types)
        if subject := asked.get("subject_id"):
            events = events.filter(subject_id=subject)
        return events


class WebhookSerializer(serializers.ModelSerializer):
    webhook_id = serializers.UUIDField(source="endpoint_id", read_only=True)
    event_types = serializers.ListField(
        child=serializers.RegexField(r"^[a-z_]+\.[a-z_]+$", max_length=64), required=False, max_length=50
    )

    class Meta:
        model = Endpoint
        fields = (
            *("webhook_id", "url", "description", "event_types", "is_active", "disabled_reason"),
            *("failing_since", "created_at"),
        )
        read_only_fields = ("webhook_id", "disabled_reason", "failing_since", "created_at")


class NewWebhookSerializer(WebhookSerializer):
    secret = serializers.CharField(read_only=True, help_text="shown this once; it signs every webhook")

    class Meta(WebhookSerializer.Meta):
        fields = (*WebhookSerializer.Meta.fields, "secret")


class AttemptSerializer(serializers.ModelSerializer):
    class Meta:
        model = Attempt
        fields = ("attempt_id", "at", "milliseconds", "request", "status", "response", "error")


class WebhookDeliverySerializer(serializers.ModelSerializer):
    event = EventSerializer()

    class Meta:
        model = Delivery
        fields = (*("delivery_id", "event", "status", "attempts", "next_attempt_at", "finished_at", "last_error"),)


class WebhookDeliveryDetailSerializer(WebhookDeliverySerializer):
    tries = AttemptSerializer(many=True)

    class Meta(WebhookDeliverySerializer.Meta):
        fields = (*WebhookDeliverySerializer.Meta.fields, "tries")


class SpanSerializer(serializers.Serializer):
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()


class CountSerializer(serializers.Serializer):
    deliveries = serializers.IntegerField()


class WebhookViewSet(RetrieveModelMixin, ListModelMixin, TrackerViewSet):
    """Addresses that are told of events by signed POSTs."""

    scope = "webhooks"
    permission = {
        "list": "events.view_endpoint",
        "retrieve": "events.view_endpoint",
        "deliveries": "events.view_endpoint",
        "create": "events.add_endpoint",
        "partial_update": "events.change_endpoint",
        "destroy": "events.delete_endpoint",
        "rotate_secret": "events.change_endpoint",
        "test": "events.change_endpoint",
        "replay": "events.change_endpoint",
    }
    queryset = Endpoint.objects.order_by("-endpoint_id")
    ordering = "-endpoint_id"
    ordering_fields = {"created_at": "created_at", "url": "url"}
    filterset_fields = ("is_active",)
    # Whether it fails just now is the receiver's state, not a change that somebody made.
    untagged = frozenset({"failing_since"})
    serializer_class = WebhookSerializer
    lookup_field = "endpoint_id"
    lookup_url_kwarg = "webhook_id"
    lookup_value_converter = "uuid"

    @extend_schema(request=WebhookSerializer, responses={201: NewWebhookSerializer})
    def create(self, request: Request) -> Response:
        """Make a webhook. Its secret is in this answer and in no other."""
        wanted = self._wanted(request)
        wanted.pop("is_active", None)
        endpoint, secret = webhooks.create_endpoint(by=self.actor, at=self.now, **wanted)
        return self._with_secret(endpoint, secret, status=201)

    @extend_schema(request=WebhookSerializer(partial=True), responses=WebhookSerializer)
    def partial_update(self, request: Request, webhook_id: str) -> Response:
        """Change a webhook. Switching it on again sends what waited."""
        endpoint = webhooks.change_endpoint(endpoint=self.get_object(), **self._wanted(request, partial=True))
        enqueue(send_webhooks)
        return self.answer(endpoint)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, webhook_id: str) -> Response:
        """Remove a webhook with its log."""
        webhooks.delete_endpoint(endpoint=self.get_object())
        return Response(status=204)

    @extend_schema(request=None, responses=NewWebhookSerializer)
    @action(detail=True, methods=["post"], url_path="rotate-secret")
    def rotate_secret(self, request: Request, webhook_id: str) -> Response:
        """Take a fresh secret; for a day every webhook is signed with the old one too."""
        return self._with_secret(*webhooks.rotate_secret(endpoint=self.get_object(), at=self.now))

    @extend_schema(request=None, responses={202: WebhookDeliverySerializer})
    @action(detail=True, methods=["post"])
    def test(self, request: Request, webhook_id: str) -> Response:
        """Send `webhook.test` to this webhook now."""
        delivery = webhooks.send_test(endpoint=self.get_object(), by=self.actor, at=self.now)
        enqueue(send_webhooks)
        return Response(WebhookDeliverySerializer(delivery).data, status=202)

    @extend_schema(request=SpanSerializer, responses={202: CountSerializer})
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, webhook_id: str) -> Response:
        """Send every event of a span again."""
        span = SpanSerializer(data=request.data)
        span.is_valid(raise_exception=True)
        count = webhooks.replay(endpoint=self.get_object(), at=self.now, **span.validated_data)
        enqueue(send_webhooks)
        return Response({"deliveries": count}, status=202)

    @extend_schema(
        responses=WebhookDeliverySerializer(many=True),
        parameters=[OpenApiParameter("status", str, enum=["pending", "delivered", "dead"])],
    )
    @action(detail=True, methods=["get"], filter_backends=[], ordering="-delivery_id", ordering_fields={})
    def deliveries(self, request: Request, webhook_id: str) -> Response:
        """The deliveries of a webhook, newest first."""
        found = webhooks.deliveries_of(self.get_object())
        if status := request.query_params.get("status"):
            found = found.filter(status=status)
        page = self.paginate_queryset(found)
        return self.get_paginated_response(WebhookDeliverySerializer(page, many=True).data)

    def _with_secret(self, endpoint: Endpoint, secret: str, *, status: int = 200) -> Response:
        """Tell an endpoint as it is read later, ETag included, and this once its secret."""
        response = self.answer(endpoint, status=status)
        response.data = {**response.data, "secret": secret}
        return response

    def _wanted(self, request: Request, *, partial: bool = False) -> dict[str, Any]:
        serializer = WebhookSerializer(data=request.data, partial=partial)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)


class DeliveryViewSet(RetrieveModelMixin, TrackerViewSet):
    """One delivery of a webhook, with every try: request and response."""

    scope = "webhooks"
    permission = {"retrieve": "events.view_endpoint", "resend": "events.change_endpoint"}
    queryset = Delivery.objects.filter(listener__startswith="endpoint:").select_related("event")
    serializer_class = WebhookDeliveryDetailSerializer
    lookup_field = "delivery_id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Delivery]:
        return super().get_queryset().prefetch_related("tries")

    @extend_schema(request=None, responses={202: WebhookDeliverySerializer})
    @action(detail=True, methods=["post"])
    def resend(self, request: Request, delivery_id: str) -> Response:
        """Send this delivery again, from its first try."""
        delivery = self.get_object()
        send_again(delivery=delivery, at=self.now)
        enqueue(send_webhooks)
        return Response(WebhookDeliverySerializer(delivery).data, status=202)


class EventSchemaSerializer(serializers.Serializer):
    type = serializers.CharField()
    version = serializers.IntegerField(help_text="of the payload's form")
    told_when = serializers.CharField()
    address = serializers.CharField(help_text="where its JSON Schema is")


class EventSchemasSerializer(serializers.Serializer):
    schemas = EventSchemaSerializer(many=True)


class EventSchemasView(TrackerView):
    """The types of events, each with the address of its JSON Schema. The same for every tenant and every caller."""

    scope = "events"
    permission = None

    @extend_schema(operation_id="event_schemas", responses=EventSchemasSerializer)
    def get(self, request: Request) -> Response:
        """Every type of event that is told, by name."""
        told = [
            {
                "type": one.type,
                "version": PAYLOAD_VERSION,
                "told_when": one.told_when,
                "address": f"{request.path}/{one.type}",
            }
            for one in all_described()
        ]
        return Response({"schemas": told})


class EventSchemaView(TrackerView):
    """The JSON Schema of one type's payload, as a webhook's body and the feed carry it."""

    scope = "events"
    permission = None

    @extend_schema(operation_id="event_schema", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, type: str) -> Response:
        """JSON Schema, draft 2020-12."""
        found = described(type)
        if found is None:
            raise NotFound("not_found", _("There is no such type of event."))
        return Response(found.schema())


router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("events", EventViewSet, basename="event")
router.register("webhooks/deliveries", DeliveryViewSet, basename="webhook-delivery")
router.register("webhooks", WebhookViewSet, basename="webhook")

urlpatterns = [
    path("events/schemas", EventSchemasView.as_view(), name="event-schemas"),
    path("events/schemas/<str:type>", EventSchemaView.as_view(), name="event-schema"),
    *router.urls,
]
