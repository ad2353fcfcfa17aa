"""Proposals of a deal: numbered, kept as files, versions of one number. What is printed in them is made further up."""

from dataclasses import dataclass
from datetime import date, datetime

from django.core.files.base import ContentFile
from django.db import connection, transaction
from django.db.models import Max

from deals.models import Campaign, Proposal
from deals.papers import keep_file
from tracker.events.services import emit
from tracker.lib.actors import Actor, HasActor, actor_of
from tracker.tenants.context import lock_key, tenant_zone


@dataclass(frozen=True)
class Place:
    """Where the next proposal of a deal stands: NLA-P-2026-0061, version 2."""

    year: int
    serial: int
    version: int
    prefix: str

    @property
    def number(self) -> str:
        return f"{self.prefix}-P-{self.year}-{self.serial:04d}"


def next_place(*, campaign: Campaign, prefix: str, at: datetime) -> Place:
    """Return the number and version that the deal's next proposal takes; a deal keeps the number of its first one.

    Call it in the transaction that keeps the proposal: proposals of one house are made one after the other until then.
    The year is that of the house's own clock.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [lock_key("proposals")])
    latest = Proposal.objects.filter(campaign=campaign).order_by("-version").first()
    if latest is not None:
        known = latest.number.removesuffix(f"-P-{latest.year}-{latest.serial:04d}")
        return Place(latest.year, latest.serial, latest.version + 1, known)
    year = at.astimezone(tenant_zone()).year
    last = Proposal.objects.filter(year=year).aggregate(last=Max("serial"))["last"] or 0
    return Place(year, last + 1, 1, prefix)


@transaction.atomic
def keep_proposal(
    *,
    campaign: Campaign,
    place: Place,
    content: bytes,
    digest: str,
    impressions: int,
    gross_cents: int,
    net_cents: int,
    stands_until: date,
    by: HasActor | Actor,
    at: datetime,
) -> Proposal:
    """Keep a printed proposal among the deal's files. Emits deal.proposal_made.

    Amounts in cents of the deal's currency. Raises DomainError("too_many_files"), DomainError("too_large").
    """
    file = ContentFile(content, name=f"{place.number}-v{place.version}.pdf")
    kept = keep_file(campaign=campaign, file=file, by=by, at=at)
    made = Proposal.objects.create(
        campaign=campaign,
        file=kept,
        year=place.year,
        serial=place.serial,
        version=place.version,
        number=place.number,
        currency=campaign.currency,
        impressions=impressions,
        gross_cents=gross_cents,
        net_cents=net_cents,
        stands_until=stands_until,
        digest=digest,
        made_by=actor_of(by).as_json(),
        made_at=at,
    )
    data = {"campaign_id": str(campaign.pk), "number": made.number, "version": made.version}
    figures = {"currency": made.currency, "gross_cents": gross_cents, "net_cents": net_cents}
    more = {"stands_until": stands_until.isoformat(), "digest": digest, "file_id": str(kept.pk)}
    emit("deal.proposal_made", subject=campaign, by=by, at=at, data={**data, **figures, **more})
    return made
