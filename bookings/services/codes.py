"""Promo codes and vanity paths: one owner each, made when a booking brings none. Source: DOMAIN, attribution."""

import unicodedata
from typing import NamedTuple

from django.utils.translation import gettext as _

from bookings.links import address_of, checked_address, own_path, suggested_code, suggested_path
from bookings.models import IOBooking, PromoCode, VanityLink
from deals.models import Sponsor
from metrics.models import Podcast
from tracker.lib.errors import Conflict, DomainError

MOST_TRIES = 50


class Attribution(NamedTuple):
    """The code and the address that a booking prints."""

    promo_code: str
    vanity_url: str


class Own(NamedTuple):
    """The first code and path of a sponsor on a show; None: there is none yet."""

    code: str | None
    path: str | None


def attribution_for(
    *, sponsor: Sponsor, podcast: Podcast, promo_code: str, vanity_url: str, own: Own | None = None
) -> Attribution:
    """Return the code and link of a booking, claimed for its sponsor and show; made where none is given.

    The bookings of one sponsor on one show share both. A link on a foreign host is kept as it is, and not claimed.
    own: what is claimed already, where the caller has looked under the show's lock.
    Raises Conflict("promo_code_taken"), Conflict("vanity_path_taken"), DomainError("promo_code_invalid"),
    DomainError("vanity_url_invalid").
    """
    return Attribution(
        promo_code=claim_code(sponsor, podcast, promo_code) if promo_code.strip() else _own_code(sponsor, podcast, own),
        vanity_url=claim_link(sponsor, podcast, vanity_url) if vanity_url.strip() else _own_link(sponsor, podcast, own),
    )


def claim_code(sponsor: Sponsor, podcast: Podcast, code: str) -> str:
    """Claim a code for a sponsor's show and return it as it is printed: in the spelling that was first given."""
    code = _checked_code(code)
    mine = _claimed_code(sponsor, podcast, code)
    if mine.podcast_id == podcast.pk:
        return mine.code
    if _in_use(sponsor, mine):
        message = _("The code %(code)s of %(sponsor)s leads to %(podcast)s. Choose another code for this show.")
        words = {"code": mine.code, "sponsor": sponsor, "podcast": mine.podcast}
        raise Conflict("promo_code_taken", message % words, promo_code=mine.code, podcast_id=str(mine.podcast_id))
    # No booking speaks it on the other show any more: a code points to one show at a time.
    mine.podcast, mine.code = podcast, code
    mine.save(update_fields=["podcast", "code"])
    return mine.code


def claim_link(sponsor: Sponsor, podcast: Podcast, address: str) -> str:
    """Claim an address on our base for a sponsor's show and return it; a foreign address is returned as it is."""
    address = checked_address(address, field="vanity_url")
    path = own_path(address)
    if path is None:
        return address
    link = _claimed_link(sponsor, podcast, path)
    if (link.sponsor_id, link.podcast_id) != (sponsor.pk, podcast.pk):
        message = _("The link /%(path)s belongs to another sponsor or show. Choose another path.")
        raise Conflict("vanity_path_taken", message % {"path": path}, path=path)
    return address_of(link.path)


def folded(code: str) -> str:
    """Return a code as it is compared: spelling with capitals or in full width makes no other code."""
    return unicodedata.normalize("NFKC", code).casefold()


def _own_code(sponsor: Sponsor, podcast: Podcast, own: Own | None) -> str:
    codes = PromoCode.objects.filter(sponsor=sponsor, podcast=podcast).order_by("created_at")
    known = own.code if own else codes.values_list("code", flat=True).first()
    if known is not None:
        return known
    stem = suggested_code(podcast.title)
    for count in range(1, MOST_TRIES):
        made = _claimed_code(sponsor, podcast, stem if count == 1 else f"{stem}{count}")
        if made.podcast_id == podcast.pk:
            return made.code
    raise Conflict("promo_code_taken", _("No free promo code was found for this show; give one."))


def _own_link(sponsor: Sponsor, podcast: Podcast, own: Own | None) -> str:
    links = VanityLink.objects.filter(sponsor=sponsor, podcast=podcast).order_by("created_at")
    known = own.path if own else links.values_list("path", flat=True).first()
    if known is not None:
        return address_of(known)
    stem = suggested_path(sponsor.name, podcast.title)
    for count in range(1, MOST_TRIES):
        made = _claimed_link(sponsor, podcast, stem if count == 1 else f"{stem}-{count}")
        if (made.sponsor_id, made.podcast_id) == (sponsor.pk, podcast.pk):
            return address_of(made.path)
    raise Conflict("vanity_path_taken", _("No free vanity path was found for this show; give one."))


def _claimed_code(sponsor: Sponsor, podcast: Podcast, code: str) -> PromoCode:
    # The unique constraint decides between two at once: the second waits for the first, then reads its row.
    wanted = PromoCode(sponsor=sponsor, podcast=podcast, code=code, folded=folded(code))
    PromoCode.objects.bulk_create([wanted], ignore_conflicts=True)
    found = PromoCode.objects.select_for_update(of=("self",)).select_related("podcast")
    return found.get(sponsor=sponsor, folded=wanted.folded)


def _claimed_link(sponsor: Sponsor, podcast: Podcast, path: str) -> VanityLink:
    VanityLink.objects.bulk_create([VanityLink(sponsor=sponsor, podcast=podcast, path=path)], ignore_conflicts=True)
    return VanityLink.objects.get(path=path)


def _in_use(sponsor: Sponsor, code: PromoCode) -> bool:
    return (
        IOBooking.objects.filter(
            campaign__sponsor=sponsor, ad_unit__podcast_id=code.podcast_id, promo_code__iexact=code.code
        )
        .exclude(status__in=IOBooking.ENDED)
        .exists()
    )


def _checked_code(code: str) -> str:
    code = unicodedata.normalize("NFKC", code).strip()
    plain = all(char.isprintable() and not char.isspace() for char in code)
    if not code or len(code) > 40 or not plain or code[0] in "=+-@":
        message = _("“%(code)s” cannot be a promo code. Use 1 to 40 letters, digits and signs, without spaces.")
        raise DomainError("promo_code_invalid", message % {"code": code[:60]}, field="promo_code")
    return code
