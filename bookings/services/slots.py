"""Taking and freeing inventory. The database refuses a slot twice; here the refusal gets its words.

Everything that takes a slot of a show runs under that show's lock, so that what the constraint cannot know (shared
impressions, rivals) is checked against a picture that stands still. Source: RELIABILITY, decided 2 and G37.
"""

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange, NumericRange
from django.utils.translation import gettext as _

from bookings.models import UNDATED_DROP, AdUnit, IOBooking, OrderProfile, SlotClaim, slot_number
from bookings.queries.house import order_profile
from bookings.queries.slots import claims_meeting, free_slots, rivals_meeting, shared_demand_over
from bookings.services.retry import sqlstate_of
from metrics.models import Episode
from tracker.events.services import emit
from tracker.lib.actors import Actor, HasActor
from tracker.lib.errors import Conflict, NotFound
from tracker.lib.rows import insert
from tracker.tenants.context import lock_key

EXCLUSION_VIOLATION = "23P01"
LOCK_SHOW = "SELECT pg_advisory_xact_lock(%(lock)s)"


def lock_show(podcast_id: UUID) -> None:
    """Wait until nobody else takes slots of a show; held to the end of the transaction. Always the first lock taken."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK_SHOW, {"lock": show_key(podcast_id)})


def show_key(podcast_id: UUID) -> int:
    """Return the number of a show's lock."""
    return lock_key(f"slots:{podcast_id}")


def place_of(
    *, ad_unit: AdUnit, episode: Episode | None, flight_start: datetime, flight_end: datetime
) -> tuple[NumericRange, DateTimeTZRange]:
    """Return (episodes, during): what a line takes of its unit, as the claim stores it."""
    if episode is None:
        return NumericRange(None, None), DateTimeTZRange(flight_start, flight_end, "[)")
    number = slot_number(episode.pk)
    episodes = NumericRange(number, number, "[]")
    if ad_unit.delivery == AdUnit.Delivery.DYNAMIC:
        return episodes, DateTimeTZRange(flight_start, flight_end, "[)")
    drop = episode.drops_at or UNDATED_DROP
    return episodes, DateTimeTZRange(drop, drop, "[]")


def _keep_drop(ad_unit: AdUnit, episode: Episode | None) -> None:
    """Read when the episode of a baked-in line drops, and let nobody move that before the transaction ends.

    Whoever moves a drop moves the claims that stand; one that is written meanwhile would stay where the drop was.
    Raises NotFound when the episode is gone.
    """
    if episode is None or ad_unit.delivery == AdUnit.Delivery.DYNAMIC:
        return
    found = Episode.objects.select_for_update(no_key=True).filter(pk=episode.pk).values_list("drops_at").first()
    if found is None:
        raise NotFound("not_found", _("There is no such episode any more."))
    episode.drops_at = found[0]


def take_slot(booking: IOBooking, *, at: datetime, is_new: bool = False, separation: str | None = None) -> SlotClaim:
    """Take (or move) the slot of a booking. The caller holds the show's lock.

    is_new: the booking was written just now, so there is no claim of it to move. separation: what the house keeps
    rivals apart by, where the caller knows.
    Raises Conflict("slot_taken") naming what is taken and the next free slots, Conflict("impressions_sold") or
    Conflict("avails_unknown") for a shared unit, Conflict("competitor_in_separation").
    """
    _keep_drop(booking.ad_unit, booking.episode)
    episodes, during = place_of(
        ad_unit=booking.ad_unit,
        episode=booking.episode,
        flight_start=booking.flight_start,
        flight_end=booking.flight_end,
    )
    _keep_rivals_apart(booking, episodes, during, separation)
    known = None if is_new else SlotClaim.objects.filter(booking=booking).first()
    claim = known or SlotClaim(booking=booking)
    claim.ad_unit = booking.ad_unit
    claim.episodes, claim.during, claim.is_shared = episodes, during, booking.ad_unit.is_shared
    if known is None and not claim.is_shared and insert(claim, unless_taken=True):
        return claim  # the constraint has looked at all others
    blocked = claims_meeting(booking.ad_unit, episodes, during, besides=booking, shared=False).first()
    if blocked is not None:
        raise _taken(booking, blocked, at)
    if claim.is_shared:
        _keep_within_avails(booking, at)
    try:
        with transaction.atomic():
            claim.save()
    except IntegrityError as problem:
        if sqlstate_of(problem) != EXCLUSION_VIOLATION:
            raise
        met = claims_meeting(booking.ad_unit, episodes, during, besides=booking, shared=False).first()
        raise _taken(booking, met, at) from None
    return claim


def release_slot(booking: IOBooking) -> None:
    """Give the slot of a booking back; a booking without one has nothing to give."""
    SlotClaim.objects.filter(booking=booking).delete()


