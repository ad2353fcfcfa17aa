"""Matches for the sales desk: what was calculated, what counts, who can never run where."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from matchmaking.models import Feedback, Match, PlacementRule, Run, Weights
from matchmaking.services import mark_stale
from matchmaking.tasks import recalculate_changed
from tracker.flags.pages import features_of
from tracker.lib.admin import BaseAdmin, ReadOnlyAdmin
from tracker.tenants.tasks import enqueue


@admin.register(Match)
class MatchAdmin(ReadOnlyAdmin):
    list_display = ("advertiser", "podcast", "shown_score", "shown_confidence", "rationale", "page")
    list_select_related = ("advertiser", "podcast")
    search_fields = ("advertiser__name", "podcast__title")
    ordering = ("-score", "match_id")

    def get_list_display(self, request: HttpRequest) -> list[str]:
        """A match has its page while the feature is switched on."""
        return [one for one in self.list_display if one != "page" or "ENABLE_MATCHMAKING" in features_of(request)]

    @display(description=_("score"), ordering="score")
    def shown_score(self, match: Match) -> str:
        return f"{match.score:.1f}"

    @display(description=_("has data"), ordering="confidence")
    def shown_confidence(self, match: Match) -> str:
        return f"{match.confidence * 100:.0f} %"

    @display(description=_("why"))
    def page(self, match: Match) -> SafeString:
        address = reverse("matchmaking:advertiser", args=[match.advertiser_id])
        return format_html('<a href="{}?show={}">{}</a>', address, match.podcast_id, _("Open"))


@admin.register(PlacementRule)
class PlacementRuleAdmin(BaseAdmin):
    """Refusals and exclusivities: a change scores the show anew."""

    list_display = ("podcast", "kind", "sponsor", "category", "holder", "first_day", "last_day", "reason")
    list_select_related = ("podcast", "sponsor", "holder")
    list_filter = ("kind",)
    search_fields = ("podcast__title", "sponsor__name", "category")
    autocomplete_fields = ("podcast", "sponsor", "holder")
    ordering = ("podcast__title", "rule_id")

    def save_model(self, request: HttpRequest, obj: PlacementRule, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        _rescore(obj)

    def delete_model(self, request: HttpRequest, obj: PlacementRule) -> None:
        super().delete_model(request, obj)
        _rescore(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[PlacementRule]) -> None:
        rules = list(queryset)
        super().delete_queryset(request, queryset)
        for rule in rules:
            _rescore(rule)


@admin.register(Feedback)
class FeedbackAdmin(ReadOnlyAdmin):
    list_display = ("advertiser", "podcast", "verdict", "score", "note", "given_at")
    list_select_related = ("advertiser", "podcast")
    list_filter = ("verdict",)
    search_fields = ("advertiser__name", "podcast__title")
    ordering = ("-given_at",)


@admin.register(Weights)
class WeightsAdmin(ReadOnlyAdmin):
    list_display = (
        *("version", "topic_overlap", "demographic_overlap", "historical_lift", "geo_overlap", "inventory_fit"),
        *("brand_safety", "set_at"),
    )
    ordering = ("-version",)


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin):
    list_display = ("queued_at", "scope", "status", "counts", "error")
    list_filter = ("status", "scope")
    ordering = ("-queued_at",)


def _rescore(rule: PlacementRule) -> None:
    mark_stale(podcasts=[rule.podcast_id], at=timezone.now())
    enqueue(recalculate_changed)
