"""Shows and episodes for partners' programs: routes below /api/v1."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from metrics import services
from metrics.models import Episode, Podcast
from tracker.api.filters import InstantFilter
from tracker.api.views import TrackerViewSet
from tracker.lib.errors import NotFound

MOST = 2**31 - 1


class PodcastSerializer(serializers.ModelSerializer):
    """A show. `is_simulated` says that its figures are made up for a demonstration."""

    # Taken already is a 409 of the service; without one it is made from the title.
    slug = serializers.SlugField(max_length=120, required=False)

    class Meta:
        model = Podcast
        fields = (
            *("podcast_id", "title", "slug", "description", "host_name", "language", "categories", "tags"),
            *("is_explicit", "website_url", "feed_url", "artwork_url", "is_archived", "is_simulated"),
            *("created_at", "updated_at"),
        )
        read_only_fields = ("podcast_id", "is_simulated", "created_at", "updated_at")


class EpisodeSerializer(serializers.ModelSerializer):
    podcast_id = serializers.UUIDField()
    season = serializers.IntegerField(min_value=0, max_value=MOST, required=False, allow_null=True)
    number = serializers.IntegerField(min_value=0, max_value=MOST, required=False, allow_null=True)
    duration_seconds = serializers.IntegerField(min_value=0, max_value=MOST, required=False, allow_null=True)
    is_published = serializers.BooleanField(required=False, help_text="without it: one that drops later is planned")

    class Meta:
        model = Episode
        fields = (
            *("episode_id", "podcast_id", "title", "season", "number", "guid"),
            *("drops_at", "is_published", "duration_seconds", "created_at", "updated_at"),
        )
        read_only_fields = ("episode_id", "created_at", "updated_at")


class ChangedEpisodeSerializer(EpisodeSerializer):
    """What may change: an episode stays with its show."""

    podcast_id = serializers.UUIDField(read_only=True)


class PodcastFilter(filters.FilterSet):
    class Meta:
        model = Podcast
        fields = ("slug", "is_archived", "language")


class PodcastViewSet(RetrieveModelMixin, ListModelMixin, TrackerViewSet):
    """The shows of this house; a creator sees their own."""

    scope = "podcasts"
    bound = {"podcast": "podcast_id"}
    queryset = Podcast.objects.order_by("-podcast_id")
    ordering = "-podcast_id"
    ordering_fields = {"title": "title", "created_at": "created_at", "updated_at": "updated_at"}
    serializer_class = PodcastSerializer
    filterset_class = PodcastFilter
    lookup_field = "podcast_id"
    lookup_value_converter = "uuid"

    @extend_schema(request=PodcastSerializer, responses={201: PodcastSerializer})
    def create(self, request: Request) -> Response:
        """Add a show."""
        wanted = PodcastSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        return self.answer(services.add_podcast(by=self.actor, at=self.now, **wanted.validated_data), status=201)

    @extend_schema(request=PodcastSerializer(partial=True), responses=PodcastSerializer)
    def partial_update(self, request: Request, podcast_id: str) -> Response:
        """Change what is known of a show."""
        podcast = self.get_object()
        wanted = PodcastSerializer(podcast, data=request.data, partial=True)
        wanted.is_valid(raise_exception=True)
        fields: dict[str, Any] = wanted.validated_data
        return self.answer(services.change_podcast(podcast=podcast, by=self.actor, at=self.now, **fields))


class EpisodeFilter(filters.FilterSet):
    podcast_id = filters.UUIDFilter(field_name="podcast_id")
    drops_after = InstantFilter(field_name="drops_at", lookup_expr="gte")
    drops_before = InstantFilter(field_name="drops_at", lookup_expr="lt")

    class Meta:
        model = Episode
        fields = ("podcast_id", "is_published", "guid", "drops_after", "drops_before")


class EpisodeViewSet(RetrieveModelMixin, ListModelMixin, TrackerViewSet):
    """Episodes, those planned included; a creator sees those of their own shows."""

    scope = "podcasts"
    bound = {"podcast": "podcast_id"}
    queryset: QuerySet[Episode] = Episode.objects.order_by("-episode_id")
    ordering = "-episode_id"
    ordering_fields = {"title": "title", "created_at": "created_at", "updated_at": "updated_at"}
    serializer_class = EpisodeSerializer
    filterset_class = EpisodeFilter
    lookup_field = "episode_id"
    lookup_value_converter = "uuid"

    @extend_schema(request=EpisodeSerializer, responses={201: EpisodeSerializer})
    def create(self, request: Request) -> Response:
        """Add an episode, out or planned."""
        wanted = EpisodeSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        fields = dict(wanted.validated_data)
        podcast = Podcast.objects.filter(pk=fields.pop("podcast_id")).first()
        if podcast is None:
            raise NotFound("not_found", _("There is no such show here."), field="podcast_id")
        episode = services.add_episode(podcast=podcast, by=self.actor, at=self.now, **fields)
        return self.answer(episode, status=201)

    @extend_schema(request=ChangedEpisodeSerializer(partial=True), responses=EpisodeSerializer)
    def partial_update(self, request: Request, episode_id: str) -> Response:
        """Change what is known of an episode. Slots that are booked move with its drop."""
        episode = self.get_object()
        wanted = ChangedEpisodeSerializer(episode, data=request.data, partial=True)
        wanted.is_valid(raise_exception=True)
        fields: dict[str, Any] = wanted.validated_data
        return self.answer(services.change_episode(episode=episode, by=self.actor, at=self.now, **fields))


router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("podcasts", PodcastViewSet)
router.register("episodes", EpisodeViewSet)
urlpatterns = router.urls
