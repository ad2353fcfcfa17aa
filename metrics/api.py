"""Shows and episodes for partners' programs: routes below /api/v1."""

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.routers import SimpleRouter

from metrics.models import Episode, Podcast
from tracker.api.views import TrackerViewSet


class PodcastSerializer(serializers.ModelSerializer):
    """A show. `is_simulated` says that its figures are made up for a demonstration."""

    class Meta:
        model = Podcast
        fields = (
            *("podcast_id", "title", "slug", "description", "host_name", "language", "categories", "tags"),
            *("is_explicit", "website_url", "feed_url", "artwork_url", "is_archived", "is_simulated"),
        )


class EpisodeSerializer(serializers.ModelSerializer):
    class Meta:
        model = Episode
        fields = (
            *("episode_id", "podcast_id", "title", "season", "number", "guid"),
            *("drops_at", "is_published", "duration_seconds"),
        )


class PodcastViewSet(RetrieveModelMixin, ListModelMixin, TrackerViewSet):
    """The shows of this house; a creator sees their own."""

    scope = "podcasts"
    bound = {"podcast": "podcast_id"}
    queryset = Podcast.objects.order_by("-podcast_id")
    ordering = "-podcast_id"
    serializer_class = PodcastSerializer
    filterset_fields = ("slug", "is_archived", "language")
    lookup_value_converter = "uuid"


class EpisodeFilter(filters.FilterSet):
    podcast_id = filters.UUIDFilter(field_name="podcast_id")

    class Meta:
        model = Episode
        fields = ("podcast_id", "is_published", "guid")


class EpisodeViewSet(RetrieveModelMixin, ListModelMixin, TrackerViewSet):
    """Episodes, those planned included; a creator sees those of their own shows."""

    scope = "podcasts"
    bound = {"podcast": "podcast_id"}
    queryset: QuerySet[Episode] = Episode.objects.order_by("-episode_id")
    ordering = "-episode_id"
    serializer_class = EpisodeSerializer
    filterset_class = EpisodeFilter
    lookup_value_converter = "uuid"


router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("podcasts", PodcastViewSet)
router.register("episodes", EpisodeViewSet)
urlpatterns = router.urls
