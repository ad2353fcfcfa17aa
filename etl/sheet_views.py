"""The page of Google Sheets: with whom to share, which sheets are connected, import one now."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from etl import services
from etl.models import SheetConnection
from etl.profiles import SHIPPED
from etl.profiles.orders import ORDER_PROFILES
from etl.services.orders_file import own_order_profiles
from etl.services.profile_file import own_profiles
from etl.sheets import SheetError, share_address
from etl.tasks import run_imports
from etl.views import import_page
from tracker.lib.errors import DomainError
from tracker.tenants.tasks import enqueue

FLAG = "ENABLE_GOOGLE_SHEETS_IMPORT"
RHYTHMS = [("", _("only by hand")), ("1", _("every hour")), ("6", _("every 6 hours")), ("24", _("once a day"))]


def _profiles() -> list[tuple[str, Any]]:
    """By the header, or by one profile: the house's own first."""
    known = [*own_profiles(), *own_order_profiles(), *SHIPPED, *ORDER_PROFILES]
    return [("", _("what its header says")), *((one.key, one.title) for one in known)]


class ConnectForm(forms.Form):
    spreadsheet_id = forms.CharField(
        label=_("Spreadsheet"),
        max_length=400,
        help_text=_("Its address, or the long part of it between /d/ and /edit."),
    )
    worksheet_name = forms.CharField(label=_("Worksheet"), max_length=100, help_text=_("The tab at the foot."))
    profile = forms.ChoiceField(label=_("Read as"), choices=_profiles, required=False)
    every_hours = forms.TypedChoiceField(
        label=_("Import"), choices=RHYTHMS, coerce=int, empty_value=None, required=False
    )

    def clean_spreadsheet_id(self) -> str:
        """Take the id out of an address that was pasted whole."""
        text = self.cleaned_data["spreadsheet_id"].strip()
        return text.split("/d/", 1)[1].split("/", 1)[0] if "/d/" in text else text


@require_GET
@import_page("etl.view_import", flag=FLAG)
def sheets(request: HttpRequest) -> HttpResponse:
    return _page(request, ConnectForm())


@require_POST
@import_page("etl.add_import", flag=FLAG)
def connect(request: HttpRequest) -> HttpResponse:
    form = ConnectForm(request.POST)
    if form.is_valid():
        try:
            services.connect_sheet(by=request.user, at=timezone.now(), **form.cleaned_data)
            return redirect("etl:sheets")
        except DomainError as refusal:
            field = refusal.details.get("field")
            form.add_error(field if field in form.fields else None, refusal.message)
    return _page(request, form)


@require_POST
@import_page("etl.add_import", flag=FLAG)
def import_sheet(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """Check a connected sheet; the next page imports it."""
    connection = get_object_or_404(SheetConnection, pk=connection_id)
    run = services.start_sheet_import(
        spreadsheet_id=connection.spreadsheet_id,
        worksheet_name=connection.worksheet_name,
        profile=connection.profile,
        answers=connection.answers,
        by=request.user,
        at=timezone.now(),
        dry_run=True,
    )
    enqueue(run_imports)
    return redirect("etl:import", run.pk)


@require_POST
@import_page("etl.add_import", flag=FLAG)
def disconnect(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    connection = get_object_or_404(SheetConnection, pk=connection_id)
    services.disconnect_sheet(connection=connection, by=request.user, at=timezone.now())
    messages.success(request, _("The sheet is disconnected; what was imported from it stays."))
    return redirect("etl:sheets")


def _page(request: HttpRequest, form: ConnectForm) -> HttpResponse:
    shown: dict[str, Any] = {"form": form, "connections": SheetConnection.objects.order_by("created_at")}
    try:
        shown["address"] = share_address()
    except SheetError as missing:
        shown["problem"] = missing.message
    shown["rhythms"] = {int(value): words for value, words in RHYTHMS if value}
    shown["may_import"] = request.user.has_perm("etl.add_import")
    return render(request, "etl/sheets.html", shown)
