"""What a sponsor or an agency is worth to the house. Amounts are cents of one currency each, never added across."""

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Q, QuerySet, Sum

from deals.models import Campaign
from deals.queries import share
from deals.rules import OPEN_STAGES

Stage = Campaign.Stage


@dataclass(frozen=True)
class Worth:
    """The deals of one currency: open, won, lost, and what they come to. win_rate is 0 to 1; None: nothing closed."""

    currency: str
    open: int
    open_cents: int
    won: int
    won_cents: int
    lost: int
    lost_cents: int

    @property
    def win_rate(self) -> Decimal | None:
        return share(self.won, self.won + self.lost)


def worth_of(deals: QuerySet[Campaign]) -> list[Worth]:
    """Return one line for each currency of these deals, the most deals first, by one statement."""
    is_open, is_won, is_lost = Q(stage__in=OPEN_STAGES), Q(stage=Stage.WON), Q(stage=Stage.LOST)
    rows = (
        deals.order_by()
        .values("currency")
        .annotate(
            deals=Count("pk"),
            open=Count("pk", filter=is_open),
            won=Count("pk", filter=is_won),
            lost=Count("pk", filter=is_lost),
            open_cents=Sum("campaign_value", filter=is_open, default=0),
            won_cents=Sum("campaign_value", filter=is_won, default=0),
            lost_cents=Sum("campaign_value", filter=is_lost, default=0),
        )
        .order_by("-deals", "currency")
    )
    return [
        Worth(
            currency=row["currency"],
            open=row["open"],
            open_cents=row["open_cents"],
            won=row["won"],
            won_cents=row["won_cents"],
            lost=row["lost"],
            lost_cents=row["lost_cents"],
        )
        for row in rows
    ]
