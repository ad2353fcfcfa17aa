"""Makegood cases: what is owed after a press, and how it ended."""

from typing import Any

from django.db.models import Model
from django.utils.translation import gettext as _
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from bookings.api.offers import SlotsSerializer
from bookings.makegoods import services
from bookings.makegoods.ranking import ranked_slots
from bookings.models import IOBooking, Makegood, MakegoodEntry
from metrics.models import Episode
from tracker.api.views import TrackerViewSet
from tracker.lib.errors import NotFound

MOST = 10**15


class MakegoodSerializer(serializers.ModelSerializer):
    """A case. Its buckets (offered, fulfilled, credited, waived) and what is outstanding add up to what is owed."""

    io_id = serializers.UUIDField(source="booking_id")
    replacement_io_id = serializers.UUIDField(source="replacement_id", allow_null=True)
    outstanding_impressions = serializers.SerializerMethodField()
    currency = serializers.CharField(source="booking.order.currency")

    class Meta:
        model = Makegood
        fields = (
            *("makegood_id", "io_id", "episode_id", "status", "status_changed_at", "status_reason", "reason"),
            *("owed_impressions", "owed_cents", "currency", "offered_impressions", "fulfilled_impressions"),
            *("credited_impressions", "credited_cents", "waived_impressions", "outstanding_impressions"),
            *("delivered_impressions", "due_on", "note", "replacement_io_id", "opened_at"),
        )
        read_only_fields = fields

    def get_outstanding_impressions(self, case: Makegood) -> int:
        """What the sponsor still waits for."""
        return case.outstanding_impressions


class NewMakegoodSerializer(serializers.Serializer):
    io_id = serializers.UUIDField()
    reason = serializers.ChoiceField(Makegood.Reason.choices, required=False, default=Makegood.Reason.BY_HAND)
    owed_impressions = serializers.IntegerField(
        min_value=1, max_value=MOST, required=False, help_text="without it: what the line is known to lack"
    )
    episode_id = serializers.UUIDField(required=False, allow_null=True, help_text="the episode whose read was wrong")
    due_on = serializers.DateField(required=False)
    note = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class OwedSerializer(serializers.Serializer):
    conditions = {"required": ["owed_impressions", "reason"]}

    owed_impressions = serializers.IntegerField(min_value=0, max_value=MOST)
    reason = serializers.CharField(max_length=500)


class CreditSerializer(serializers.Serializer):
    reason = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class WaiveSerializer(serializers.Serializer):
    reason = serializers.CharField(max_length=500)


class EntrySerializer(serializers.ModelSerializer):
    """A line of a case's ledger. Negative: it went back out of the bucket."""

    by = serializers.CharField(source="by.label")
    replacement_io_id = serializers.UUIDField(source="replacement_id", allow_null=True)

    class Meta:
        model = MakegoodEntry
        fields = ("entry_id", "bucket", "impressions", "cents", "replacement_io_id", "at", "by", "note")
        read_only_fields = fields


class EntriesSerializer(serializers.Serializer):
    entries = EntrySerializer(many=True)


class MakegoodFilter(filters.FilterSet):
    io_id = filters.UUIDFilter(field_name="booking_id")
    podcast_id = filters.UUIDFilter(field_name="booking__ad_unit__podcast_id")

    class Meta:
        model = Makegood
        fields = ("io_id", "podcast_id", "status", "reason")


class MakegoodViewSet(RetrieveModelMixin, ListModelMixin, TrackerViewSet):
    """The makegood cases of this house; a creator sees those of their own shows."""

    flag = "ENABLE_IO_BOOKINGS"
    scope = "io"
    permission = {
        "credit": "bookings.change_makegood",
        "waive": "bookings.change_makegood",
        # Free slots of other shows too: for those who offer them.
        "slots": "bookings.change_makegood",
        "entries": "bookings.view_makegood",
    }
    bound = {"podcast": "booking__ad_unit__podcast_id", "sponsor": "booking__campaign__sponsor_id"}
    queryset = Makegood.objects.select_related("booking__order", "booking__ad_unit__podcast").order_by("-makegood_id")
    ordering_fields = {"opened_at": "opened_at", "owed_impressions": "owed_impressions"}
    serializer_class = MakegoodSerializer
    filterset_class = MakegoodFilter
    lookup_field = "makegood_id"
    lookup_value_converter = "uuid"

    @extend_schema(request=NewMakegoodSerializer, responses={201: MakegoodSerializer})
    def create(self, request: Request) -> Response:
        """Open the case of a line. One that is open for the same reason comes back as it is."""
        wanted = NewMakegoodSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        fields = dict(wanted.validated_data)
        booking = self._found(IOBooking, fields.pop("io_id"), "io_id")
        if episode := fields.pop("episode_id", None):
            fields["episode"] = self._found(Episode, episode, "episode_id")
        case = services.open_makegood(booking=booking, by=self.actor, at=self.now, **fields)
        return self.answer(case, status=201)

    @extend_schema(request=OwedSerializer, responses=MakegoodSerializer)
    def partial_update(self, request: Request, makegood_id: str) -> Response:
        """Correct what an opened case owes, before anything is offered."""
        case = self.get_object()
        wanted = OwedSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        return self.answer(services.adjust_owed(case=case, by=self.actor, at=self.now, **wanted.validated_data))

    @extend_schema(request=CreditSerializer, responses=MakegoodSerializer)
    @action(detail=True, methods=["post"])
    def credit(self, request: Request, makegood_id: str) -> Response:
        """End a case by giving money back for all that is outstanding."""
        return self._end(services.credit_makegood, CreditSerializer, request)

    @extend_schema(request=WaiveSerializer, responses=MakegoodSerializer)
    @action(detail=True, methods=["post"])
    def waive(self, request: Request, makegood_id: str) -> Response:
        """End a case because the sponsor lets it go; the reason is needed."""
        return self._end(services.waive_makegood, WaiveSerializer, request)

    @extend_schema(responses=SlotsSerializer)
    @action(detail=True, methods=["get"], pagination_class=None, filter_backends=[])
    def slots(self, request: Request, makegood_id: str) -> Response:
        """Free slots that could make good what is unsettled, best first, each with its reason: six at most."""
        case = self.get_object()
        free = ranked_slots(case, at=self.now)
        told = {"slots": free, "unsettled_impressions": case.unsettled_impressions, "as_of": self.now}
        return Response(SlotsSerializer(told).data)

    @extend_schema(responses=EntriesSerializer)
    @action(detail=True, methods=["get"], pagination_class=None, filter_backends=[])
    def entries(self, request: Request, makegood_id: str) -> Response:
        """The ledger of a case, oldest first: what came into which bucket or went out of it, when, by whom and why."""
        case = self.get_object()
        return Response(EntriesSerializer({"entries": case.entries.order_by("at", "entry_id")}).data)

    def lock(self, found: Model) -> None:
        services.locked(found)  # the line first, as the services do

    def _end(self, service: Any, form: type[serializers.Serializer], request: Request) -> Response:
        case = self.get_object()
        wanted = form(data=request.data)
        wanted.is_valid(raise_exception=True)
        return self.answer(service(case=case, by=self.actor, at=self.now, **wanted.validated_data))

    def _found(self, model: type[Model], key: Any, field: str) -> Any:
        found = model._default_manager.filter(pk=key).first()
        if found is None:
            raise NotFound("not_found", _("There is no such object here."), field=field)
        return found
