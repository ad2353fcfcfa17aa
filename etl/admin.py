"""The sales desk: imports to look at. They are started, cancelled and undone on their own pages."""

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from etl.models import Import, RowIssue
from tracker.lib import ui, words
from tracker.lib.admin import ReadOnlyAdmin


class RowIssueInline(TabularInline):
    """The first rows that could not be taken; the import's page has all."""

    model = RowIssue
    fields = readonly_fields = ("line", "column", "value", "reason")
    ordering = ("line", "id")
    extra = 0
    can_delete = False
    per_page = 25

    def has_add_permission(self, request: HttpRequest, obj: Import | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Import | None = None) -> bool:
        return False


@admin.register(Import)
class ImportAdmin(ReadOnlyAdmin):
    """How data came in."""

    list_display = ("shown_file", "shown_status", "shown_imported", "shown_failed", "created_at", "shown_by")
    list_display_links = ("shown_file",)
    list_filter = (("status", ChoicesDropdownFilter), "kind", "source", "is_dry_run")
    list_filter_submit = True
    search_fields = ("file_name", "error_message")
    ordering = ("-created_at",)
    inlines = (RowIssueInline,)
    fields = (
        ("shown_page", "shown_status"),
        ("kind", "source"),
        ("records_imported", "records_failed"),
        "error_message",
        ("created_at", "started_at", "completed_at"),
        ("is_dry_run", "is_strict", "attempt"),
        "metadata",
    )
    readonly_fields = ("shown_page", "shown_status", "created_at")

    @display(description=_("File"), ordering="file_name")
    def shown_file(self, run: Import) -> str:
        return run.file_name

    @display(description=_("State"), ordering="status")
    def shown_status(self, run: Import) -> SafeString:
        return ui.pill("import", run.status)

    @display(description=_("Imported"), ordering="records_imported")
    def shown_imported(self, run: Import) -> str:
        return words.number(run.records_imported)

    @display(description=_("Rejected"), ordering="records_failed")
    def shown_failed(self, run: Import) -> str:
        return words.number(run.records_failed)

    @display(description=_("By"))
    def shown_by(self, run: Import) -> str:
        return run.created_by.get("label", "")

    @display(description=_("Page"))
    def shown_page(self, run: Import) -> SafeString:
        return format_html('<a href="{}">{}</a>', reverse("etl:import", args=[run.pk]), run.file_name)
