"""Offers of a makegood case: slots in the place of what is owed, and the sponsor's answer."""

from typing import Any

from django.db.models import Model, Prefetch
from django.urls import reverse
from django.utils.translation import gettext as _
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from bookings.links import site_address
from bookings.makegoods import offers, services
from bookings.makegoods.ranking import chosen_slots
from bookings.models import Makegood, MakegoodOffer, MakegoodOption
from tracker.api.views import TrackerViewSet
from tracker.lib.errors import Forbidden, NotFound

WAITING = "waiting"
STATUSES = (WAITING, *MakegoodOffer.Answer.values)


class PlaceSerializer(serializers.Serializer):
    """A slot in the place of what is owed: where and when, what it will likely deliver, and why it is offered."""

    ad_unit_id = serializers.UUIDField(source="ad_unit.pk")
    ad_unit = serializers.CharField(source="ad_unit.name")
    podcast_id = serializers.UUIDField(source="ad_unit.podcast_id")
    podcast = serializers.CharField(source="ad_unit.podcast.title")
    position = serializers.CharField(source="ad_unit.position")
    duration_seconds = serializers.IntegerField(source="ad_unit.duration_seconds")
    episode_id = serializers.UUIDField(source="episode.pk", allow_null=True)
    flight_start = serializers.DateTimeField()
    flight_end = serializers.DateTimeField()
    forecast_impressions = serializers.IntegerField(allow_null=True, help_text="null: nobody can say yet")
    fit = serializers.ChoiceField(MakegoodOption.Fit.choices)
    reason = serializers.CharField(help_text="in words a salesperson can say aloud")


class SlotSerializer(PlaceSerializer):
    """A free slot. `slot` names it in an offer, for as long as it is free."""

    slot = serializers.CharField(source="key")


class SlotsSerializer(serializers.Serializer):
    slots = SlotSerializer(many=True)
    unsettled_impressions = serializers.IntegerField(help_text="what an offer would be for")
    as_of = serializers.DateTimeField()


class OptionSerializer(PlaceSerializer):
    option_id = serializers.UUIDField()
    rank = serializers.IntegerField()
    is_chosen = serializers.BooleanField()


class OfferSerializer(serializers.ModelSerializer):
    """An offer. `status` is waiting until it is answered or withdrawn; after `expires_at` nobody can answer."""

    makegood_id = serializers.UUIDField()
    io_id = serializers.UUIDField(source="makegood.booking_id")
    status = serializers.SerializerMethodField()
    replacement_io_id = serializers.SerializerMethodField()
    options = OptionSerializer(many=True)

    class Meta:
        model = MakegoodOffer
        fields = (
            *("offer_id", "makegood_id", "io_id", "status", "message", "offered_at", "expires_at"),
            *("answered_at", "answered_by", "answer_note", "replacement_io_id", "options"),
        )
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(STATUSES))
    def get_status(self, offer: MakegoodOffer) -> str:
        return offer.answer or WAITING

    def get_replacement_io_id(self, offer: MakegoodOffer) -> str | None:
        """The line that was booked at price 0 when the offer was accepted."""
        key = offer.makegood.replacement_id if offer.answer == MakegoodOffer.Answer.ACCEPTED else None
        return str(key) if key else None


class OfferWithLinkSerializer(OfferSerializer):
    link = serializers.URLField(read_only=True, help_text="shown this once: the private page that answers the offer")

    class Meta(OfferSerializer.Meta):
        fields = (*OfferSerializer.Meta.fields, "link")
        read_only_fields = fields


class NewOfferSerializer(serializers.Serializer):
    makegood_id = serializers.UUIDField()
    slots = serializers.ListField(
        child=serializers.CharField(max_length=80),
        min_length=1,
        max_length=offers.MOST_OPTIONS,
        help_text="of GET /makegoods/{makegood_id}/slots, the best first",
    )
    message = serializers.CharField(max_length=2_000, required=False, allow_blank=True, default="")


class OfferAnswerSerializer(serializers.Serializer):
    name = serializers.CharField(max_length=200, required=False, help_text="who agreed; the key's name without it")
    note = serializers.CharField(max_length=2_000, required=False, allow_blank=True, default="")


class AcceptOfferSerializer(OfferAnswerSerializer):
    option_id = serializers.UUIDField()


