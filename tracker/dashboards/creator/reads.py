"""next_reads: what the hosts read in the coming two weeks, with the code to say."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from bookings.delivery.queries import NextRead, next_reads
from bookings.models import BookingCopy
from metrics.models import Episode, Podcast
from tracker.dashboards.cards import Card
from tracker.dashboards.made_of import LINES
from tracker.dashboards.scope import Scope
from tracker.dashboards.tables import Column, Table

Status = BookingCopy.Status
DAYS = 14
SHOWN = 5


@dataclass(frozen=True)
class Reads:
    """Reads of the next `days` days, the next one first; copies: what is to be said, by booking."""

    reads: list[NextRead]
    show_all: bool = False
    copies: Mapping[UUID, BookingCopy] = field(default_factory=dict)
    days: int = DAYS

    @property
    def shown(self) -> list[tuple[NextRead, BookingCopy | None]]:
        reads = self.reads if self.show_all else self.reads[:SHOWN]
        return [(read, self.copy_of(read)) for read in reads]

    @property
    def hidden(self) -> int:
        return 0 if self.show_all else max(0, len(self.reads) - SHOWN)

    def copy_of(self, read: NextRead) -> BookingCopy | None:
        return self.copies.get(read.booking.pk)


def load(scope: Scope) -> Reads:
    """Three statements: the lines and episodes of the reads, and what is to be said in them."""
    reads = next_reads(podcasts=scope.podcasts, at=scope.at, days=DAYS)
    return Reads(reads, show_all=scope.only_card == NAME, copies=_copies([read.booking.pk for read in reads]))


def _copies(bookings: list[UUID]) -> dict[UUID, BookingCopy]:
    """The approved copy of each booking, else the one that waits; a replaced one is nobody's any more."""
    found = BookingCopy.objects.filter(booking__in=bookings).exclude(status=Status.REPLACED).order_by("number")
    copies: dict[UUID, BookingCopy] = {}
    for copy in found:
        if copy.booking_id not in copies or copies[copy.booking_id].status != Status.APPROVED:
            copies[copy.booking_id] = copy
    return copies


NAME = "next_reads"


def read_json(read: NextRead, copy: BookingCopy | None) -> dict[str, Any]:
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
        "copy_status": copy.status if copy else None,
        "talking_points": copy.talking_points if copy else None,
        "must_say": copy.must_say if copy else None,
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
    Column("copy_status", _("Copy")),
    Column("talking_points", _("Talking points")),
    Column("must_say", _("Must say")),
]


def as_json(data: Reads) -> list[dict[str, Any]]:
    return [read_json(read, data.copy_of(read)) for read in data.reads]


def as_table(data: Reads) -> Table:
    return Table(COLUMNS, [[row[column.key] for column in COLUMNS] for row in as_json(data)])


NEXT_READS = Card(
    name=NAME,
    title=_("Next reads"),
    template="dashboards/creator/reads.html",
    load=load,
    as_table=as_table,
    as_json=as_json,
    width="col-5",
    made_of=[*LINES, Podcast, Episode, BookingCopy],
)
