"""Imports for programs: routes below /api/v1."""

from typing import Any

from django.urls import path
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from etl import queries, services
from etl.models import Import, RowIssue
from etl.services.questions import ASKED
from etl.services.starting import KINDS, check_size
from etl.tasks import run_imports
from etl.unpack import CHOSEN_ENCODINGS
from tracker.api.filters import InstantFilter
from tracker.api.views import TrackerMixin, TrackerView, TrackerViewSet
from tracker.flags.services import is_on
from tracker.lib.errors import DomainError, NotFound
from tracker.tenants.tasks import enqueue

PAGE = 50
MOST_A_PAGE = 200
MOST_PAGES = 1_000_000
MOST_ISSUES = 1_000
# Around the file stand the boundaries and the other fields of the form.
FORM_OVERHEAD = 64 * 1024


class IssueSerializer(serializers.ModelSerializer):
    class Meta:
        model = RowIssue
        fields = ("line", "column", "value", "code", "reason")


class ImportSerializer(serializers.ModelSerializer):
    """An import: what came, what became of it, how far it is."""

    progress = serializers.SerializerMethodField()

    class Meta:
        model = Import
        fields = (
            *("import_id", "status", "records_imported", "records_failed", "error_message"),
            *(
                "source",
                "kind",
                "file_name",
                "created_at",
                "started_at",
                "completed_at",
                "undone_at",
                "metadata",
                "progress",
            ),
        )

    def get_progress(self, run: Import) -> dict[str, int]:
        """How far the worker is: rows and bytes read, rows written, bytes in all, and a percentage."""
        return progress_of(run)


class ImportDetailSerializer(ImportSerializer):
    errors = serializers.SerializerMethodField()

    class Meta(ImportSerializer.Meta):
        fields = (*ImportSerializer.Meta.fields, "errors")

    def get_errors(self, run: Import) -> list[dict[str, Any]]:
        """The first thousand cells that could not be taken: line, column, value, code, reason."""
        return IssueSerializer(queries.issues_of(run)[:MOST_ISSUES], many=True).data


# What the services check and name: told here, so that a wrong one need not be sent to be found out.
@extend_schema_field({"type": "string", "pattern": f"^({'|'.join(KINDS)})?$"})
class KindField(serializers.CharField):
    """What a file holds."""


@extend_schema_field({"type": "string", "pattern": f"^(utf-8|{'|'.join(CHOSEN_ENCODINGS)})?$"})
class EncodingField(serializers.CharField):
    """In what a file is written."""


@extend_schema_field({"type": "string", "pattern": "^[A-Za-z0-9_-]{1,120}$"})
class SheetIdField(serializers.CharField):
    """A spreadsheet by its id."""


class UploadSerializer(serializers.Serializer):
    file = serializers.FileField(allow_empty_file=True)
    kind = KindField(required=False, allow_blank=True, default="", help_text="without it: by the file's header")
    dry_run = serializers.BooleanField(required=False, default=False, help_text="tell what would change, write nothing")
    strict = serializers.BooleanField(required=False, default=False, help_text="one bad row refuses the whole file")
    podcast_id = serializers.UUIDField(required=False, help_text="a host's file: which show it is about")
    as_of = serializers.DateField(required=False, help_text="a host's file: as of which day it counts")
    day_first = serializers.ChoiceField(choices=["day", "month"], required=False, help_text="what 3/9 begins with")
    episode_id = serializers.CharField(
        required=False, max_length=36, help_text="a host's file of days: which episode, or show for the whole show"
    )
    span = serializers.ChoiceField(choices=["all", "some"], required=False, help_text="whether it counts all time")
    time_zone = serializers.CharField(required=False, max_length=64, help_text="of times without an offset")
    currency = serializers.RegexField(r"^[A-Z]{3}$", required=False, help_text="of its money, for example EUR")
    sponsor_id = serializers.UUIDField(required=False, help_text="a report of sales: which advertiser it is from")
    revision = serializers.IntegerField(required=False, min_value=0, max_value=999_999, help_text="of an order's file")
    encoding = EncodingField(required=False, allow_blank=True, default="", help_text="when it is not UTF-8")


class HistorySerializer(serializers.Serializer):
    imports = ImportSerializer(many=True)
    next = serializers.URLField(allow_null=True)


def progress_of(run: Import) -> dict[str, int]:
    """Return how far a run is. Reading counts for the first half, writing for the second."""
    if run.is_finished:
        percent = 100
    else:
        read = run.bytes_read / run.file_size if run.file_size else 0
        wrote = run.rows_written / run.rows_read if run.rows_read and read >= 1 else 0
        percent = min(99, int(50 * min(read, 1) + 50 * min(wrote, 1)))
    return {
        "percent": percent,
        "rows_read": run.rows_read,
        "rows_written": run.rows_written,
        "bytes_read": run.bytes_read,
        "bytes_total": run.file_size,
    }


