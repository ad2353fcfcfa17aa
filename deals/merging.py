"""One advertiser, many spellings: two sponsors become one, by a person's word alone, and apart again."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from deals.models import Campaign, Contact, Sponsor, SponsorMerge
from tracker.events.services import emit
from tracker.lib.actors import Actor, HasActor, actor_of
from tracker.lib.errors import Conflict, DomainError


@transaction.atomic
def merge_sponsors(*, keep: Sponsor, merge: Sponsor, by: HasActor | Actor, at: datetime) -> SponsorMerge:
    """Let `keep` take over deals, contacts and brands of `merge`, whose name becomes an alias. Nothing is deleted.

    Bookings follow their deals. What went over is written down, so that undo_merge can give it back.
    Emits sponsor.merged. Raises DomainError("same_sponsor"), Conflict("already_merged").
    """
    if keep.pk == merge.pk:
        raise DomainError("same_sponsor", _("A sponsor cannot be merged with itself."))
    # Locked in one order, whoever is kept, so that two merges of a pair wait instead of tying a knot.
    keep, merge = _locked(keep.pk, merge.pk)
    for sponsor in (keep, merge):
        if sponsor.merged_into_id:
            raise Conflict("already_merged", _("%(name)s was merged already.") % {"name": sponsor})
    campaigns = list(Campaign.objects.filter(sponsor=merge).values_list("pk", flat=True))
    contacts = list(Contact.objects.filter(sponsor=merge).values_list("pk", flat=True))
    known = {name.casefold() for name in (keep.name, *keep.aliases)}
    aliases = [name for name in dict.fromkeys((merge.name, *merge.aliases)) if name.casefold() not in known]
    brands = [brand for brand in merge.brands if brand.casefold() not in {own.casefold() for own in keep.brands}]
    Campaign.objects.filter(pk__in=campaigns).update(sponsor=keep, updated_at=at)
    Contact.objects.filter(pk__in=contacts).update(sponsor=keep)
    keep.aliases, keep.brands = [*keep.aliases, *aliases], [*keep.brands, *brands]
    keep.save(update_fields=["aliases", "brands", "updated_at"])
    merge.merged_into = keep
    merge.save(update_fields=["merged_into", "updated_at"])
    done = SponsorMerge.objects.create(
        kept=keep,
        merged=merge,
        moved={
            "campaigns": [str(pk) for pk in campaigns],
            "contacts": [str(pk) for pk in contacts],
            "aliases": aliases,
            "brands": brands,
        },
        merged_at=at,
        merged_by=actor_of(by).as_json(),
    )
    emit("sponsor.merged", subject=keep, by=by, at=at, data=_told(done))
    return done


@transaction.atomic
def undo_merge(*, merge: SponsorMerge, by: HasActor | Actor, at: datetime) -> SponsorMerge:
    """Take two sponsors apart again: what went over and is still there goes back; what came later stays.

    A second press changes nothing. Emits sponsor.merge_undone. Raises Conflict("merged_again") when the kept sponsor
    was itself merged into another since: undo that first.
    """
    merge = SponsorMerge.objects.select_for_update().get(pk=merge.pk)
    if merge.undone_at is not None:
        return merge
    kept, merged = _locked(merge.kept_id, merge.merged_id)
    if kept.merged_into_id:
        words = _("%(name)s was merged into another sponsor since; undo that first.") % {"name": kept}
        raise Conflict("merged_again", words)
    Campaign.objects.filter(pk__in=merge.moved["campaigns"], sponsor=kept).update(sponsor=merged, updated_at=at)
    Contact.objects.filter(pk__in=merge.moved["contacts"], sponsor=kept).update(sponsor=merged)
    kept.aliases = [name for name in kept.aliases if name not in merge.moved["aliases"]]
    kept.brands = [name for name in kept.brands if name not in merge.moved.get("brands", [])]
    kept.save(update_fields=["aliases", "brands", "updated_at"])
    merged.merged_into = None
    merged.save(update_fields=["merged_into", "updated_at"])
    merge.undone_at = at
    merge.save(update_fields=["undone_at"])
    emit("sponsor.merge_undone", subject=kept, by=by, at=at, data=_told(merge))
    return merge


def duplicate_groups() -> list[list[Sponsor]]:
    """Return the live sponsors that are one name in several spellings, group by group, the eldest first."""
    groups: dict[str, list[Sponsor]] = {}
    for sponsor in Sponsor.objects.filter(merged_into__isnull=True).exclude(name_key="").order_by("created_at"):
        groups.setdefault(sponsor.name_key, []).append(sponsor)
    return sorted((group for group in groups.values() if len(group) > 1), key=lambda group: group[0].name.casefold())


def _locked(first: UUID, second: UUID) -> tuple[Sponsor, Sponsor]:
    rows = {one.pk: one for one in Sponsor.objects.select_for_update().filter(pk__in=[first, second]).order_by("pk")}
    return rows[first], rows[second]


def _told(merge: SponsorMerge) -> dict[str, Any]:
    return {
        "kept_id": str(merge.kept_id),
        "merged_id": str(merge.merged_id),
        "campaigns": len(merge.moved["campaigns"]),
        "contacts": len(merge.moved["contacts"]),
    }
