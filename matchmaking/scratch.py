"""A scratch tenant for the evaluation: made by the platform, filled with shows, sponsors, placements, and removed.

The profiles are read back through the product's own gathering, so what is measured is what the product does.
"""

import csv
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from uuid import UUID

from django.utils.text import slugify
from django_tenants.utils import get_public_schema_name, schema_context, tenant_context

from bookings.models import AdUnit, InsertionOrder, IOBooking
from deals.models import Campaign, Sponsor
from deals.names import name_key
from matchmaking import evaluation, gather, history, profiles
from matchmaking.evaluation import Case
from metrics.models import Podcast
from tracker.lib.errors import DomainError
from tracker.tenants.models import Tenant
from tracker.tenants.services import create_tenant

PARTED_BY = "|"
BATCH = 1000


@dataclass
class Table:
    """The three files, read. skipped: rows that name an unknown show or sponsor, or nothing."""

    shows: list[dict[str, str]] = field(default_factory=list)
    sponsors: list[dict[str, str]] = field(default_factory=list)
    placements: list[tuple[str, str, date | None]] = field(default_factory=list)
    skipped: int = 0


def read_tables(*, shows: Path, sponsors: Path, placements: Path) -> Table:
    """Read the files of an evaluation; several values in a cell are parted by "|".

    A show or sponsor that stands there twice counts once, so does a placement of one pair on one day. Raises
    DomainError("unreadable") naming the file and the column that is missing.
    """
    table = Table(
        shows=_once(_read(shows, ("slug",)), "slug"),
        sponsors=_once(_read(sponsors, ("key",)), "key"),
    )
    known_shows, known_sponsors = {row["slug"] for row in table.shows}, {row["key"] for row in table.sponsors}
    seen: set[tuple[str, str, date | None]] = set()
    for row in _read(placements, ("show", "sponsor")):
        day = _day(row.get("date", ""))
        for show in _parts(row["show"]):
            for sponsor in _parts(row["sponsor"]):
                if show in known_shows and sponsor in known_sponsors:
                    seen.add((show, sponsor, day))
                else:
                    table.skipped += 1
    table.placements = sorted(seen, key=lambda one: (one[0], one[1], one[2] or date.min))
    return table


@contextmanager
def scratch_tenant() -> Iterator[Tenant]:
    """Make a tenant for the length of a block and remove it whole, also when the block fails."""
    with schema_context(get_public_schema_name()):
        tenant = create_tenant(slug=f"scratch_{secrets.token_hex(6)}", name="Scratch")
    try:
        with tenant_context(tenant):
            yield tenant
    finally:
        with schema_context(get_public_schema_name()):
            tenant.delete(force_drop=True)


def fill(table: Table, *, at: datetime) -> None:
    """Write shows, sponsors and placements into the entered tenant; each placement is a completed booking."""
    shows = {row["slug"]: _show(row, number) for number, row in enumerate(table.shows)}
    sponsors = {row["key"]: _sponsor(row, number) for number, row in enumerate(table.sponsors)}
    Podcast.objects.bulk_create(shows.values(), batch_size=BATCH)
    Sponsor.objects.bulk_create(sponsors.values(), batch_size=BATCH)
    units = {
        slug: AdUnit(podcast=show, name="Placement", position="mid", duration_seconds=60, delivery="dynamic")
        for slug, show in shows.items()
    }
    AdUnit.objects.bulk_create(units.values(), batch_size=BATCH)
    campaigns, orders, bookings = [], [], []
    for show, sponsor, day in table.placements:
        start = datetime.combine(day, time.min, tzinfo=UTC) if day else at
        campaign = Campaign(
            name="Placement",
            sponsor=sponsors[sponsor],
            currency="USD",
            stage=Campaign.Stage.WON,
            stage_changed_at=start,
            closed_at=start,
        )
        order = InsertionOrder(campaign=campaign, currency="USD", time_zone="UTC")
        booking = IOBooking(
            order=order,
            campaign=campaign,
            ad_unit=units[show],
            flight_start=start,
            flight_end=start + timedelta(days=1),
            booked_impressions=0,
            booked_cpm_cents=0,
            gross_cents=0,
            status=IOBooking.Status.COMPLETED,
            status_changed_at=start,
            # Days that the file does not tell are told apart from those it does.
            external_ref="" if day else "undated",
        )
        campaigns.append(campaign)
        orders.append(order)
        bookings.append(booking)
    Campaign.objects.bulk_create(campaigns, batch_size=BATCH)
    InsertionOrder.objects.bulk_create(orders, batch_size=BATCH)
    IOBooking.objects.bulk_create(bookings, batch_size=BATCH)


