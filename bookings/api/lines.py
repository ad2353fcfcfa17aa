"""Booked lines for partners' programs. One `io` is one booked line."""

from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.permissions import SAFE_METHODS
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from bookings import services
from bookings.api.copies import CopyCalls
from bookings.api.reads import PERMISSIONS, ReadCalls
from bookings.flights import BARE_DATE, INSTANT, flight_end_of, flight_start_of
from bookings.models import IOBooking
from bookings.queries.calendar import Wish, avails_for
from bookings.queries.wished import wished
from metrics.models import Episode, Podcast
from tracker.api.etags import Stale
from tracker.api.schema import A_WORD
from tracker.api.views import TrackerViewSet, only_bound
from tracker.lib.errors import Conflict, DomainError, NotFound
from tracker.tenants.context import current_tenant

LARGEST = 10**15
LONGEST_WINDOW = 366
NARROWED_BY = {
    "campaign_id": "campaign_id",
    "order_id": "order_id",
    "podcast_id": "ad_unit__podcast_id",
    "ad_unit_id": "ad_unit_id",
    "episode_id": "episode_id",
}


class PdfRenderer(BaseRenderer):
    """Lets a caller ask for application/pdf; the view answers with the bytes itself."""

    media_type = "application/pdf"
    format = "pdf"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return JSONRenderer().render(data)


class BookingSerializer(serializers.ModelSerializer):
    """A booked line as partners know it. Instants carry their offset; money is integer cents of `currency`."""

    campaign_id = serializers.UUIDField()
    ad_unit_id = serializers.UUIDField()
    episode_id = serializers.UUIDField(allow_null=True)
    podcast_id = serializers.UUIDField(source="ad_unit.podcast_id")
    order_id = serializers.UUIDField()
    order_number = serializers.CharField(source="order.number", allow_null=True)
    currency = serializers.CharField(source="order.currency")
    time_zone = serializers.CharField(source="order.time_zone")
    makegood_of = serializers.UUIDField(source="makegood_of_id", allow_null=True)
    allowed_statuses = serializers.ListField(source="allowed_moves", child=serializers.CharField())

    class Meta:
        model = IOBooking
        fields = (
            *("io_id", "status", "allowed_statuses", "status_changed_at", "status_reason", "held_until"),
            *("campaign_id", "ad_unit_id", "podcast_id", "episode_id", "flight_start", "flight_end", "time_zone"),
            *("booked_impressions", "booked_cpm_cents", "rate_type", "gross_cents", "currency"),
            *("promo_code", "vanity_url", "landing_url", "order_id", "order_number", "line_number"),
            *("makegood_of", "external_ref", "notice_ends_at", "cancel_charge_cents", "completed_at", "created_at"),
        )
        read_only_fields = fields


@extend_schema_field({"type": "string", "pattern": f"^({BARE_DATE.pattern}|{INSTANT.pattern})$"})
class MomentField(serializers.CharField):
    """A day or an instant; anything else is refused by the code that reads it."""


class LineSerializer(serializers.Serializer):
    """What may be written on a line; a new one needs all that has no default."""

    episode_id = serializers.UUIDField(required=False, allow_null=True)
    flight_start = MomentField(max_length=40, help_text="a day, or an instant with its offset")
    flight_end = MomentField(max_length=40, help_text="a day (its whole), or an instant with its offset")
    booked_impressions = serializers.IntegerField(min_value=1, max_value=LARGEST)
    booked_cpm_cents = serializers.IntegerField(min_value=0, max_value=LARGEST)
    flat_cents = serializers.IntegerField(
        min_value=0, max_value=LARGEST, required=False, allow_null=True, help_text="the whole price of a flat line"
    )
    promo_code = serializers.CharField(max_length=80, required=False, allow_blank=True, allow_null=True)
    vanity_url = serializers.CharField(max_length=500, required=False, allow_blank=True, allow_null=True)
    landing_url = serializers.CharField(max_length=500, required=False, allow_blank=True, allow_null=True)
    external_ref = serializers.CharField(max_length=100, required=False, allow_blank=True, allow_null=True)


