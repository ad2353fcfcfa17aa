"""When a sponsor should be asked again: its last flight ends, and nothing is talked about for afterwards."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from django.db.models import Max

from deals.models import Campaign
from deals.rules import OPEN_STAGES

# The talk about what comes next begins so long before the last flight ends.
LEAD_DAYS = 28
# A sponsor whose last flight ended longer ago than this has gone: that is a new deal, not a renewal.
GONE_DAYS = 180


@dataclass(frozen=True)
class Renewal:
    """The last day that is sold to a sponsor, and the day from which it should be asked again."""

    last_day: date
    due_on: date
    is_due: bool
    has_open_deal: bool

    @property
    def needs_a_talk(self) -> bool:
        return self.is_due and not self.has_open_deal


def renewals_of(sponsors: Collection[UUID], *, last_days: Mapping[UUID, date], today: date) -> dict[UUID, Renewal]:
    """Return the renewal of each of these sponsors that something was sold to, by the last day of its flights.

    last_days: the last day that is booked, by sponsor; a won deal's wanted flight counts where nothing is booked. Due
    from LEAD_DAYS before the last day until GONE_DAYS after it; an open deal means that somebody asked already.
    """
    known = {**_wanted_last_days([key for key in sponsors if key not in last_days]), **last_days}
    open_deals = set(
        Campaign.objects.filter(sponsor__in=known, stage__in=OPEN_STAGES).values_list("sponsor_id", flat=True)
    )
    return {
        sponsor: Renewal(
            last_day=last,
            due_on=last - timedelta(days=LEAD_DAYS),
            is_due=last - timedelta(days=LEAD_DAYS) <= today <= last + timedelta(days=GONE_DAYS),
            has_open_deal=sponsor in open_deals,
        )
        for sponsor, last in known.items()
    }


def _wanted_last_days(sponsors: Collection[UUID]) -> dict[UUID, date]:
    won = Campaign.objects.filter(sponsor__in=sponsors, stage=Campaign.Stage.WON, flight_last_day__isnull=False)
    return dict(won.order_by().values_list("sponsor_id").annotate(last=Max("flight_last_day")))
