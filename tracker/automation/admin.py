"""Named jobs: what ran, when it runs, and a way to run it now."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tracker.automation.models import JobRun, JobSchedule
from tracker.automation.registry import all_jobs
from tracker.automation.schedule import is_daily
from tracker.automation.services import request_run
from tracker.automation.tasks import run_requested
from tracker.lib.admin import BaseAdmin, ReadOnlyAdmin
from tracker.tenants.tasks import enqueue


@admin.register(JobRun)
class JobRunAdmin(ReadOnlyAdmin):
    """Every run of every job, and the buttons that start one now."""

    list_display = ("job", "status", "shown_starter", "queued_at", "shown_time", "attempts", "shown_summary")
    list_filter = ("job", "status")
    ordering = ("-queued_at",)
    list_before_template = "admin/automation/jobrun/buttons.html"

    @admin.display(description=gettext_lazy("started by"))
    def shown_starter(self, run: JobRun) -> str:
        return run.started_by.get("label", "")

    @admin.display(description=gettext_lazy("took"))
    def shown_time(self, run: JobRun) -> str:
        return "" if run.took is None else f"{run.took.total_seconds():.1f} s"

    @admin.display(description=gettext_lazy("outcome"))
    def shown_summary(self, run: JobRun) -> str:
        return run.error or run.result.get("summary", "")

    def get_urls(self) -> list[URLPattern]:
        mine = path("run/<slug:job>", self.admin_site.admin_view(self.run_view), name="automation_jobrun_run")
        return [mine, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        jobs = all_jobs() if request.user.has_perm("automation.run_job") else []  # type: ignore[union-attr]
        return super().changelist_view(request, {**(extra_context or {}), "jobs": jobs})

    def run_view(self, request: HttpRequest, job: str) -> HttpResponse:
        """Ask for a run of a job; on POST only, since it changes things."""
        back = HttpResponseRedirect(reverse("admin:automation_jobrun_changelist"))
        if request.method != "POST":
            return back
        if not request.user.has_perm("automation.run_job"):  # type: ignore[union-attr]
            messages.error(request, _("You may not do this."))
            return back
        run = request_run(name=job, by=request.user, at=timezone.now())  # type: ignore[arg-type]
        if run is not None:
            enqueue(run_requested, str(run.pk))
        messages.success(request, _("%(job)s is on its way. Its outcome appears here.") % {"job": job})
        return back


class JobScheduleForm(forms.ModelForm):
    job = forms.ChoiceField(label=gettext_lazy("Job"))

    class Meta:
        model = JobSchedule
        fields = ("job", "is_on", "local_hour")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "job" in self.fields:
            self.fields["job"].choices = [(job.name, job.name) for job in all_jobs()]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        job = given.get("job", self.instance.job)
        if given.get("local_hour") is not None and job not in {
            one["job"] for one in settings.JOB_SCHEDULES if is_daily(one)
        }:
            self.add_error("local_hour", _("%(job)s does not run once a day, so it has no hour.") % {"job": job})
        return given


@admin.register(JobSchedule)
class JobScheduleAdmin(BaseAdmin):
    """The house's own word on scheduled jobs: off, or at another hour of its day."""

    form = JobScheduleForm
    list_display = ("job", "is_on", "local_hour")
    ordering = ("job",)

    def get_readonly_fields(self, request: HttpRequest, obj: JobSchedule | None = None) -> tuple[str, ...]:
        return ("job",) if obj else ()
