"""audience_fit_summary: the shows that fit an advertiser best, with score, signals, reasons and how much is known."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Avg
from django.utils.translation import gettext_lazy as _

from bookings.models import AdUnit
from deals.models import Sponsor
from matchmaking.models import Match, PackedPair, Weights
from matchmaking.queries import SIGNAL_NAMES, SignalLine, best_matches, is_unknown, shut_out, signal_lines
from metrics.models import Podcast
from tracker.dashboards.cards import Card
from tracker.dashboards.scope import Scope
from tracker.dashboards.tables import Column, Table

SHOWN = 5
KEPT = 20


@dataclass(frozen=True)
class Line:
    match: Match
    rate_cents: int | None

    @property
    def confidence_pct(self) -> Decimal:
        return self.match.confidence * 100


@dataclass(frozen=True)
class Fit:
    """The best shows of one advertiser, the best first; empty before a run, or while too little is known.

    signals: the six of the best show, with their weights; not_eligible: {reason: how many shows}; is_unknown: whether
    the list is empty because nothing that speaks of fit is known of the advertiser.
    """

    lines: list[Line]
    signals: list[SignalLine]
    not_eligible: dict[str, int]
    has_sponsor: bool
    is_unknown: bool = False

    @property
    def shown(self) -> list[Line]:
        return self.lines[:SHOWN]

    @property
    def best(self) -> Line | None:
        return self.lines[0] if self.lines else None

    @property
    def calculated_at(self) -> datetime | None:
        return max((line.match.updated_at for line in self.lines), default=None)

    @property
    def shut_out(self) -> int:
        return sum(self.not_eligible.values())


def load(scope: Scope) -> Fit:
    """Four statements: the matches with their shows, the rate cards, the weights, who is shut out."""
    if scope.sponsor is None:
        return Fit([], [], {}, has_sponsor=False)
    matches = list(best_matches(advertiser_id=scope.sponsor.pk, limit=KEPT))
    rates = _rates([match.podcast_id for match in matches])
    return Fit(
        lines=[Line(match, rates.get(match.podcast_id)) for match in matches],
        signals=signal_lines(matches[0].signals) if matches else [],
        not_eligible=shut_out(advertiser_id=scope.sponsor.pk),
        has_sponsor=True,
        is_unknown=not matches and is_unknown(advertiser_id=scope.sponsor.pk),
    )


def _rates(podcasts: list[UUID]) -> dict[UUID, int]:
    """What the ad units of each show ask for a thousand downloads, in the middle."""
    rows = AdUnit.objects.filter(podcast__in=podcasts, is_active=True, rate_cpm_cents__isnull=False)
    found = rows.order_by().values_list("podcast_id").annotate(rate=Avg("rate_cpm_cents"))
    return {podcast_id: round(rate) for podcast_id, rate in found}


def as_json(data: Fit) -> list[dict[str, Any]]:
    return [
        {
            "match_id": str(line.match.pk),
            "podcast_id": str(line.match.podcast_id),
            "podcast": line.match.podcast.title,
            "score": float(line.match.score),
            "confidence": float(line.match.confidence),
            "rationale": line.match.rationale,
            "signals": line.match.signals,
            "rate_cpm_cents": line.rate_cents,
            "calculated_at": line.match.updated_at.isoformat(),
        }
        for line in data.lines
    ]


COLUMNS = [
    Column("podcast_id", _("Show id")),
    Column("podcast", _("Show")),
    Column("score", _("Score"), "number"),
    Column("confidence", _("Has data"), "share"),
    *(Column(name, label, "number") for name, label in SIGNAL_NAMES.items()),
    Column("rate_cpm_cents", _("CPM"), "cents"),
    Column("rationale", _("Why")),
]


def as_table(data: Fit) -> Table:
    rows = [
        [
            line.match.podcast_id,
            line.match.podcast.title,
            line.match.score,
            line.match.confidence,
            *(line.match.signals.get(name) for name in SIGNAL_NAMES),
            line.rate_cents,
            line.match.rationale,
        ]
        for line in data.lines
    ]
    return Table(COLUMNS, rows)


AUDIENCE_FIT = Card(
    name="audience_fit_summary",
    title=_("Audience fit"),
    template="dashboards/advertiser/fit.html",
    load=load,
    as_table=as_table,
    as_json=as_json,
    flag="ENABLE_MATCHMAKING",
    made_of=[Match, Weights, PackedPair, Podcast, Sponsor, AdUnit],
)
