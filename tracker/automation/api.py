"""The partner API of this app: start a job, follow its run."""

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.api.views import TrackerMixin, TrackerView
from tracker.automation.models import JobRun
from tracker.automation.registry import all_jobs, job_named
from tracker.automation.services import request_run, run_job
from tracker.automation.tasks import run_all_requested, run_requested
from tracker.tenants.tasks import enqueue

FLAG = "ENABLE_AUTOMATION_JOBS"


class JobRunSerializer(serializers.ModelSerializer):
    class Meta:
        model = JobRun
        fields = ("run_id", "job", "status", "tick", "queued_at", "started_at", "finished_at", "result", "error")
        read_only_fields = fields


class JobRunsSerializer(serializers.Serializer):
    runs = JobRunSerializer(many=True)


class JobView(TrackerView):
    """Run one named job of this tenant."""

    flag = FLAG
    scope = "automation"
    permission = "automation.run_job"
    job: str

    @extend_schema(request=None, responses={200: JobRunSerializer, 202: JobRunSerializer})
    def post(self, request: Request) -> Response:
        if not job_named(self.job).is_long:
            run = run_job(name=self.job, by=self.actor, at=self.now)
            return Response(JobRunSerializer(run).data)
        queued = request_run(name=self.job, by=self.actor, at=self.now)
        assert queued is not None
        enqueue(run_requested, str(queued.pk))
        return Response(JobRunSerializer(queued).data, status=202)


class RunAllView(TrackerView):
    """Run every named job of this tenant, one after the other; each run can be followed."""

    flag = FLAG
    scope = "automation"
    permission = "automation.run_job"

    @extend_schema(request=None, responses={202: JobRunsSerializer})
    def post(self, request: Request) -> Response:
        runs = [request_run(name=job.name, by=self.actor, at=self.now) for job in all_jobs()]
        enqueue(run_all_requested, [str(run.pk) for run in runs if run is not None])
        return Response({"runs": JobRunSerializer(runs, many=True).data}, status=202)


class RunListView(TrackerMixin, ListAPIView):
    """The runs of this tenant's jobs, newest first."""

    flag = FLAG
    scope = "automation"
    serializer_class = JobRunSerializer
    queryset = JobRun.objects.order_by("-run_id")
    ordering = "-run_id"
    ordering_fields = {"queued_at": "queued_at", "job": "job"}
    filterset_fields = ("job", "status")


class RunView(TrackerMixin, RetrieveAPIView):
    """One run: how far it is and what came of it."""

    flag = FLAG
    scope = "automation"
    serializer_class = JobRunSerializer
    queryset = JobRun.objects.all()
    lookup_field = "run_id"


urlpatterns = [
    *(
        path(f"automation/{name}", type(f"{name.title().replace('-', '')}View", (JobView,), {"job": name}).as_view())
        for name in ("etl-health-check", "recalculate-matches", "refresh-metrics-daily", "pipeline-alerts")
    ),
    path("automation/run-all", RunAllView.as_view()),
    path("automation/runs", RunListView.as_view()),
    path("automation/runs/<uuid:run_id>", RunView.as_view()),
]
