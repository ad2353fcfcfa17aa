"""next_reads: what the hosts read in the coming two weeks, with the code to say."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from bookings.delivery.queries import NextRead, next_reads
from tracker.dashboards.cards import Card
from tracker.dashboards.scope import Scope
from tracker.dashboards.tables import Column, Table

DAYS = 14
SHOWN = 5


@dataclass(frozen=True)
class Reads:
    """Reads of the next `days` days, the next one first."""

    reads: list[NextRead]
    show_all: bool = False
    days: int = DAYS

    @property
    def shown(self) -> list[NextRead]:
        return self.reads if self.show_all else self.reads[:SHOWN]

    @property
    def hidden(self) -> int:
        return len(self.reads) - len(self.shown)


def load(scope: Scope) -> Reads:
    return Reads(next_reads(podcasts=scope.podcasts, at=scope.at, days=DAYS), show_all=scope.only_card == NAME)


NAME = "next_reads"


def read_json(read: NextRead) -> dict[str, Any]:
    booking = read.booking
    return {
        "on": read.on.isoformat(),
        "io_id": str(booking.pk),
        "podcast": booking.ad_unit.podcast.title,
        "advertiser": booking.campaign.sponsor.name,
        "ad_unit": booking.ad_unit.name,
        "episode": str(read.episode) if read.episode else None,
        "duration_seconds": booking.ad_unit.duration_seconds,
        "promo_code": read.promo_code,
        "vanity_url": booking.vanity_url,
        "is_makegood": read.is_makegood,
    }


COLUMNS = [
    Column("on", _("Day")),
    Column("advertiser", _("Sponsor")),
    Column("podcast", _("Show")),
    Column("episode", _("Episode")),
    Column("ad_unit", _("Ad unit")),
    Column("duration_seconds", _("Seconds"), "number"),
    Column("promo_code", _("Code")),
    Column("vanity_url", _("Link")),
]


def as_json(data: Reads) -> list[dict[str, Any]]:
    return [read_json(read) for read in data.reads]


def as_table(data: Reads) -> Table:
    return Table(COLUMNS, [[read_json(read)[column.key] for column in COLUMNS] for read in data.reads])


NEXT_READS = Card(
    name=NAME,
    title=_("Next reads"),
    template="dashboards/creator/reads.html",
    load=load,
    as_table=as_table,
    as_json=as_json,
    width="col-5",
)
