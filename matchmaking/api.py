"""The partner API of this app: routes below /api/v1."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.urls import path, reverse
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.mixins import CreateModelMixin, ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from matchmaking import services
from matchmaking.models import Feedback, Match, Run
from matchmaking.tasks import run_requested
from tracker.accounts.models import Role
from tracker.api.views import TrackerView, TrackerViewSet
from tracker.lib.errors import DomainError, Forbidden, NotFound
from tracker.tenants.tasks import enqueue

FLAG = "ENABLE_MATCHMAKING"


class MatchSerializer(serializers.ModelSerializer):
    """A match: score 0-100, why in words, and the signals that had data, each 0-1."""

    score = serializers.FloatField()
    confidence = serializers.FloatField(help_text="share of the weights that had data, 0-1")

    class Meta:
        model = Match
        fields = (
            *("match_id", "advertiser_id", "podcast_id", "score", "confidence", "rationale", "signals"),
            *("weights_version", "updated_at"),
        )


class RunSerializer(serializers.ModelSerializer):
    """A recalculation to follow at `status_url`."""

    job_id = serializers.UUIDField(source="run_id")
    status_url = serializers.SerializerMethodField()

    class Meta:
        model = Run
        fields = (
            *("job_id", "scope", "status", "advertiser_ids", "podcast_ids", "queued_at", "started_at", "finished_at"),
            *("counts", "error", "status_url"),
        )

    def get_status_url(self, run: Run) -> str:
        return reverse("match-run-detail", kwargs={"run_id": run.pk})


class RecalculateView(TrackerView):
    """Recalculate one pair now, one advertiser's or one show's pairs, or everything."""

    flag = FLAG
    scope = "match"
    permission = "matchmaking.recalculate_match"

    @extend_schema(
        request=None,
        parameters=[
            OpenApiParameter("advertiser_id", UUID, description="one advertiser"),
            OpenApiParameter("podcast_id", UUID, description="one show"),
        ],
        responses={
            200: MatchSerializer,
            202: RunSerializer,
            403: OpenApiResponse(description="neither id, and the caller is no administrator"),
        },
    )
    def post(self, request: Request) -> Response:
        """Both ids: the match. One: a job over its pairs. Neither: a job over all pairs, for administrators alone."""
        advertiser, podcast = _id(request, "advertiser_id"), _id(request, "podcast_id")
        _within_bindings(request.user, advertiser, podcast)
        if advertiser and podcast:
            run = services.recalculate_matches(
                by=request.user, at=self.now, advertiser_id=advertiser, podcast_id=podcast
            )
            match = Match.objects.get(advertiser_id=run.advertiser_ids[0], podcast_id=run.podcast_ids[0])
            return Response(MatchSerializer(match).data)
        if not advertiser and not podcast and request.user.role.code != Role.Code.ADMINISTRATOR:
            raise Forbidden("administrators_only", "Recalculating every pair is for administrators.")
        run = services.request_recalculation(by=request.user, at=self.now, advertiser_id=advertiser, podcast_id=podcast)
        enqueue(run_requested, str(run.pk))
        return Response(RunSerializer(run).data, status=202)


class MatchViewSet(RetrieveModelMixin, ListModelMixin, TrackerViewSet):
    """Matches, newest pair first."""

    flag = FLAG
    scope = "match"
    bound = {"sponsor": "advertiser_id"}
    queryset = Match.objects.order_by("-match_id")
    ordering_fields = {"score": "score", "updated_at": "updated_at"}
    serializer_class = MatchSerializer
    lookup_field = "match_id"
    lookup_value_converter = "uuid"

    @extend_schema(parameters=[OpenApiParameter(name, UUID) for name in ("advertiser_id", "podcast_id")])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().list(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Match]:
        found = super().get_queryset()
        if self.action != "list":
            return found
        for name in ("advertiser_id", "podcast_id"):
            if wanted := _id(self.request, name):
                found = found.filter(**{name: wanted})
        return found


class RunViewSet(RetrieveModelMixin, ListModelMixin, TrackerViewSet):
    """Recalculations, newest first."""

    flag = FLAG
    scope = "match"
    permission = "matchmaking.recalculate_match"
    queryset = Run.objects.order_by("-run_id")
    ordering_fields = {"queued_at": "queued_at"}
    filterset_fields = ("status", "scope")
    serializer_class = RunSerializer
    lookup_field = "run_id"
    lookup_value_converter = "uuid"


class FeedbackSerializer(serializers.ModelSerializer):
    advertiser_id = serializers.UUIDField()
    podcast_id = serializers.UUIDField()

    class Meta:
        model = Feedback
        fields = ("feedback_id", "advertiser_id", "podcast_id", "verdict", "note", "score", "given_by", "given_at")
        read_only_fields = ("feedback_id", "score", "given_by", "given_at")


class FeedbackViewSet(CreateModelMixin, ListModelMixin, TrackerViewSet):
    """What people think of matches: good or bad fit. A second word of the same caller replaces the first."""

    flag = FLAG
    scope = "match"
    permission = {"list": "matchmaking.view_match", "create": "matchmaking.view_match"}
    bound = {"sponsor": "advertiser_id"}
    queryset = Feedback.objects.order_by("-feedback_id")
    ordering_fields = {"given_at": "given_at"}
    filterset_fields = ("verdict",)
    serializer_class = FeedbackSerializer

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        wanted = FeedbackSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        values = wanted.validated_data
        _within_bindings(request.user, values["advertiser_id"], None)
        feedback = services.give_feedback(
            advertiser=services.advertiser_of(values["advertiser_id"]),
            podcast=services.podcast_of(values["podcast_id"]),
            verdict=values["verdict"],
            note=values.get("note", ""),
            by=request.user,
            at=self.now,
        )
        return Response(FeedbackSerializer(feedback).data, status=201)


def _id(request: Request, name: str) -> UUID | None:
    text = request.query_params.get(name, "").strip()
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError as error:
        raise DomainError("bad_id", f"{name} is not an id: {text[:64]}", status=400) from error


def _within_bindings(principal: Any, advertiser: UUID | None, podcast: UUID | None) -> None:
    """Let bound people ask for their own alone; another's id looks like one that is not there."""
    for kind, wanted in (("sponsor", advertiser), ("podcast", podcast)):
        own = principal.bound_ids(kind)
        if own is not None and wanted not in own:
            raise NotFound("not_found", "There is nothing of yours by this id.")


router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("matches", MatchViewSet, basename="match")
router.register("match/runs", RunViewSet, basename="match-run")
router.register("match/feedback", FeedbackViewSet, basename="match-feedback")


@extend_schema_view(post=extend_schema(operation_id="match_recalculate_unversioned"))
class UnversionedRecalculateView(RecalculateView):
    """The same act under a name of its own in the API's description."""


urlpatterns = [path("match/recalculate", RecalculateView.as_view(), name="match-recalculate"), *router.urls]
# The same view by the address that was promised before there were versions: /api/match/recalculate.
unversioned = [path("match/recalculate", UnversionedRecalculateView.as_view(), name="match-recalculate-unversioned")]