class OfferFilter(filters.FilterSet):
    makegood_id = filters.UUIDFilter(field_name="makegood_id")
    io_id = filters.UUIDFilter(field_name="makegood__booking_id")
    status = filters.ChoiceFilter(choices=[(one, one) for one in STATUSES], method="with_status")

    class Meta:
        model = MakegoodOffer
        fields = ("makegood_id", "io_id", "status")

    def with_status(self, queryset: Any, name: str, value: str) -> Any:
        return queryset.filter(answer="" if value == WAITING else value)


class OfferViewSet(RetrieveModelMixin, ListModelMixin, TrackerViewSet):
    """Offers of this house's makegood cases; an advertiser sees and answers their own, a creator sees their shows'."""

    flag = "ENABLE_IO_BOOKINGS"
    scope = "io"
    # An offer belongs to a booked line: who may see the line sees what is offered for it.
    permission = {
        "list": "bookings.view_iobooking",
        "retrieve": "bookings.view_iobooking",
        "create": "bookings.change_makegood",
        "withdraw": "bookings.change_makegood",
        "accept": "bookings.view_iobooking",
        "decline": "bookings.view_iobooking",
    }
    bound = {"podcast": "makegood__booking__ad_unit__podcast_id", "sponsor": "makegood__booking__campaign__sponsor_id"}
    queryset = (
        MakegoodOffer.objects.select_related("makegood")
        .prefetch_related(
            Prefetch(
                "options",
                MakegoodOption.objects.select_related("ad_unit__podcast", "episode").order_by("rank"),
            )
        )
        .order_by("-offer_id")
    )
    ordering_fields = {"offered_at": "offered_at", "expires_at": "expires_at"}
    serializer_class = OfferSerializer
    filterset_class = OfferFilter
    lookup_field = "offer_id"
    lookup_value_converter = "uuid"

    @extend_schema(request=NewOfferSerializer, responses={201: OfferWithLinkSerializer})
    def create(self, request: Request) -> Response:
        """Offer free slots for all that a case has unsettled. An offer that waits is withdrawn for this one."""
        wanted = NewOfferSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        fields = dict(wanted.validated_data)
        case = _case(fields.pop("makegood_id"))
        slots = chosen_slots(case, fields.pop("slots"), at=self.now)
        offer, token = offers.offer_makegood(case=case, slots=slots, by=self.actor, at=self.now, **fields)
        response = self.answer(self._whole(offer), status=201)
        link = site_address() + reverse("bookings:offer", args=[token])
        response.data = {**response.data, "link": link}
        return response

    @extend_schema(request=None, responses=OfferSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, offer_id: str) -> Response:
        """Take an offer back that waits for its answer: its case is opened again. A second time changes nothing."""
        return self.answer(self._whole(offers.withdraw_offer(offer=self.get_object(), by=self.actor, at=self.now)))

    @extend_schema(request=AcceptOfferSerializer, responses=OfferSerializer)
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, offer_id: str) -> Response:
        """Take one of the slots, for the sponsor: its replacement is booked at price 0, or 409 and nothing happens."""
        offer = self._mine_to_answer()
        wanted = AcceptOfferSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        offers.accept_offer(offer=offer, **self._signed(wanted.validated_data))
        return self.answer(self._whole(offer))

    @extend_schema(request=OfferAnswerSerializer, responses=OfferSerializer)
    @action(detail=True, methods=["post"])
    def decline(self, request: Request, offer_id: str) -> Response:
        """Say no to all slots, for the sponsor: the case waits for a credit."""
        offer = self._mine_to_answer()
        wanted = OfferAnswerSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        offers.decline_offer(offer=offer, **self._signed(wanted.validated_data))
        return self.answer(self._whole(offer))

    def lock(self, found: Any) -> None:
        services.locked(found.makegood)  # the line first, then its case, as the services do
        super().lock(found)

    def _mine_to_answer(self) -> MakegoodOffer:
        offer: MakegoodOffer = self.get_object()
        if self.request.user.role.bound_to != "sponsor":
            raise Forbidden("sponsors_only", _("An offer is answered by its sponsor."))
        return offer

    def _signed(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"name": self.actor.label, **given, "by": self.actor, "at": self.now}

    def _whole(self, offer: Model) -> MakegoodOffer:
        """The offer with its options and its case as they stand now."""
        found: MakegoodOffer = self.get_queryset().get(pk=offer.pk)
        return found


def _case(key: Any) -> Makegood:
    cases = Makegood.objects.select_related("booking__order", "booking__ad_unit__podcast")
    case = cases.filter(pk=key).first()
    if case is None:
        raise NotFound("not_found", _("There is no such case here."), field="makegood_id")
    return case
