"""The page on which a deal becomes a proposal."""

from uuid import UUID

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from tracker.dashboards.deal import FLAG, find_deal
from tracker.dashboards.proposals.forms import LineForm, ProposalForm
from tracker.dashboards.proposals.plan import offers_for
from tracker.dashboards.proposals.services import make_proposal
from tracker.flags.pages import flag_required
from tracker.lib import words
from tracker.lib.errors import DomainError


@flag_required(FLAG)
@require_http_methods(["GET", "POST"])
def proposal(request: HttpRequest, campaign_id: UUID) -> HttpResponse:
    """Show what can be offered with a first plan; on POST print the plan that was chosen and keep it with the deal."""
    deal = find_deal(request, campaign_id, to_change=True)
    sent = request.POST if request.method == "POST" else None
    now = timezone.now()
    form = ProposalForm(sent, today=words.today(), initial={"promise": deal.name})
    offers = offers_for(deal, list(deal.wanted_podcasts.order_by("title")), at=now)
    lines = [LineForm(offer, sent) for offer in offers]
    problem = ""
    if sent is not None:
        wanted = [line.wanted() for line in lines if line.is_chosen]
        if form.is_valid() and None not in wanted:
            try:
                made = make_proposal(
                    campaign=deal,
                    lines=[line for line in wanted if line is not None],
                    by=request.user,
                    at=now,
                    **form.cleaned_data,
                )
            except DomainError as refusal:
                problem = refusal.message
            else:
                told = {"number": made.number, "version": made.version}
                messages.success(request, _("Proposal %(number)s, version %(version)s made. It is kept below.") % told)
                return HttpResponseRedirect(reverse("desk:deal", args=[deal.pk]) + "#d-proposals")
        problem = problem or _("Some fields need another look; nothing was made yet.")
    chosen = [line for line in lines if line.is_chosen]
    context = {
        **admin.site.each_context(request),
        "title": _("Make a proposal"),
        "is_fullwidth": "1",
        "deal": deal,
        "form": form,
        "lines": lines,
        "problem": problem,
        "suggested_cents": sum(line.offer.gross_cents or 0 for line in chosen) if sent is None else None,
        "commission": (deal.agency or deal.sponsor.agency),
        "has_shows": deal.wanted_podcasts.exists(),
    }
    return render(request, "dashboards/deal_proposal.html", context, status=409 if problem else 200)