@transaction.atomic
def block_slot(
    *,
    ad_unit: AdUnit,
    episode: Episode | None,
    flight_start: datetime,
    flight_end: datetime,
    reason: str,
    by: HasActor | Actor,
    at: datetime,
) -> SlotClaim:
    """Keep a slot from being sold: for the house's own use, or because nothing will run.

    Emits slot.blocked. Raises Conflict("slot_taken") when it is sold or held already.
    """
    lock_show(ad_unit.podcast_id)
    _keep_drop(ad_unit, episode)
    episodes, during = place_of(ad_unit=ad_unit, episode=episode, flight_start=flight_start, flight_end=flight_end)
    met = claims_meeting(ad_unit, episodes, during, besides=None, shared=None).first()
    if met is not None:
        message = _("%(unit)s is taken there already; cancel or move that booking first.")
        raise Conflict("slot_taken", message % {"unit": ad_unit}, taken=described(met))
    claim = SlotClaim.objects.create(
        ad_unit=ad_unit, episodes=episodes, during=during, blocked_reason=reason.strip() or _("not for sale")
    )
    emit("slot.blocked", subject=claim, by=by, at=at, data={"ad_unit_id": str(ad_unit.pk), "reason": reason})
    return claim


@transaction.atomic
def unblock_slot(*, claim: SlotClaim, by: HasActor | Actor, at: datetime) -> None:
    """Sell a blocked slot again. Emits slot.unblocked; a claim that is gone already changes nothing."""
    found = SlotClaim.objects.select_for_update().filter(pk=claim.pk, booking__isnull=True).first()
    if found is None:
        return
    emit("slot.unblocked", subject=found, by=by, at=at, data={"ad_unit_id": str(found.ad_unit_id)})
    found.delete()


def described(claim: SlotClaim) -> dict[str, str | None]:
    """Return what a refusal may say of a claim: the place and the state, never whose it is."""
    state = "blocked"
    if claim.booking is not None:
        state = "held" if claim.booking.status == IOBooking.Status.HELD else "sold"
    episode = claim.booking.episode if claim.booking else None
    return {
        "ad_unit_id": str(claim.ad_unit_id),
        "ad_unit": claim.ad_unit.name,
        "episode_id": str(episode.pk) if episode else None,
        "from": claim.during.lower.isoformat() if claim.during.lower else None,
        "to": claim.during.upper.isoformat() if claim.during.upper else None,
        "state": state,
    }


def _taken(booking: IOBooking, met: SlotClaim | None, at: datetime) -> Conflict:
    free = free_slots(
        ad_unit=booking.ad_unit,
        episode=booking.episode,
        flight_start=booking.flight_start,
        flight_end=booking.flight_end,
        at=at,
    )
    details = described(met) if met else None
    words = {"held": _("held"), "sold": _("sold"), "blocked": _("blocked")}
    state = words[details["state"]] if details and details["state"] else _("taken")
    if booking.episode is not None:
        message = _("%(unit)s in “%(episode)s” is %(state)s already.")
        message %= {"unit": booking.ad_unit, "episode": booking.episode, "state": state}
    else:
        message = _("%(unit)s is %(state)s already in that flight.") % {"unit": booking.ad_unit, "state": state}
    return Conflict("slot_taken", message, taken=details, next_free=[slot.as_json() for slot in free])


def _keep_rivals_apart(
    booking: IOBooking, episodes: NumericRange, during: DateTimeTZRange, separation: str | None
) -> None:
    category = booking.campaign.sponsor.category.strip()
    if not category:
        return
    if separation is None:
        separation = order_profile().separation
    if separation == OrderProfile.Separation.NONE:
        return
    rival = rivals_meeting(booking, category, episodes, during, whole_flight=separation == "flight").first()
    if rival is None:
        return
    where = {"episode": _("in the same episode"), "flight": _("on the same show in that flight")}[separation]
    message = _("Another sponsor of the category “%(category)s” is booked %(where)s. Choose another episode or flight.")
    raise Conflict(
        "competitor_in_separation",
        message % {"category": category, "where": where},
        category=category,
        scope=str(separation),
        rival_from=rival.flight_start.isoformat(),
        rival_to=rival.flight_end.isoformat(),
    )


def _keep_within_avails(booking: IOBooking, at: datetime) -> None:
    demand = shared_demand_over(booking, at=at)
    if demand.per_day is None:
        message = _(
            "Nobody knows how many impressions %(unit)s can deliver: its show has no downloads in the last 28 days. "
            "Set “impressions a day” on the ad unit."
        )
        raise Conflict("avails_unknown", message % {"unit": booking.ad_unit})
    if booking.booked_impressions > demand.free:
        message = _("%(unit)s has %(free)s impressions left in that flight; %(wanted)s were asked for.")
        raise Conflict(
            "impressions_sold",
            message % {"unit": booking.ad_unit, "free": demand.free, "wanted": booking.booked_impressions},
            free_impressions=demand.free,
            wanted_impressions=booking.booked_impressions,
            next_free=[
                slot.as_json()
                for slot in free_slots(
                    ad_unit=booking.ad_unit,
                    episode=booking.episode,
                    flight_start=booking.flight_start,
                    flight_end=booking.flight_end,
                    at=at,
                    impressions=booking.booked_impressions,
                )
            ],
        )