class UploadView(TrackerView):
    """Send a CSV file; a worker reads it. The answer says where to ask how it went."""

    flag = "ENABLE_ETL_CSV_UPLOAD"
    scope = "etl"
    permission = "etl.add_import"
    parser_classes = [MultiPartParser]

    @extend_schema(request={"multipart/form-data": UploadSerializer}, responses={202: ImportSerializer})
    def post(self, request: Request) -> Response:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isdigit():
            check_size(max(0, int(length) - FORM_OVERHEAD))
        form = UploadSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        given = dict(form.validated_data)
        by_id = ("podcast", "episode", "sponsor")
        asked = {name: f"{name}_id" if name in by_id else name for name in ASKED}
        answers = {name: str(given.pop(field)) for name, field in asked.items() if field in given}
        run = services.start_import(by=self.actor, at=self.now, answers=answers, **given)
        enqueue(run_imports)
        return Response(ImportSerializer(run).data, status=202)


class SheetSerializer(serializers.Serializer):
    spreadsheet_id = SheetIdField(max_length=120, help_text="the long part of the sheet's address")
    worksheet_name = serializers.CharField(max_length=100)
    kind = KindField(required=False, allow_blank=True, default="")
    dry_run = serializers.BooleanField(required=False, default=False)


class GoogleSheetsView(TrackerView):
    """Import a worksheet of a Google sheet that is shared with the house's service account."""

    flag = "ENABLE_GOOGLE_SHEETS_IMPORT"
    scope = "etl"
    permission = "etl.add_import"

    @extend_schema(request=SheetSerializer, responses={202: ImportSerializer})
    def post(self, request: Request) -> Response:
        form = SheetSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        run = services.start_sheet_import(by=self.actor, at=self.now, **form.validated_data)
        enqueue(run_imports)
        return Response(ImportSerializer(run).data, status=202)


class ImportReadView(TrackerMixin):
    """Reading about imports is open when either way in is."""

    @property
    def flag(self) -> str | None:  # type: ignore[override]
        return None if is_on("ENABLE_GOOGLE_SHEETS_IMPORT") else "ENABLE_ETL_CSV_UPLOAD"


class StatusView(ImportReadView, TrackerView):
    """How one import stands, with its progress and the rows that could not be taken."""

    scope = "etl"
    permission = "etl.view_import"

    @extend_schema(responses=ImportDetailSerializer)
    def get(self, request: Request, import_id: str) -> Response:
        run = Import.objects.filter(pk=import_id).first()
        if run is None:
            raise NotFound("import_not_found", "There is no such import here.")
        return Response(ImportDetailSerializer(run).data)


class HistoryView(ImportReadView, TrackerView):
    """All imports, newest first: 50 a page, 200 at most."""

    scope = "etl"
    permission = "etl.view_import"

    @extend_schema(
        parameters=[
            OpenApiParameter("page", {"type": "integer", "minimum": 1, "maximum": MOST_PAGES}, description="from 1"),
            OpenApiParameter("page_size", {"type": "integer", "minimum": 1, "maximum": MOST_A_PAGE}),
        ],
        responses=HistorySerializer,
    )
    def get(self, request: Request) -> Response:
        page, size = _number(request, "page", 1, MOST_PAGES), _number(request, "page_size", PAGE, MOST_A_PAGE)
        start = (page - 1) * size
        found = list(queries.import_history()[start : start + size + 1])
        following = None
        if len(found) > size:
            query = request.GET.copy()
            query["page"] = str(page + 1)
            following = request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
        return Response({"imports": ImportSerializer(found[:size], many=True).data, "next": following})


def _number(request: Request, name: str, default: int, most: int) -> int:
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= most:
        raise DomainError("invalid", f"{name} is a whole number from 1 to {most}.", status=400, field=name)
    return int(text)


class ImportFilter(filters.FilterSet):
    started_after = InstantFilter(field_name="created_at", lookup_expr="gte")

    class Meta:
        model = Import
        fields = ("status", "source", "kind", "is_dry_run", "started_after")


class ImportViewSet(ImportReadView, RetrieveModelMixin, ListModelMixin, TrackerViewSet):
    """Imports, newest first; one is begun by `POST /etl/upload` or `/etl/google-sheets`."""

    scope = "etl"
    permission = {
        "list": "etl.view_import",
        "retrieve": "etl.view_import",
        "cancel": "etl.add_import",
        "undo": "etl.add_import",
    }
    queryset = Import.objects.order_by("-import_id")
    ordering_fields = {"created_at": "created_at", "records_failed": "records_failed"}
    serializer_class = ImportSerializer
    filterset_class = ImportFilter
    lookup_field = "import_id"
    lookup_value_converter = "uuid"

    @extend_schema(request=None, responses=ImportSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, import_id: str) -> Response:
        """Stop an import that has not ended; nothing of it stays."""
        return self.answer(services.cancel_import(import_run=self.get_object(), by=self.actor, at=self.now))

    @extend_schema(request=None, responses=ImportSerializer)
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, import_id: str) -> Response:
        """Take back what a completed import brought, exactly."""
        return self.answer(services.undo_import(import_run=self.get_object(), by=self.actor, at=self.now))


router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("imports", ImportViewSet, basename="import")

urlpatterns = [
    *router.urls,
    path("etl/upload", UploadView.as_view()),
    path("etl/google-sheets", GoogleSheetsView.as_view()),
    path("etl/status/<uuid:import_id>", StatusView.as_view()),
    path("etl/history", HistoryView.as_view()),
]