def read_case(*, at: datetime) -> Case:
    """Read the entered tenant back as the product sees it, without its history."""
    podcasts, buyers = gather.shows(), gather.sponsors()
    texts = gather.texts_of(podcasts)
    model = history.fit_text(texts)
    at_show = {one.pk: index for index, one in enumerate(podcasts)}
    at_sponsor = {one.pk: index for index, one in enumerate(buyers)}
    rows = IOBooking.objects.filter(status__in=gather.PLACED).values_list(
        "campaign__sponsor_id", "ad_unit__podcast_id", "flight_start", "external_ref"
    )
    placed = [
        (at_sponsor[sponsor], at_show[show], None if reference == "undated" else start.date())
        for sponsor, show, start, reference in rows.order_by("io_id")
    ]
    shows, sponsors = evaluation.without_vectors(
        gather.podcast_profiles(podcasts, at=at, vectors=None),
        gather.sponsor_profiles(buyers, at=at, vectors=None),
    )
    return Case(
        # The one ad unit that carries the placements is no inventory to be judged by.
        shows=[_without_inventory(show) for show in shows],
        sponsors=sponsors,
        phi=history.show_vectors(texts, model),
        chi=history.tag_vectors([gather.tags_of(one) for one in buyers]),
        placed=placed,
    )


def _without_inventory(show: profiles.Podcast) -> profiles.Podcast:
    return replace(show, free_by_week=None, cpm_cents=None)


def _show(row: dict[str, str], number: int) -> Podcast:
    title = row.get("title", "").strip() or row["slug"]
    return Podcast(
        # In the order of the file, so that the same files give the same report.
        podcast_id=UUID(int=number + 1),
        title=title[:200],
        slug=f"{slugify(row['slug'])[:100] or 'show'}-{number}",
        description=row.get("description", ""),
        language=row.get("language", "").strip()[:16],
        categories=[category[:80] for category in _parts(row.get("categories", ""))],
    )


def _sponsor(row: dict[str, str], number: int) -> Sponsor:
    name = row.get("name", "").strip() or row["key"]
    return Sponsor(
        sponsor_id=UUID(int=number + 1),
        name=name[:200],
        name_key=f"{name_key(name)[:150]} {number}",
        tags=[tag[:80] for tag in _parts(row.get("tags", ""))],
    )


def _read(path: Path, needed: Sequence[str]) -> list[dict[str, str]]:
    csv.field_size_limit(10_000_000)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            names = [name.strip().casefold() for name in reader.fieldnames or []]
            reader.fieldnames = names
            rows = [{key: (value or "") for key, value in row.items() if key} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise DomainError("unreadable", f"{path} cannot be read: {problem}.") from problem
    for name in needed:
        if name not in names:
            raise DomainError("unreadable", f"{path} has no column {name}; it has {', '.join(names) or 'none'}.")
    return [{key: value.replace("\x00", "") for key, value in row.items()} for row in rows]


def _once(rows: list[dict[str, str]], key: str) -> list[dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        row[key] = row[key].strip()
        if row[key]:
            found.setdefault(row[key], row)
    return list(found.values())


def _parts(cell: str) -> list[str]:
    return [part.strip() for part in cell.split(PARTED_BY) if part.strip()]


def _day(text: str) -> date | None:
    for part in _parts(text)[:1]:
        try:
            return date.fromisoformat(part[:10])
        except ValueError:
            return None
    return None
