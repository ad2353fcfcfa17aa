"""Deals and sponsors for partners' programs: routes below /api/v1."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from deals import services
from deals.models import Campaign, Sponsor
from tracker.api.views import TrackerViewSet
from tracker.lib.errors import DomainError
from tracker.tenants.context import current_tenant

IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description="The deal's ETag as last read; 412 when it changed since."
)


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
        )


class NewDealSerializer(serializers.Serializer):
    name = serializers.CharField(max_length=200)
    advertiser_id = serializers.UUIDField()
    campaign_value = serializers.IntegerField(min_value=0, default=0, help_text="integer cents")
    currency = serializers.RegexField(r"^[A-Z]{3}$", required=False, help_text="ISO code; the house's own by default")
    expected_close_on = serializers.DateField(required=False, allow_null=True)
    flight_first_day = serializers.DateField(required=False, allow_null=True)
    flight_last_day = serializers.DateField(required=False, allow_null=True)
    wanted_impressions = serializers.IntegerField(min_value=1, required=False, allow_null=True)
    source = serializers.CharField(max_length=64, required=False, allow_blank=True)
    notes = serializers.CharField(max_length=10_000, required=False, allow_blank=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        first, last = attrs.get("flight_first_day"), attrs.get("flight_last_day")
        if first and last and last < first:
            raise serializers.ValidationError({"flight_last_day": "The flight ends before it begins."})
        return attrs


class StageSerializer(serializers.Serializer):
    stage = serializers.CharField(max_length=40, help_text="lead, qualified, proposal, negotiation, won or lost")
    reason = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")
    lost_to = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    force = serializers.BooleanField(required=False, default=False, help_text="skip stages: managers, with a reason")


class DealViewSet(RetrieveModelMixin, ListModelMixin, TrackerViewSet):
    """Deals of this house. Answers carry the deal's ETag."""

    flag = "ENABLE_DEAL_PIPELINE"
    scope = "deals"
    permission = {"stage": "deals.change_campaign"}
    bound = {"sponsor": "sponsor_id"}
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

    @extend_schema(parameters=[OpenApiParameter("stage", str, many=True), OpenApiParameter("advertiser_id", str)])
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
        sponsor = Sponsor.objects.filter(pk=fields.pop("advertiser_id")).first()
        if sponsor is None:
            raise DomainError("unknown_advertiser", "There is no such advertiser here.", field="advertiser_id")
        fields.setdefault("currency", current_tenant().currency)
        campaign = services.open_deal(sponsor=sponsor, by=request.user, at=self.now, **fields)
        return _with_tag(Response(self.get_serializer(campaign).data, status=201), campaign)

    @extend_schema(request=StageSerializer, responses=DealSerializer, parameters=[IF_MATCH])
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
        fields = ("advertiser_id", "name", "aliases", "website_url", "category", "tags", "is_archived")


class SponsorViewSet(RetrieveModelMixin, ListModelMixin, TrackerViewSet):
    """Advertisers of this house."""

    flag = "ENABLE_DEAL_PIPELINE"
    scope = "deals"
    bound = {"sponsor": "sponsor_id"}
    queryset = Sponsor.objects.filter(merged_into__isnull=True).order_by("-sponsor_id")
    serializer_class = SponsorSerializer
    lookup_field = "sponsor_id"
    lookup_value_converter = "uuid"


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
