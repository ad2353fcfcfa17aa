"""Ad units: what a show offers."""

from typing import Any

from django.utils.translation import gettext as _
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from bookings import services
from bookings.models import AdUnit
from metrics.models import Podcast
from tracker.api.views import TrackerViewSet
from tracker.lib.errors import NotFound

MOST = 2**31 - 1
MOST_DAYS = 32_767


class AdUnitSerializer(serializers.ModelSerializer):
    """A place for an ad on a show. `rate_cpm_cents` is the rate card's, in integer cents; null: on request."""

    podcast_id = serializers.UUIDField()
    duration_seconds = serializers.IntegerField(min_value=1, max_value=MOST)
    index = serializers.IntegerField(min_value=1, max_value=MOST_DAYS, required=False)
    impressions_per_day = serializers.IntegerField(min_value=0, max_value=MOST, required=False, allow_null=True)
    rate_cpm_cents = serializers.IntegerField(min_value=0, max_value=MOST, required=False, allow_null=True)
    lead_days = serializers.IntegerField(min_value=0, max_value=MOST_DAYS, required=False)
    min_flight_days = serializers.IntegerField(min_value=0, max_value=MOST_DAYS, required=False, allow_null=True)
    max_flight_days = serializers.IntegerField(min_value=0, max_value=MOST_DAYS, required=False, allow_null=True)

    class Meta:
        model = AdUnit
        fields = (
            *("ad_unit_id", "podcast_id", "name", "position", "index", "duration_seconds", "read_type", "delivery"),
            *("is_shared", "impressions_per_day", "rate_cpm_cents", "lead_days", "min_flight_days", "max_flight_days"),
            *("is_active", "created_at"),
        )
        read_only_fields = ("ad_unit_id", "created_at")
        # A name that is taken on its show is a 409 of the service.
        validators: list[Any] = []


class ChangedAdUnitSerializer(AdUnitSerializer):
    """What may change: the show, the delivery and the sharing are what its bookings were sold on."""

    class Meta(AdUnitSerializer.Meta):
        read_only_fields = ("ad_unit_id", "podcast_id", "delivery", "is_shared", "created_at")

    podcast_id = serializers.UUIDField(read_only=True)


class AdUnitFilter(filters.FilterSet):
    podcast_id = filters.UUIDFilter(field_name="podcast_id")

    class Meta:
        model = AdUnit
        fields = ("podcast_id", "position", "delivery", "read_type", "is_active")


class AdUnitViewSet(RetrieveModelMixin, ListModelMixin, TrackerViewSet):
    """What the shows of this house offer; a creator sees their own."""

    flag = "ENABLE_IO_BOOKINGS"
    scope = "io"
    bound = {"podcast": "podcast_id"}
    queryset = AdUnit.objects.order_by("-ad_unit_id")
    ordering_fields = {"created_at": "created_at", "name": "name", "duration_seconds": "duration_seconds"}
    serializer_class = AdUnitSerializer
    filterset_class = AdUnitFilter
    lookup_field = "ad_unit_id"
    lookup_value_converter = "uuid"

    @extend_schema(request=AdUnitSerializer, responses={201: AdUnitSerializer})
    def create(self, request: Request) -> Response:
        """Offer a new place for an ad on a show."""
        wanted = AdUnitSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        fields = dict(wanted.validated_data)
        podcast = Podcast.objects.filter(pk=fields.pop("podcast_id")).first()
        if podcast is None:
            raise NotFound("not_found", _("There is no such show here."), field="podcast_id")
        unit = services.add_ad_unit(podcast=podcast, by=self.actor, at=self.now, **fields)
        return self.answer(unit, status=201)

    @extend_schema(request=ChangedAdUnitSerializer(partial=True), responses=AdUnitSerializer)
    def partial_update(self, request: Request, ad_unit_id: str) -> Response:
        """Change what an ad unit says about itself. Booked lines keep what they were sold on."""
        unit = self.get_object()
        wanted = ChangedAdUnitSerializer(unit, data=request.data, partial=True)
        wanted.is_valid(raise_exception=True)
        changed = services.change_ad_unit(ad_unit=unit, by=self.actor, at=self.now, **wanted.validated_data)
        return self.answer(changed)
