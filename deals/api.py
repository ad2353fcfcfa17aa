"""Deals and sponsors for partners' programs: routes below /api/v1."""

from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from deals import services
from deals.models import Campaign, Sponsor
from tracker.api.schema import A_WORD
from tracker.api.views import TrackerViewSet
from tracker.lib.errors import DomainError, NotFound
from tracker.tenants.context import current_tenant

LARGEST = 10**15


class DealSerializer(serializers.ModelSerializer):
    """A deal as partners know it; `status` is open, won or lost."""

    status = serializers.CharField(read_only=True)

    class Meta:
        model = Campaign
        fields = ("campaign_id", "name", "status", "stage", "stage_changed_at")


class DealDetailSerializer(DealSerializer):
    advertiser_id = serializers.UUIDField(source="sponsor_id")
    allowed_stages = serializers.ListField(source="allowed_moves", child=serializers.CharField(), read_only=True)

    class Meta(DealSerializer.Meta):
        fields = (
            *DealSerializer.Meta.fields,
            *("allowed_stages", "advertiser_id", "campaign_value", "currency", "expected_close_on"),
            *("flight_first_day", "flight_last_day", "wanted_impressions", "closed_at", "lost_reason", "source"),
            *("next_step", "next_step_on", "created_at", "updated_at"),
        )


class NewDealSerializer(serializers.Serializer):
    name = serializers.CharField(max_length=200)
    advertiser_id = serializers.UUIDField()
    campaign_value = serializers.IntegerField(min_value=0, max_value=LARGEST, default=0, help_text="integer cents")
    currency = serializers.RegexField(r"^[A-Z]{3}$", required=False, help_text="ISO code; the house's own by default")
    expected_close_on = serializers.DateField(required=False, allow_null=True)
    flight_first_day = serializers.DateField(required=False, allow_null=True)
    flight_last_day = serializers.DateField(required=False, allow_null=True)
    wanted_impressions = serializers.IntegerField(min_value=1, max_value=LARGEST, required=False, allow_null=True)
    source = serializers.CharField(max_length=64, required=False, allow_blank=True)
    notes = serializers.CharField(max_length=10_000, required=False, allow_blank=True)
    next_step = serializers.CharField(max_length=300, required=False, allow_blank=True)
    next_step_on = serializers.DateField(required=False, allow_null=True)


class ChangedDealSerializer(NewDealSerializer):
    """What may change on a deal; its stage moves by PATCH /deals/{campaign_id}/stage."""

    campaign_value = serializers.IntegerField(min_value=0, max_value=LARGEST, required=False, help_text="integer cents")


@extend_schema_field({"type": "string", "pattern": f"^({'|'.join(Campaign.Stage.values)})$"})
class StageField(serializers.CharField):
    """A stage by name; an unknown one is refused by the service, which lists those there are."""


class StageSerializer(serializers.Serializer):
    conditions = {
        "required": ["stage"],
        "if": {"properties": {"stage": {"const": Campaign.Stage.LOST.value}}, "required": ["stage"]},
        "then": {"required": ["reason"], "properties": {"reason": {"type": "string", "pattern": A_WORD}}},
    }
    stage = StageField(max_length=40)
    reason = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")
    lost_to = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    force = serializers.BooleanField(required=False, default=False, help_text="skip stages: managers, with a reason")


