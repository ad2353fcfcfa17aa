"""The sales desk: deals, sponsors, agencies, contacts, and the rules of the pipeline."""

from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import Case, IntegerField, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.urls.resolvers import URLPattern
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from import_export.admin import ExportMixin
from import_export.fields import Field
from import_export.resources import ModelResource
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.decorators import action, display
from unfold.views import ChangeList

from deals import admin_views, board_views, numbers_views, rules_views, services, sponsor_views
from deals.forms import SPONSOR_COLUMNS, DealForm, SponsorForm
from deals.models import Agency, Campaign, Contact, Goal, Sponsor
from deals.queries import stage_settings
from deals.rules import StageSetting
from tracker.flags.pages import features_of
from tracker.lib import ui, words
from tracker.lib.admin import BaseAdmin
from tracker.lib.spreadsheets import InertCsv


class DealResource(ModelResource):
    """A deal as one row of a CSV; money in cents beside its currency."""

    sponsor = Field(attribute="sponsor__name", column_name="sponsor")
    agency = Field(attribute="agency__name", column_name="agency")
    owner = Field(attribute="owner__email", column_name="owner")

    class Meta:
        model = Campaign
        fields = (
            *("campaign_id", "name", "sponsor", "agency", "owner", "stage", "stage_changed_at", "campaign_value"),
            *("currency", "expected_close_on", "next_step", "next_step_on", "flight_first_day", "flight_last_day"),
            *("wanted_impressions", "source", "closed_at", "lost_reason", "lost_to"),
        )
        export_order = fields


class SponsorResource(ModelResource):
    agency = Field(attribute="agency__name", column_name="agency")

    class Meta:
        model = Sponsor
        fields = ("sponsor_id", "name", "category", "website_url", "agency", "credit_status", "billing_email")
        export_order = fields


