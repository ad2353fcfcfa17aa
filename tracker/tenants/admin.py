"""The platform's own admin: the tenants, their host names, and the schedule of beat."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from tracker.lib.admin import BaseAdmin, platform_admin
from tracker.lib.errors import DomainError
from tracker.tenants.erasure import GRACE_DAYS, keep_after_all, schedule_deletion
from tracker.tenants.models import Domain, Tenant
from tracker.tenants.provisioning import export_requested, exports_of, provision_requested
from tracker.tenants.services import request_tenant, set_tenant_status
from tracker.tenants.tasks import enqueue


class TenantForm(forms.ModelForm):
    class Meta:
        model = Tenant
        fields = ("schema_name", "name", "currency", "time_zone", "admin_email", "detail_kept_months")
        labels = {"schema_name": gettext_lazy("Slug")}


@admin.register(Tenant, site=platform_admin)
class TenantAdmin(BaseAdmin):
    """The houses. A new one is made by a task in the background; its status tells how far it is."""

    form = TenantForm
    list_display = ("name", "schema_name", "shown_address", "status", "status_note", "currency", "time_zone")
    list_filter = ("status",)
    search_fields = ("name", "schema_name")
    ordering = ("schema_name",)
    actions = ("suspend", "reopen", "try_again", "export", "delete_after_grace", "keep")

    @admin.display(description=gettext_lazy("address"))
    def shown_address(self, tenant: Tenant) -> str:
        return tenant.address

    def get_fields(self, request: HttpRequest, obj: Tenant | None = None) -> tuple[str, ...]:
        new = ("schema_name", "name", "currency", "time_zone", "admin_email")
        if obj is None:
            return new
        return (*new, "detail_kept_months", "status", "status_note", "erase_after", "created_at", "shown_exports")

    def get_readonly_fields(self, request: HttpRequest, obj: Tenant | None = None) -> tuple[str, ...]:
        if obj is None:
            return ()
        return ("schema_name", "admin_email", "status", "status_note", "erase_after", "created_at", "shown_exports")

    @admin.display(description=gettext_lazy("exports"))
    def shown_exports(self, tenant: Tenant) -> str:
        links = [
            (reverse("platform_admin:tenants_tenant_export", args=[tenant.slug, archive.name]), archive.name)
            for archive in sorted(exports_of(tenant.slug).glob("*.tar"), reverse=True)
        ]
        return format_html_join(mark_safe("<br>"), '<a href="{}">{}</a>', links) or _("none")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.export_view)
        mine = path("<slug:slug>/exports/<str:name>", view, name="tenants_tenant_export")
        return [mine, *super().get_urls()]

    def export_view(self, request: HttpRequest, slug: str, name: str) -> FileResponse:
        """Hand an archive over. The name is looked up among those that are there, never joined to a path."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        found = [archive for archive in exports_of(slug).glob("*.tar") if archive.name == name]
        if not found or not Tenant.objects.filter(schema_name=slug).exists():
            raise Http404
        return FileResponse(found[0].open("rb"), as_attachment=True, filename=name)

    def has_delete_permission(self, request: HttpRequest, obj: Tenant | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Tenant, form: TenantForm, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        given = dict(form.cleaned_data)
        tenant = request_tenant(slug=given.pop("schema_name"), **given)
        obj.__dict__.update(tenant.__dict__)
        enqueue(provision_requested, tenant.slug)
        messages.info(
            request, _("%(name)s is being made. Its status changes to active in a moment.") % {"name": tenant}
        )

    @admin.action(description=gettext_lazy("Suspend: every page and call answers 403"), permissions=["change"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[Tenant]) -> None:
        self._move(request, queryset.filter(is_platform=False), Tenant.Status.SUSPENDED)

    @admin.action(description=gettext_lazy("Open again"), permissions=["change"])
    def reopen(self, request: HttpRequest, queryset: QuerySet[Tenant]) -> None:
        self._move(request, queryset.filter(status=Tenant.Status.SUSPENDED), Tenant.Status.ACTIVE)

    @admin.action(description=gettext_lazy("Try again to make it"), permissions=["change"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[Tenant]) -> None:
        waiting = queryset.filter(status__in=[Tenant.Status.FAILED, Tenant.Status.PROVISIONING])
        for tenant in waiting:
            enqueue(provision_requested, tenant.slug)

    @admin.action(description=gettext_lazy("Export: data, files and manifest as one archive"), permissions=["change"])
    def export(self, request: HttpRequest, queryset: QuerySet[Tenant]) -> None:
        for tenant in queryset.exclude(status__in=[Tenant.Status.PROVISIONING, Tenant.Status.FAILED]):
            enqueue(export_requested, tenant.slug)
            messages.info(request, _("The archive of %(name)s appears on its page in a moment.") % {"name": tenant})

    @admin.action(
        description=gettext_lazy("Delete: close it now, erase it after %(days)d days") % {"days": GRACE_DAYS},
        permissions=["change"],
    )
    def delete_after_grace(self, request: HttpRequest, queryset: QuerySet[Tenant]) -> None:
        self._each(request, queryset, lambda tenant: schedule_deletion(tenant=tenant, at=timezone.now()))

    @admin.action(description=gettext_lazy("Keep after all: take a deletion back"), permissions=["change"])
    def keep(self, request: HttpRequest, queryset: QuerySet[Tenant]) -> None:
        self._each(request, queryset, lambda tenant: keep_after_all(tenant=tenant))

    def _move(self, request: HttpRequest, queryset: QuerySet[Tenant], to: Tenant.Status) -> None:
        self._each(request, queryset, lambda tenant: set_tenant_status(tenant=tenant, to=to))

    def _each(self, request: HttpRequest, queryset: QuerySet[Tenant], act: Callable[[Tenant], Tenant]) -> None:
        for tenant in queryset:
            try:
                act(tenant)
            except DomainError as refusal:
                messages.error(request, f"{tenant}: {refusal.message}")


@admin.register(Domain, site=platform_admin)
class DomainAdmin(BaseAdmin):
    """Host names that lead to a tenant: its own below the bare host, and custom ones."""

    list_display = ("domain", "tenant", "is_primary")
    list_select_related = ("tenant",)
    search_fields = ("domain",)
    ordering = ("domain",)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "domain":
            field.help_text = _("In small letters, without a port. Add it once its owner has proved that it is theirs.")
        return field


@admin.register(PeriodicTask, site=platform_admin)
class PeriodicTaskAdmin(BaseAdmin):
    """When dispatchers look. What they ask for runs once for each tenant, job and tick."""

    list_display = ("name", "enabled", "crontab", "interval", "last_run_at")
    list_select_related = ("crontab", "interval")
    ordering = ("name",)
    fields = ("name", "enabled", "crontab", "interval")
    readonly_fields = ("name",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: PeriodicTask | None = None) -> bool:
        return False


@admin.register(CrontabSchedule, site=platform_admin)
class CrontabAdmin(BaseAdmin):
    list_display = ("__str__",)
    ordering = ("hour", "minute")


@admin.register(IntervalSchedule, site=platform_admin)
class IntervalAdmin(BaseAdmin):
    list_display = ("__str__",)
    ordering = ("every",)
