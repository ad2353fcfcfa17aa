"""Making a proposal: read, price, print, keep. One act, one event."""

from collections.abc import Sequence
from datetime import date, datetime

from django.db import transaction
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from bookings import pdf
from bookings.numbering import default_prefix
from bookings.queries.house import order_profile
from bookings.typesetter import LOGO, ORDER_SHEET, PROPOSAL_SHEET
from deals.models import Campaign, Proposal
from deals.proposals import keep_proposal, next_place
from tracker.dashboards.proposals.document import ProposalDocument
from tracker.dashboards.proposals.gather import WantedLine, document_of
from tracker.dashboards.proposals.paper import paper_context
from tracker.lib.actors import Actor, HasActor
from tracker.lib.errors import DomainError

MOST_LINES = 60


@transaction.atomic
def make_proposal(
    *,
    campaign: Campaign,
    lines: Sequence[WantedLine],
    promise: str,
    lead: str,
    stands_until: date,
    by: HasActor | Actor,
    at: datetime,
) -> Proposal:
    """Print a media plan for a deal and keep it among its files, as the next version of the deal's proposal.

    Emits deal.proposal_made. Raises DomainError("nothing_planned"), DomainError("too_many_lines"), and
    DomainError("pdf_unavailable") with the remedy when Pango is missing (no number is taken then).
    """
    if not lines:
        raise DomainError("nothing_planned", _("Choose at least one line for the plan."))
    if len(lines) > MOST_LINES:
        raise DomainError("too_many_lines", _("A plan holds %(most)s lines at most.") % {"most": MOST_LINES})
    pdf.require()
    prefix = order_profile().number_prefix or default_prefix()
    place = next_place(campaign=campaign, prefix=prefix, at=at)
    document = document_of(
        campaign,
        lines,
        number=place.number,
        version=place.version,
        promise=promise,
        lead=lead,
        stands_until=stands_until,
        at=at,
    )
    totals = document.totals
    return keep_proposal(
        campaign=campaign,
        place=place,
        content=printed(document),
        digest=document.digest,
        impressions=document.impressions,
        gross_cents=totals.gross_cents,
        net_cents=totals.net_cents,
        stands_until=stands_until,
        by=by,
        at=at,
    )


def printed(document: ProposalDocument) -> bytes:
    """Return the plan as a tagged PDF in the house's brand. Equal documents of one brand give equal bytes."""
    profile = order_profile()
    logo = bytes(profile.logo_png) if profile.logo_png else None
    context = paper_context(document, brand_colour=profile.brand_colour)
    context |= {"logo": LOGO if logo else "", "is_us_letter": profile.is_us_letter}
    html = render_to_string("dashboards/proposal.html", context)
    identifier = f"{document.number}-{document.version}"
    return pdf.written(html, identifier=identifier, sheets=(ORDER_SHEET, PROPOSAL_SHEET), logo_png=logo)