class CsvExport(ExportMixin):
    """An export button over the list as it is filtered, and the same for chosen rows. Cells cannot run."""

    skip_export_form = True

    def get_export_formats(self) -> list[type]:
        return [InertCsv]

    def has_export_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    @admin.action(description=_("Export chosen rows as CSV"), permissions=["view"])
    def export_chosen(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse:
        return self._do_file_export(InertCsv(), request, rows)


class PagesFirst(ChangeList):
    """A list whose rows open the page of what they name; its form is a button there."""

    def url_for_result(self, result: Any) -> str:
        return reverse(self.model_admin.page_name, args=[result.pk])


@admin.register(Campaign)
class CampaignAdmin(CsvExport, BaseAdmin):
    """Deals. What a person types goes through the services; the stage moves on a page of its own."""

    form = DealForm
    page_name = "desk:deal"
    resource_classes = [DealResource]
    list_display = ("shown_name", "shown_stage", "shown_value", "shown_age", "owner", "expected_close_on", "next_step")
    list_display_links = ("shown_name",)
    list_select_related = ("sponsor", "owner")
    list_filter = (
        ("stage", ChoicesDropdownFilter),
        ("owner", AutocompleteSelectFilter),
        ("sponsor", AutocompleteSelectFilter),
        "currency",
        "source",
    )
    list_filter_submit = True
    search_fields = ("name", "sponsor__name", "next_step")
    autocomplete_fields = ("sponsor", "agency", "owner", "wanted_podcasts")
    ordering = ("-stage_changed_at",)
    actions = ("move_chosen", "export_chosen")
    actions_detail = ("open_move",)
    readonly_fields = ("shown_stage", "stage_changed_at", "closed_at", "lost_reason", "lost_to")
    fieldsets = (
        (None, {"fields": ("name", ("sponsor", "agency"), ("owner", "source"))}),
        (_("Worth"), {"fields": (("value", "currency"), ("expected_close_on", "wanted_impressions"), "seen_version")}),
        (_("Next"), {"fields": (("next_step", "next_step_on"),)}),
        (_("Wanted"), {"fields": ("wanted_podcasts", ("flight_first_day", "flight_last_day"))}),
        (_("Notes"), {"fields": ("notes",)}),
    )
    stage_fieldset = (
        _("Stage"),
        {"fields": (("shown_stage", "stage_changed_at", "closed_at"), ("lost_reason", "lost_to"))},
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """A deal has its page while the pipeline is switched on, else its form alone."""
        return PagesFirst if admin_views.FLAG in features_of(request) else super().get_changelist(request, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Campaign | None = None) -> Any:
        return (*self.fieldsets, self.stage_fieldset) if obj else self.fieldsets

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"owner": request.user.pk, **super().get_changeform_initial_data(request)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Campaign]:
        """Every deal with the days that its stage may take, by the rules of this house."""
        ages = [
            When(stage=setting.stage, then=Value(setting.expected_days))
            for setting in stage_settings().values()
            if setting.expected_days is not None
        ]
        deals = super().get_queryset(request)
        return deals.annotate(expected_days=Case(*ages, default=None, output_field=IntegerField()))

    def get_urls(self) -> list[URLPattern]:
        pages = {
            "<uuid:object_id>/move/": ("move", admin_views.move_one),
            "board/": ("board", board_views.board),
            "board/move/": ("board_move", board_views.board_move),
            "board/more/": ("board_more", board_views.board_more),
            "board/keep/": ("board_keep", board_views.board_keep),
            "numbers/": ("numbers", numbers_views.numbers),
            "rules/": ("rules", rules_views.rules),
        }
        inside = self.admin_site.admin_view
        own = [
            path(route, inside(partial(view, model_admin=self)), name=f"deals_campaign_{name}")
            for route, (name, view) in pages.items()
        ]
        return [*own, *super().get_urls()]

    def has_delete_permission(self, request: HttpRequest, obj: Campaign | None = None) -> bool:
        """A deal is lost, not deleted: its history counts in every rate."""
        return False

    # --- columns
    @display(description=_("Deal"), ordering="name", header=True)
    def shown_name(self, deal: Campaign) -> list[str]:
        return [deal.name, str(deal.sponsor)]

    @display(description=_("Stage"), ordering="stage")
    def shown_stage(self, deal: Campaign) -> str:
        return ui.pill("stage", deal.stage)

    @display(description=_("Value"), ordering="campaign_value")
    def shown_value(self, deal: Campaign) -> str:
        return words.money_whole(deal.campaign_value, deal.currency)

    @display(description=_("In stage"), ordering="-stage_changed_at")
    def shown_age(self, deal: Campaign) -> str:
        days = (timezone.now() - deal.stage_changed_at).days
        if deal.is_closed:
            return words.day(deal.stage_changed_at.date())
        tone = StageSetting(deal.stage, 0, deal.expected_days).age_tone(days)
        shown = _("%(days)s d") % {"days": days}
        return format_html('<span class="num {}">{}</span>', f"tone-{tone}" if tone else "", shown)

    # --- acts
    @action(description=_("Move to another stage"), url_path="open-move", permissions=["move"])
    def open_move(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:deals_campaign_move", args=[object_id]))

    def has_move_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """The stage moves while the pipeline is switched on, for those who may change deals."""
        return self.has_change_permission(request) and admin_views.FLAG in features_of(request)

    @admin.action(description=_("Move chosen deals"), permissions=["move"])
    def move_chosen(self, request: HttpRequest, deals: QuerySet[Campaign]) -> HttpResponse | None:
        return admin_views.move_many(request, deals, model_admin=self)

    # --- writing
    def save_model(self, request: HttpRequest, obj: Campaign, form: DealForm, change: bool) -> None:
        fields = form.deal_fields()
        if change:
            version = form.cleaned_data.get("seen_version")
            services.change_deal(campaign=obj, by=request.user, at=timezone.now(), if_version=version, **fields)
        else:
            services.open_deal(campaign_id=obj.pk, by=request.user, at=timezone.now(), **fields)
        obj.refresh_from_db()

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The services wrote the wanted shows already; only rows of inlines are left."""
        for formset in formsets:
            self.save_formset(request, form, formset, change=change)


class ContactInline(TabularInline):
    model = Contact
    extra = 0
    fields = ("name", "title", "email", "phone")


@admin.register(Sponsor)
class SponsorAdmin(CsvExport, BaseAdmin):
    form = SponsorForm
    page_name = "desk:sponsor"
    resource_classes = [SponsorResource]
    list_display = ("name", "category", "agency", "shown_credit", "is_archived")
    list_select_related = ("agency",)
    list_filter = (("agency", AutocompleteSelectFilter), "credit_status", "is_archived")
    list_filter_submit = True
    search_fields = ("name", "name_key", "aliases")
    autocomplete_fields = ("agency",)
    ordering = ("name",)
    actions = ("export_chosen",)
    inlines = (ContactInline,)
    fieldsets = (
        (None, {"fields": ("name", "is_another", "aliases", "brands", ("website_url", "agency"))}),
        (_("What it sells, whom it wants"), {"fields": ("category", "tags", "blocked_categories", "targets")}),
        (
            _("Billing"),
            {"fields": (("billing_name", "billing_email"), "billing_address", ("tax_number", "credit_status"))},
        ),
        (None, {"fields": ("is_archived",)}),
    )

    actions_list = ("open_duplicates",)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return PagesFirst

    def get_urls(self) -> list[URLPattern]:
        inside = self.admin_site.admin_view
        duplicates = inside(partial(sponsor_views.duplicates, model_admin=self))
        undo = inside(partial(sponsor_views.undo, model_admin=self))
        return [
            path("duplicates/", duplicates, name="deals_sponsor_duplicates"),
            path("duplicates/<uuid:merge_id>/undo/", undo, name="deals_sponsor_unmerge"),
            *super().get_urls(),
        ]

    @action(description=_("Duplicates"), url_path="open-duplicates", permissions=["change"])
    def open_duplicates(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:deals_sponsor_duplicates"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Sponsor]:
        return super().get_queryset(request).filter(merged_into__isnull=True)

    def has_delete_permission(self, request: HttpRequest, obj: Sponsor | None = None) -> bool:
        return False

    @display(description=_("Credit"), ordering="credit_status", label={"watch": "warning", "hold": "danger"})
    def shown_credit(self, sponsor: Sponsor) -> tuple[str, str]:
        return sponsor.credit_status, sponsor.get_credit_status_display()

    def save_model(self, request: HttpRequest, obj: Sponsor, form: SponsorForm, change: bool) -> None:
        fields = {name: form.cleaned_data[name] for name in SPONSOR_COLUMNS}
        if change:
            services.change_sponsor(sponsor=obj, by=request.user, at=timezone.now(), **fields)
        else:
            # The formset of contacts took the key away, so that the service gives one.
            obj.pk = services.add_sponsor(by=request.user, at=timezone.now(), **fields).pk
        obj.refresh_from_db()


class AgencyContactInline(ContactInline):
    fk_name = "agency"


@admin.register(Agency)
class AgencyAdmin(BaseAdmin):
    page_name = "desk:agency"
    list_display = ("name", "shown_commission", "credit_status", "billing_email")
    search_fields = ("name",)
    ordering = ("name",)
    inlines = (AgencyContactInline,)
    fieldsets = (
        (None, {"fields": ("name", ("commission_permille", "credit_status"))}),
        (_("Billing"), {"fields": ("billing_email", "billing_address", "tax_number")}),
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return PagesFirst

    @display(description=_("Commission"), ordering="commission_permille")
    def shown_commission(self, agency: Agency) -> str:
        return words.pct(agency.commission_permille / 10)


@admin.register(Contact)
class ContactAdmin(BaseAdmin):
    list_display = ("name", "title", "sponsor", "agency", "email", "phone")
    list_select_related = ("sponsor", "agency")
    search_fields = ("name", "email", "sponsor__name", "agency__name")
    autocomplete_fields = ("sponsor", "agency")
    ordering = ("name",)


@admin.register(Goal)
class GoalAdmin(BaseAdmin):
    list_display = ("user", "year", "quarter", "currency", "amount_cents")
    list_select_related = ("user",)
    autocomplete_fields = ("user",)
    ordering = ("-year", "-quarter", "user__name")
