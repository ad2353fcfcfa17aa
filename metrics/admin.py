"""The sales desk: shows and their episodes."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from metrics import queries, services
from metrics.models import AudienceShare, Episode, MetricSource, Podcast
from tracker.lib import words
from tracker.lib.admin import BaseAdmin, ReadOnlyAdmin
from tracker.lib.forms import ServiceAdmin, ServiceForm


class PodcastForm(forms.ModelForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "slug" in self.fields:
            self.fields["slug"].required = bool(self.instance.slug)
            self.fields["slug"].help_text = _("Stands in addresses. Left empty, it is made from the title.")


@admin.register(Podcast)
class PodcastAdmin(BaseAdmin):
    """Shows that can be sponsored."""

    form = PodcastForm
    list_display = ("title", "host_name", "language", "shown_episodes", "shown_last_day", "is_simulated")
    list_filter = ("is_archived", "is_simulated", "language")
    search_fields = ("title", "host_name", "slug")
    ordering = ("title",)
    readonly_fields = ("is_simulated",)
    fieldsets = (
        (None, {"fields": (("title", "slug"), ("host_name", "language"), "description")}),
        (_("What it is about"), {"fields": ("categories", "tags", "is_explicit")}),
        (_("Release schedule"), {"fields": (("release_weekdays", "release_time", "time_zone"),)}),
        (_("Addresses"), {"fields": ("website_url", "feed_url", "artwork_url")}),
        (_("State"), {"fields": (("is_archived", "is_simulated"),)}),
    )

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if isinstance(db_field, models.URLField):
            kwargs["assume_scheme"] = "https"
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Podcast]:
        """With the number of episodes and the last day with figures, asked for once a page."""
        shows = super().get_queryset(request).annotate(episode_count=Count("episodes"))
        return shows.annotate(last_day=queries.last_day_of_show())

    @display(description=_("Episodes"), ordering="episode_count")
    def shown_episodes(self, show: Podcast) -> str:
        return words.number(show.episode_count)  # type: ignore[attr-defined]

    @display(description=_("Figures until"))
    def shown_last_day(self, show: Podcast) -> str:
        last = show.last_day  # type: ignore[attr-defined]
        return words.day(last, year=True) if last else words.unknown()

    def save_model(self, request: HttpRequest, obj: Podcast, form: Any, change: bool) -> None:
        now = timezone.now()
        if change:
            changes = {name: form.cleaned_data[name] for name in form.changed_data}
            services.change_podcast(podcast=obj, by=request.user, at=now, **changes)
        else:
            made = services.add_podcast(by=request.user, at=now, **form.cleaned_data)
            obj.pk, obj.slug = made.pk, made.slug

    def has_delete_permission(self, request: HttpRequest, obj: Podcast | None = None) -> bool:
        """A show is archived, never deleted: its figures and bookings stay."""
        return False


class EpisodeForm(ServiceForm):
    def act(self) -> Episode:
        if self.instance._state.adding:
            return services.add_episode(by=self.user, at=self.now, **self.cleaned_data)
        changes = {name: self.cleaned_data[name] for name in self.changed_data}
        services.change_episode(episode=Episode(pk=self.instance.pk), by=self.user, at=self.now, **changes)
        return self.instance


@admin.register(Episode)
class EpisodeAdmin(ServiceAdmin):
    """Episodes, out and planned."""

    form = EpisodeForm
    list_display = ("title", "podcast", "number", "drops_at", "is_published")
    list_select_related = ("podcast",)
    list_filter = (("podcast", AutocompleteSelectFilter), "is_published")
    list_filter_submit = True
    search_fields = ("title", "guid", "podcast__title")
    autocomplete_fields = ("podcast",)
    ordering = ("-drops_at", "-episode_id")
    fieldsets = (
        (None, {"fields": ("podcast", "title", ("season", "number"), ("drops_at", "is_published"))}),
        (_("In the feed"), {"fields": (("guid", "duration_seconds"),)}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Episode | None = None) -> tuple[str, ...]:
        return ("podcast",) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Episode | None = None) -> bool:
        """One without figures and bookings may go."""
        allowed = super().has_delete_permission(request, obj)
        return allowed and (obj is None or not services.is_episode_needed(obj))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {name: act for name, act in super().get_actions(request).items() if name != "delete_selected"}


@admin.register(MetricSource)
class MetricSourceAdmin(ReadOnlyAdmin):
    """Who counted."""

    list_display = ("name",)
    search_fields = ("name",)
    ordering = ("name",)


@admin.register(AudienceShare)
class AudienceShareAdmin(ReadOnlyAdmin):
    """Who listens: shares by country, age, app …, as reported."""

    list_display = ("podcast", "dimension", "value", "shown_share", "source", "as_of")
    list_select_related = ("podcast",)
    list_filter = (("podcast", AutocompleteSelectFilter), "dimension", "source")
    list_filter_submit = True
    search_fields = ("podcast__title", "value")
    ordering = ("podcast__title", "dimension", "-as_of", "-share")

    @display(description=_("Share"), ordering="share")
    def shown_share(self, row: AudienceShare) -> str:
        return words.percent(row.share)