class NewBookingSerializer(LineSerializer):
    campaign_id = serializers.UUIDField()
    ad_unit_id = serializers.UUIDField()
    status = serializers.ChoiceField(["scheduled", "draft", "held"], required=False, default="scheduled")
    held_until = serializers.DateTimeField(required=False, allow_null=True)


@extend_schema_field({"type": "string", "pattern": f"^({'|'.join(IOBooking.Status.values)})$"})
class StatusField(serializers.CharField):
    """A status by name; an unknown one is refused by the service, which lists those there are."""


class MoveSerializer(serializers.Serializer):
    conditions = {
        "required": ["status"],
        "if": {"properties": {"status": {"const": IOBooking.Status.CANCELLED.value}}, "required": ["status"]},
        "then": {"required": ["reason"], "properties": {"reason": {"type": "string", "pattern": A_WORD}}},
    }

    status = StatusField(max_length=40)
    reason = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")
    held_until = serializers.DateTimeField(required=False, allow_null=True, default=None)


class WishSerializer(serializers.Serializer):
    """What a buyer would like; days are inclusive, in the house's zone."""

    first_day = serializers.DateField()
    last_day = serializers.DateField()
    impressions = serializers.IntegerField(min_value=1, max_value=LARGEST, required=False, allow_null=True)
    budget_cents = serializers.IntegerField(min_value=0, max_value=LARGEST, required=False, allow_null=True)
    category = serializers.CharField(max_length=120, required=False, allow_blank=True)
    podcast_ids = serializers.ListField(child=serializers.UUIDField(), max_length=200, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["last_day"] < attrs["first_day"]:
            raise DomainError("window_reversed", _("The window ends before it begins."), field="last_day")
        if (attrs["last_day"] - attrs["first_day"]).days > LONGEST_WINDOW:
            raise DomainError("window_too_long", _("Ask for a year at most."), field="last_day")
        return attrs


class ReasonSerializer(serializers.Serializer):
    code = serializers.CharField()
    message = serializers.CharField()


class AvailSerializer(serializers.Serializer):
    """What of a wish one ad unit can take."""

    podcast_id = serializers.UUIDField(source="unit.podcast_id")
    podcast = serializers.CharField(source="unit.podcast.title")
    ad_unit_id = serializers.UUIDField(source="unit.pk")
    ad_unit = serializers.CharField(source="unit.name")
    position = serializers.CharField(source="unit.position")
    answer = serializers.ChoiceField(["available", "partly", "not"])
    reasons = ReasonSerializer(many=True)
    free_slots = serializers.IntegerField(source="free")
    slots = serializers.IntegerField()
    forecast_impressions = serializers.IntegerField(source="forecast", allow_null=True)
    rate_cpm_cents = serializers.IntegerField(source="unit.rate_cpm_cents", allow_null=True)
    price_cents = serializers.IntegerField(allow_null=True)


class AvailsSerializer(serializers.Serializer):
    avails = AvailSerializer(many=True)
    as_of = serializers.DateTimeField()


class BookingViewSet(CopyCalls, ReadCalls, RetrieveModelMixin, ListModelMixin, TrackerViewSet):
    """Booked lines of this house. Answers carry the line's ETag."""

    flag = "ENABLE_IO_BOOKINGS"
    scope = "io"
    permission = {
        "status": "bookings.change_iobooking",
        "export_pdf": "bookings.export_pdf",
        "avails": "bookings.view_iobooking",
        # Who may write or answer is decided by the call: creators answer what they may otherwise only read.
        "copies": "bookings.view_iobooking",
        "copy_answer": "bookings.view_iobooking",
        **PERMISSIONS,
    }
    bound = {"sponsor": "campaign__sponsor_id", "podcast": "ad_unit__podcast_id"}
    keeps_version = True
    ordering_fields = {
        "created_at": "created_at",
        "flight_start": "flight_start",
        "flight_end": "flight_end",
        "status_changed_at": "status_changed_at",
    }
    queryset = IOBooking.objects.select_related("order", "ad_unit").order_by("-io_id")
    serializer_class = BookingSerializer
    lookup_field = "io_id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[IOBooking]:
        """Narrow a list by ?status=, ?campaign_id=, ?order_id=, ?podcast_id=, ?ad_unit_id=, ?episode_id=."""
        lines = super().get_queryset()
        if self.action != "list":
            return lines
        if statuses := self.request.query_params.getlist("status"):
            lines = lines.filter(status__in=statuses)
        for name, field in NARROWED_BY.items():
            if value := self.request.query_params.get(name):
                lines = lines.filter(**{field: serializers.UUIDField().run_validation(value)})
        return lines

    def get_object(self) -> IOBooking:
        """Return the line; for acts whose services know no revision, locked and still the one that If-Match names."""
        line: IOBooking = super().get_object()
        wanted = _wanted_revision(self.request)
        if self.request.method in SAFE_METHODS or wanted is None or self.action in ("partial_update", "status"):
            return line
        line = self.get_queryset().select_for_update(of=("self",)).get(pk=line.pk)
        if line.revision != wanted:
            raise Stale
        return line

    @extend_schema(
        parameters=[
            OpenApiParameter("status", str, many=True),
            *(OpenApiParameter(name, OpenApiTypes.UUID) for name in NARROWED_BY),
        ]
    )
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().list(request, *args, **kwargs)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self._answer(self.get_object())

    @extend_schema(request=NewBookingSerializer, responses={201: BookingSerializer})
    def create(self, request: Request) -> Response:
        """Book a line: scheduled, unless a draft or a hold is asked for. 409 names what is taken and what is free."""
        wanted = NewBookingSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        fields = _without_nulls(wanted.validated_data)
        keys = {name: fields.pop(name, None) for name in ("campaign_id", "ad_unit_id", "episode_id")}
        found = wished(**keys)
        campaign = self._in_reach(found.campaign, "campaign_id", sponsor="sponsor_id")
        ad_unit = self._in_reach(found.ad_unit, "ad_unit_id", podcast="podcast_id")
        fields = self._flight(fields, ZoneInfo(found.order_zone or current_tenant().time_zone))
        if keys["episode_id"] is not None:
            fields["episode"] = self._in_reach(found.episode, "episode_id", podcast="podcast_id")
        booking = services.schedule_booking(campaign=campaign, ad_unit=ad_unit, by=request.user, at=self.now, **fields)
        return self._answer(booking, status=201)

    @extend_schema(request=LineSerializer, responses=BookingSerializer)
    def partial_update(self, request: Request, io_id: str) -> Response:
        """Change the numbers of a line that has not ended; its slot moves along."""
        booking = self.get_object()
        wanted = LineSerializer(data=request.data, partial=True)
        wanted.is_valid(raise_exception=True)
        fields = dict(wanted.validated_data)
        whole_show = "episode_id" in fields and fields["episode_id"] is None
        flat_again = "flat_cents" in fields and fields["flat_cents"] is None
        changes = self._flight(_without_nulls(fields), ZoneInfo(booking.order.time_zone))
        if "episode_id" in changes:
            episode = Episode.objects.filter(pk=changes.pop("episode_id")).first()
            changes["episode"] = self._in_reach(episode, "episode_id", podcast="podcast_id")
        changes |= {"episode": None} if whole_show else {}
        changes |= {"flat_cents": None} if flat_again else {}
        with _stale_is_412():
            changed = services.change_booking(
                booking=booking, by=request.user, at=self.now, if_revision=_wanted_revision(request), **changes
            )
        return self._answer(changed)

    @extend_schema(request=WishSerializer, responses=AvailsSerializer)
    @action(detail=False, methods=["post"])
    def avails(self, request: Request) -> Response:
        """What of a wish each ad unit can take: available, partly or not, with the reasons. Nothing is held."""
        wanted = WishSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        kind = self.request.user.role.bound_to
        shows = Podcast.objects.filter(is_archived=False)
        if kind == "podcast":
            shows = only_bound(shows, request.user, {"podcast": "podcast_id"})
        fields = _without_nulls(wanted.validated_data)
        found = avails_for(Wish(**fields), shows, at=self.now)
        return Response(AvailsSerializer({"avails": found, "as_of": self.now}).data)

    @extend_schema(request=MoveSerializer, responses=BookingSerializer)
    @action(detail=True, methods=["patch"])
    def status(self, request: Request, io_id: str) -> Response:
        """Move a booking to another status. The same status again is a 200 and changes nothing."""
        found = self.get_object()
        wanted = MoveSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        with _stale_is_412():
            booking = services.move_booking(
                booking=found,
                to=wanted.validated_data["status"],
                reason=wanted.validated_data["reason"],
                held_until=wanted.validated_data["held_until"],
                by=request.user,
                at=self.now,
                if_revision=_wanted_revision(request),
            )
        return self._answer(booking)

    @extend_schema(responses={(200, "application/pdf"): OpenApiTypes.BINARY})
    @action(detail=True, methods=["get"], url_path="export/pdf", renderer_classes=[PdfRenderer, JSONRenderer])
    def export_pdf(self, request: Request, io_id: str) -> HttpResponse:
        """The insertion order of this booking as a PDF. 503 with the remedy where PDFs cannot be made."""
        booking = self.get_object()
        try:
            printed = services.export_pdf(booking=booking, by=request.user, at=self.now)
        except DomainError as refusal:
            if refusal.code == "pdf_unavailable":
                refusal.details["print_view"] = reverse("bookings:order-print", args=[booking.order_id])
            raise
        response = HttpResponse(printed.content, content_type="application/pdf")
        response["Content-Disposition"] = f'attachment; filename="{printed.file_name}"'
        response["ETag"] = f'"{printed.digest}"'
        return response

    def _answer(self, booking: IOBooking, *, status: int = 200) -> Response:
        response = Response(self.get_serializer(booking).data, status=status)
        response["ETag"] = f'"{booking.revision}"'
        if status == 201:
            response["Location"] = f"{self.request.path}/{booking.pk}"
        return response

    def _flight(self, fields: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
        """Turn what was sent into what the services take: instants in the order's zone."""
        if "flight_start" in fields:
            fields["flight_start"] = flight_start_of(fields["flight_start"], zone)
        if "flight_end" in fields:
            fields["flight_end"] = flight_end_of(fields["flight_end"], zone)
        return fields

    def _in_reach(self, found: Any, field: str, **bound: str) -> Any:
        """Return the object that a body points at; another house's, or one out of reach, looks like none at all.

        bound: {kind of binding: what of the object it must be bound to}. A binding of another kind does not narrow:
        an advertiser's key may name any show's ad unit.
        """
        kind = self.request.user.role.bound_to
        in_reach = kind not in bound or getattr(found, bound[kind], None) in self.request.user.bound_ids(kind)
        if found is None or not in_reach:
            raise NotFound("not_found", f"There is no such {field.removesuffix('_id')} here.", field=field)
        return found


class _stale_is_412:
    """A tag that does not match any more is a failed precondition, not a conflict."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Conflict) and error.code == "stale_revision":
            raise DomainError(error.code, error.message, **{**error.details, "status": 412}) from None


def _without_nulls(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _wanted_revision(request: Request) -> int | None:
    """Return the revision that If-Match names, None without one; a tag that is no revision of ours matches none (0)."""
    tag = request.headers.get("If-Match", "").strip()
    if tag in ("", "*"):
        return None
    digits = tag.removeprefix("W/").strip('"')
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else 0
