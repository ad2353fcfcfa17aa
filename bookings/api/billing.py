"""Released billing lines, for accounting."""

from django_filters import rest_framework as filters
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin

from bookings.api.reads import BillingLineSerializer
from bookings.models import BillingLine
from tracker.api.filters import InstantFilter
from tracker.api.views import TrackerViewSet


class BillingLineFilter(filters.FilterSet):
    io_id = filters.UUIDFilter(field_name="booking_id")
    order_id = filters.UUIDFilter(field_name="booking__order_id")
    released_after = InstantFilter(field_name="released_at", lookup_expr="gte")
    released_before = InstantFilter(field_name="released_at", lookup_expr="lt")

    class Meta:
        model = BillingLine
        fields = ("io_id", "order_id", "currency", "basis", "released_after", "released_before")


class BillingLineViewSet(RetrieveModelMixin, ListModelMixin, TrackerViewSet):
    """What was released to accounting, newest first; a line is released by `POST /io/{io_id}/bill`."""

    flag = "ENABLE_IO_BOOKINGS"
    scope = "io"
    permission = "bookings.change_makegood"
    bound = {"podcast": "booking__ad_unit__podcast_id", "sponsor": "booking__campaign__sponsor_id"}
    queryset = BillingLine.objects.select_related("booking__order").order_by("-billing_line_id")
    ordering_fields = {"released_at": "released_at", "first_day": "first_day"}
    serializer_class = BillingLineSerializer
    filterset_class = BillingLineFilter
    lookup_field = "billing_line_id"
    lookup_value_converter = "uuid"
