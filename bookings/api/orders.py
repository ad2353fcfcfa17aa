"""Insertion orders: the paper around booked lines."""

from typing import Any

from django.db.models import Q, QuerySet, Sum
from django.utils.translation import gettext as _
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from bookings import services
from bookings.models import InsertionOrder, IOBooking
from bookings.pricing import OrderTotals, order_totals
from deals.models import Campaign
from tracker.api.views import TrackerViewSet
from tracker.lib.errors import NotFound

STANDING = ~Q(lines__status__in=[IOBooking.Status.CANCELLED, IOBooking.Status.EXPIRED])


class OrderSerializer(serializers.ModelSerializer):
    """An order over its lines (`GET /io?order_id=`). Totals are integer cents over the lines that stand."""

    advertiser_id = serializers.UUIDField(source="campaign.sponsor_id", read_only=True)
    gross_cents = serializers.SerializerMethodField()
    commission_cents = serializers.SerializerMethodField()
    net_cents = serializers.SerializerMethodField()
    commission_permille = serializers.IntegerField(min_value=0, max_value=1000, help_text="150 is 15 %")
    guarantee_days = serializers.IntegerField(min_value=1, max_value=365)
    tolerance_permille = serializers.IntegerField(min_value=0, max_value=1000)

    class Meta:
        model = InsertionOrder
        fields = (
            *("order_id", "number", "version", "status", "campaign_id", "advertiser_id", "currency", "time_zone"),
            *("gross_cents", "commission_cents", "net_cents", "commission_permille", "measurement_of_record"),
            *("guarantee_days", "tolerance_permille", "buyer_reference", "external_ref"),
            *("created_at", "sent_at", "signed_at"),
        )
        read_only_fields = (
            *("order_id", "number", "version", "status", "campaign_id", "currency", "time_zone"),
            *("created_at", "sent_at", "signed_at"),
        )

    def get_gross_cents(self, order: InsertionOrder) -> int:
        """What the lines come to."""
        return self._totals(order).gross_cents

    def get_commission_cents(self, order: InsertionOrder) -> int:
        """The agency's, taken once and rounded half up."""
        return self._totals(order).commission_cents

    def get_net_cents(self, order: InsertionOrder) -> int:
        """Gross less commission."""
        return self._totals(order).net_cents

    def _totals(self, order: Any) -> OrderTotals:
        return order_totals([order.lines_gross or 0], commission_permille=order.commission_permille)


class NewOrderSerializer(serializers.Serializer):
    campaign_id = serializers.UUIDField()


class SendSerializer(serializers.Serializer):
    to = serializers.ListField(child=serializers.EmailField(), min_length=1, max_length=10)
    note = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")


class OrderFilter(filters.FilterSet):
    campaign_id = filters.UUIDFilter(field_name="campaign_id")
    advertiser_id = filters.UUIDFilter(field_name="campaign__sponsor_id")

    class Meta:
        model = InsertionOrder
        fields = ("campaign_id", "advertiser_id", "status", "number")


class OrderViewSet(RetrieveModelMixin, ListModelMixin, TrackerViewSet):
    """The insertion orders of this house; an advertiser sees their own."""

    flag = "ENABLE_IO_BOOKINGS"
    scope = "io"
    permission = {"send": "bookings.change_insertionorder"}
    bound = {"sponsor": "campaign__sponsor_id"}
    queryset = (
        InsertionOrder.objects.select_related("campaign")
        .annotate(lines_gross=Sum("lines__gross_cents", filter=STANDING))
        .order_by("-order_id")
    )
    ordering_fields = {"created_at": "created_at"}
    serializer_class = OrderSerializer
    filterset_class = OrderFilter
    lookup_field = "order_id"
    lookup_value_converter = "uuid"

    @extend_schema(request=NewOrderSerializer, responses={200: OrderSerializer, 201: OrderSerializer})
    def create(self, request: Request) -> Response:
        """Draft the order of a deal. A deal has one draft: 200 with the one that is there already."""
        wanted = NewOrderSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        campaign = Campaign.objects.filter(pk=wanted.validated_data["campaign_id"]).first()
        if campaign is None:
            raise NotFound("not_found", _("There is no such deal here."), field="campaign_id")
        drafts = InsertionOrder.objects.filter(campaign=campaign, status=InsertionOrder.Status.DRAFT)
        was_there = drafts.exists()
        order = services.draft_order(campaign=campaign, by=self.actor, at=self.now)
        return self.answer(self._whole(order), status=200 if was_there else 201)

    @extend_schema(request=OrderSerializer(partial=True), responses=OrderSerializer)
    def partial_update(self, request: Request, order_id: str) -> Response:
        """Change the terms of a draft. What was sent changes by a new version alone: 409."""
        order = self.get_object()
        wanted = OrderSerializer(order, data=request.data, partial=True)
        wanted.is_valid(raise_exception=True)
        changed = services.change_order(order=order, by=self.actor, at=self.now, **wanted.validated_data)
        return self.answer(self._whole(changed))

    @extend_schema(request=SendSerializer, responses=OrderSerializer)
    @action(detail=True, methods=["post"])
    def send(self, request: Request, order_id: str) -> Response:
        """Freeze the order as a version and mail it with its PDF and a private link to sign it."""
        order = self.get_object()
        wanted = SendSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        sent = services.send_order(order=order, by=self.actor, at=self.now, **wanted.validated_data)
        return self.answer(self._whole(sent.version.order))

    def _whole(self, order: InsertionOrder) -> InsertionOrder:
        """The order with its totals, as the list tells it."""
        orders: QuerySet[InsertionOrder] = self.get_queryset()
        return orders.get(pk=order.pk)