class DealViewSet(RetrieveModelMixin, ListModelMixin, TrackerViewSet):
    """Deals of this house. Answers carry the deal's ETag."""

    flag = "ENABLE_DEAL_PIPELINE"
    scope = "deals"
    permission = {"stage": "deals.change_campaign"}
    bound = {"sponsor": "sponsor_id"}
    keeps_version = True
    ordering_fields = {
        "name": "name",
        "created_at": "created_at",
        "updated_at": "updated_at",
        "stage_changed_at": "stage_changed_at",
        "campaign_value": "campaign_value",
    }
    queryset = Campaign.objects.order_by("-campaign_id")
    serializer_class = DealDetailSerializer
    lookup_field = "campaign_id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Campaign]:
        """Narrow a list by ?stage= and ?advertiser_id=."""
        deals = super().get_queryset()
        if self.action != "list":
            return deals
        if stages := self.request.query_params.getlist("stage"):
            deals = deals.filter(stage__in=stages)
        if advertiser := self.request.query_params.get("advertiser_id"):
            deals = deals.filter(sponsor_id=serializers.UUIDField().run_validation(advertiser))
        return deals

    @extend_schema(parameters=[OpenApiParameter("stage", str, many=True), OpenApiParameter("advertiser_id", UUID)])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().list(request, *args, **kwargs)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        campaign = self.get_object()
        return _with_tag(Response(self.get_serializer(campaign).data), campaign)

    @extend_schema(request=NewDealSerializer, responses={201: DealDetailSerializer})
    def create(self, request: Request) -> Response:
        """Open a deal as a lead."""
        wanted = NewDealSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        fields = dict(wanted.validated_data)
        sponsor = _sponsor(fields.pop("advertiser_id"))
        _check_flight(fields.get("flight_first_day"), fields.get("flight_last_day"))
        fields.setdefault("currency", current_tenant().currency)
        campaign = services.open_deal(sponsor=sponsor, by=request.user, at=self.now, **fields)
        response = _with_tag(Response(self.get_serializer(campaign).data, status=201), campaign)
        response["Location"] = f"{request.path}/{campaign.pk}"
        return response

    @extend_schema(request=ChangedDealSerializer(partial=True), responses=DealDetailSerializer)
    def partial_update(self, request: Request, campaign_id: str) -> Response:
        """Change what a deal says about itself. The same values again change nothing."""
        campaign = self.get_object()
        wanted = ChangedDealSerializer(data=request.data, partial=True)
        wanted.is_valid(raise_exception=True)
        fields = dict(wanted.validated_data)
        if "advertiser_id" in fields:
            fields["sponsor"] = _sponsor(fields.pop("advertiser_id"))
        _check_flight(
            fields.get("flight_first_day", campaign.flight_first_day),
            fields.get("flight_last_day", campaign.flight_last_day),
        )
        changed = services.change_deal(
            campaign=campaign, by=request.user, at=self.now, if_version=_wanted_version(request), **fields
        )
        return _with_tag(Response(self.get_serializer(changed).data), changed)

    @extend_schema(request=StageSerializer, responses=DealSerializer)
    @action(detail=True, methods=["patch"])
    def stage(self, request: Request, campaign_id: str) -> Response:
        """Move a deal to another stage. The same stage again is a 200 and changes nothing."""
        wanted = StageSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        fields = dict(wanted.validated_data)
        campaign = services.move_deal(
            campaign=self.get_object(),
            to=fields.pop("stage"),
            by=request.user,
            at=self.now,
            if_version=_wanted_version(request),
            **fields,
        )
        return _with_tag(Response(DealSerializer(campaign).data), campaign)


class SponsorSerializer(serializers.ModelSerializer):
    advertiser_id = serializers.UUIDField(source="sponsor_id", read_only=True)

    class Meta:
        model = Sponsor
        fields = (
            *("advertiser_id", "name", "aliases", "website_url", "category", "tags", "is_archived"),
            *("created_at", "updated_at"),
        )
        read_only_fields = ("created_at", "updated_at")


class SponsorFilter(filters.FilterSet):
    class Meta:
        model = Sponsor
        fields = ("name", "category", "is_archived")


class SponsorViewSet(RetrieveModelMixin, ListModelMixin, TrackerViewSet):
    """Advertisers of this house."""

    flag = "ENABLE_DEAL_PIPELINE"
    scope = "deals"
    bound = {"sponsor": "sponsor_id"}
    queryset = Sponsor.objects.filter(merged_into__isnull=True).order_by("-sponsor_id")
    ordering_fields = {"name": "name", "created_at": "created_at", "updated_at": "updated_at"}
    serializer_class = SponsorSerializer
    filterset_class = SponsorFilter
    lookup_field = "sponsor_id"
    lookup_value_converter = "uuid"

    @extend_schema(request=SponsorSerializer, responses={201: SponsorSerializer})
    def create(self, request: Request) -> Response:
        """Add an advertiser. Spellings of one company are not refused; people are asked about them in the admin."""
        wanted = SponsorSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        return self.answer(services.add_sponsor(by=request.user, at=self.now, **wanted.validated_data), status=201)

    @extend_schema(request=SponsorSerializer(partial=True), responses=SponsorSerializer)
    def partial_update(self, request: Request, sponsor_id: str) -> Response:
        """Change what is known of an advertiser."""
        sponsor = self.get_object()
        wanted = SponsorSerializer(sponsor, data=request.data, partial=True)
        wanted.is_valid(raise_exception=True)
        fields: dict[str, Any] = wanted.validated_data
        return self.answer(services.change_sponsor(sponsor=sponsor, by=request.user, at=self.now, **fields))


def _sponsor(key: Any) -> Sponsor:
    sponsor = Sponsor.objects.filter(pk=key).first()
    if sponsor is None:
        raise NotFound("unknown_advertiser", "There is no such advertiser here.", field="advertiser_id")
    return sponsor


def _check_flight(first: date | None, last: date | None) -> None:
    if first and last and last < first:
        raise DomainError("flight_reversed", "The flight ends before it begins.", field="flight_last_day")


def _with_tag(response: Response, campaign: Campaign) -> Response:
    response["ETag"] = f'"{campaign.version}"'
    return response


def _wanted_version(request: Request) -> int | None:
    """Return the version that If-Match names, None without one; a tag that is no version of ours matches none (0)."""
    tag = request.headers.get("If-Match", "").strip()
    if tag in ("", "*"):
        return None
    digits = tag.removeprefix("W/").strip('"')
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else 0


router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("deals", DealViewSet, basename="deal")
router.register("advertisers", SponsorViewSet, basename="advertiser")

urlpatterns = router.urls
