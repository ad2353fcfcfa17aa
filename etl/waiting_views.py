"""The queue: rows of unknown episodes or codes and lines of orders that wait for a person. One click each."""

from collections import defaultdict
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Max, Min, TextField
from django.db.models.functions import Cast
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from bookings.models import AdUnit
from deals.models import Campaign
from etl import queries, services
from etl.matching import name_key
from etl.models import WaitingRow
from etl.services.sales_file import UNKNOWN_CODE
from etl.views import import_page
from metrics.models import Episode, Podcast
from metrics.queries import shows_in_order
from tracker.lib.errors import DomainError

A_PAGE = 25
MOST_CHOICES = 300
Kind = WaitingRow.Kind


@require_GET
@import_page("etl.view_import")
def waiting(request: HttpRequest) -> HttpResponse:
    """What waits, one entry for each name of a file, with what there is to choose from."""
    grouped = (
        queries.waiting_rows()
        .order_by()
        .values("import_run", "kind", "code", "name", "show")
        .annotate(
            first=Min(Cast("row_id", TextField())),
            rows=Count("pk"),
            line=Min("line"),
            newest=Max("import_run__created_at"),
        )
        .order_by("-newest", "line")
    )
    page = Paginator(grouped, A_PAGE).get_page(request.GET.get("page"))
    firsts = WaitingRow.objects.select_related("import_run").in_bulk([one["first"] for one in page])
    entries = [{"row": firsts[UUID(one["first"])], "rows": one["rows"]} for one in page]
    return render(
        request,
        "etl/waiting.html",
        {
            "page": page,
            "entries": _with_choices(entries),
            "shows": shows_in_order(),
            "may_import": request.user.has_perm("etl.add_import"),
        },
    )


def _with_choices(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add what there is to choose from: one question to the database for each kind of choice, however many wait."""
    codes = {entry["row"].code for entry in entries}
    deals = Campaign.objects.filter(stage__in=("won", "negotiation")).order_by("-stage_changed_at")[:MOST_CHOICES]
    units = AdUnit.objects.filter(is_active=True).select_related("podcast")
    choices = {
        "unknown_deal": ("deals", list(deals) if "unknown_deal" in codes else []),
        "unknown_ad_unit": (
            "units",
            list(units.order_by("podcast__title", "position", "name")[:MOST_CHOICES])
            if "unknown_ad_unit" in codes
            else [],
        ),
    }
    shows = {show.pk: show for show in Podcast.objects.only("podcast_id", "title")}
    by_title = {name_key(show.title): show for show in shows.values()}
    for entry in entries:
        row = entry["row"]
        if row.code in choices:
            name, found = choices[row.code]
            entry[name] = found
        elif row.code not in ("order_sent", UNKNOWN_CODE):
            chosen = row.import_run.metadata.get("answers", {}).get("podcast")
            entry["podcast"] = shows.get(UUID(chosen)) if chosen else by_title.get(name_key(row.show or "\0"))
    wanted = {entry["podcast"].pk for entry in entries if entry.get("podcast")}
    episodes: dict[UUID, list[Episode]] = defaultdict(list)
    for episode in Episode.objects.filter(podcast__in=wanted).order_by("-drops_at", "title")[: MOST_CHOICES * A_PAGE]:
        if len(episodes[episode.podcast_id]) < MOST_CHOICES:
            episodes[episode.podcast_id].append(episode)
    for entry in entries:
        if entry.get("podcast"):
            entry["episodes"] = episodes[entry["podcast"].pk]
    return entries


@require_POST
@import_page("etl.add_import")
def decide(request: HttpRequest, row_id: UUID) -> HttpResponse:
    """Take the rows of one name with what was chosen, or leave them out."""
    row = get_object_or_404(WaitingRow.objects.select_related("import_run"), pk=row_id)
    try:
        if request.POST.get("act") == "leave":
            rows = list(queries.waiting_rows().filter(import_run=row.import_run, code=row.code, name=row.name))
            services.dismiss_rows(rows=rows, by=request.user, at=timezone.now())
            messages.success(request, _("These rows are left out."))
        else:
            taken = _taken(request, row)
            words = ngettext("%(rows)s row was taken.", "%(rows)s rows were taken.", taken) % {"rows": taken}
            messages.success(request, words)
    except DomainError as refusal:
        messages.error(request, refusal.message)
    except ValueError:
        messages.error(request, _("Choose one of the list."))
    return redirect("etl:waiting")


def _taken(request: HttpRequest, row: WaitingRow) -> int:
    chosen = request.POST.get("choice", "")
    act: dict[str, Any] = {"by": request.user, "at": timezone.now()}
    if row.kind == Kind.EPISODE:
        show = request.POST.get("podcast", "")
        return services.link_episode(
            import_run=row.import_run,
            name=row.name,
            episode_id=UUID(chosen) if chosen else None,
            podcast=Podcast.objects.filter(pk=UUID(show)).first() if show else None,
            **act,
        )
    if row.kind == Kind.REDEMPTION:
        show = Podcast.objects.filter(pk=UUID(chosen)).first() if chosen else None
        return services.answer_code(row=row, podcast=show, **act)
    found: Any = None
    if chosen:
        model: Any = {"unknown_deal": Campaign, "unknown_ad_unit": AdUnit}.get(row.code, Episode)
        found = get_object_or_404(model, pk=UUID(chosen))
    name = {"unknown_deal": "campaign", "unknown_ad_unit": "ad_unit"}.get(row.code, "episode")
    return services.answer_lines(row=row, **{name: found}, **act)
