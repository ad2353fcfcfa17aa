"""Booking: one line, from wish to slot. The status walks in `moves`."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from bookings.models import AdUnit, IOBooking
from bookings.queries.slots import free_slots
from bookings.services.codes import attribution_for, claim_code, claim_link
from bookings.services.facts import note_facts_of_deal, note_new_line
from bookings.services.orders import locked_draft
from bookings.services.retry import retried, sqlstate_of
from bookings.services.slots import lock_show, take_slot
from bookings.services.standing import lock_and_look
from bookings.services.wishes import check_dates, check_wish, hold_end, landing_of, price_of
from deals.models import Campaign
from metrics.models import Episode
from tracker.events.services import emit
from tracker.lib.actors import Actor, HasActor
from tracker.lib.errors import Conflict, NotFound
from tracker.lib.rows import insert

Status = IOBooking.Status
UNIQUE_VIOLATION = "23505"


@retried
@transaction.atomic
def schedule_booking(
    *,
    campaign: Campaign,
    ad_unit: AdUnit,
    flight_start: datetime,
    flight_end: datetime,
    booked_impressions: int,
    booked_cpm_cents: int,
    by: HasActor | Actor,
    at: datetime,
    episode: Episode | None = None,
    status: str = Status.SCHEDULED,
    held_until: datetime | None = None,
    promo_code: str = "",
    vanity_url: str = "",
    landing_url: str = "",
    flat_cents: int | None = None,
    makegood_of: IOBooking | None = None,
    external_ref: str = "",
    io_id: UUID | None = None,
    is_record: bool = False,
) -> IOBooking:
    """Book one line: as a draft, as a hold that ends, or scheduled. Its order is the deal's draft, made if absent.

    Flight instants are half-open; money is cents of the deal's currency; flat_cents is the whole price of a line sold
    flat, and then the CPM only informs. Promo code and link are made when absent. is_record: the line tells what was
    agreed elsewhere (an import, a demo), so the unit's lead time is not asked. A makegood costs nothing.
    Emits io.scheduled when it enters scheduled, io.booked otherwise. Raises DomainError naming the field that cannot
    be, Conflict("already_booked"), and what take_slot and attribution_for raise.
    """
    check_wish(campaign, ad_unit, episode, flight_start, flight_end, booked_impressions, booked_cpm_cents, status)
    if status != Status.DRAFT:
        check_dates(ad_unit, flight_start, flight_end, at=at, is_record=is_record)
    found = lock_and_look(campaign=campaign, podcast_id=ad_unit.podcast_id)
    if found.order is None:
        locked_draft(campaign=campaign, by=by, at=at, podcast=ad_unit.podcast)
        # Another may have made it meanwhile, with lines of its own.
        found = lock_and_look(campaign=campaign, podcast_id=ad_unit.podcast_id)
    assert found.order is not None
    attribution = attribution_for(
        sponsor=campaign.sponsor,
        podcast=ad_unit.podcast,
        promo_code=promo_code,
        vanity_url=vanity_url,
        own=found.own,
    )
    booking = IOBooking(
        order=found.order,
        line_number=found.last_line + 1,
        campaign=campaign,
        ad_unit=ad_unit,
        episode=episode,
        flight_start=flight_start,
        flight_end=flight_end,
        booked_impressions=booked_impressions,
        booked_cpm_cents=booked_cpm_cents,
        rate_type=IOBooking.RateType.CPM if flat_cents is None else IOBooking.RateType.FLAT,
        gross_cents=price_of(booked_cpm_cents, booked_impressions, flat_cents, makegood_of),
        promo_code=attribution.promo_code,
        vanity_url=attribution.vanity_url,
        landing_url=landing_of(landing_url, campaign),
        status=status,
        status_changed_at=at,
        held_until=hold_end(held_until, at) if status == Status.HELD else None,
        makegood_of=makegood_of,
        external_ref=external_ref,
    )
    if io_id is not None:
        booking.io_id = io_id
    _insert(booking, at)
    if status != Status.DRAFT:
        take_slot(booking, at=at, is_new=True, separation=found.separation)
    type = "io.scheduled" if status == Status.SCHEDULED else "io.booked"
    emit(type, subject=booking, by=by, at=at, data={**told(booking), "status": str(status)})
    note_new_line(campaign, booking, found.facts)
    return booking


# What a person may change on a line. The key (deal, unit) stays: another unit is another booking.
CHANGEABLE = frozenset(
    (
        *("episode", "flight_start", "flight_end", "booked_impressions", "booked_cpm_cents", "flat_cents"),
        *("promo_code", "vanity_url", "landing_url", "external_ref"),
    )
)
# Once it runs, what has been read cannot be moved.
FIXED_WHEN_RUNNING = frozenset({"episode", "flight_start"})


@retried
@transaction.atomic
def change_booking(
    *,
    booking: IOBooking,
    by: HasActor | Actor,
    at: datetime,
    if_revision: int | None = None,
    is_record: bool = False,
    **changes: Any,
) -> IOBooking:
    """Change a line that has not ended; its slot moves along. The same values again change and emit nothing.

    Emits io.changed with {field: [before, after]}. Raises Conflict("booking_ended"), Conflict("booking_running"),
    Conflict("stale_revision"), and what schedule_booking raises.
    """
    unknown = set(changes) - CHANGEABLE
    if unknown:
        raise TypeError(f"not to be changed on a booking: {', '.join(sorted(unknown))}")
    booking = locked_booking(booking, if_revision=if_revision)
    before = _values(booking)
    _apply(booking, changes)
    changed = {name: [old, new] for name, old, new in _differences(before, _values(booking))}
    if not changed:
        return booking
    _check_changeable(booking, set(changed))
    check_wish(
        booking.campaign,
        booking.ad_unit,
        booking.episode,
        booking.flight_start,
        booking.flight_end,
        booking.booked_impressions,
        booking.booked_cpm_cents,
        None,
    )
    if booking.status in IOBooking.CLAIMING:
        if {"flight_start", "flight_end"} & set(changed):
            moved_start = "flight_start" in changed
            check_dates(
                booking.ad_unit, booking.flight_start, booking.flight_end, at=at, is_record=is_record or not moved_start
            )
        take_slot(booking, at=at)
    booking.revision += 1
    _update(booking, [*_COLUMNS, "revision", "updated_at"], at)
    emit("io.changed", subject=booking, by=by, at=at, data={**told(booking), "changed": changed})
    note_facts_of_deal(booking.campaign)
    return booking


class Upserted(NamedTuple):
    """A line known again: what became of it is "created", "changed" or "unchanged"."""

    booking: IOBooking
    outcome: str


@retried
@transaction.atomic
def upsert_booking(
    *,
    campaign: Campaign,
    ad_unit: AdUnit,
    episode: Episode | None,
    flight_start: datetime,
    flight_end: datetime,
    booked_impressions: int,
    booked_cpm_cents: int,
    by: HasActor | Actor,
    at: datetime,
    promo_code: str = "",
    vanity_url: str = "",
) -> Upserted:
    """Book the line of a file, or change the one it names. Source: CONTRACT, files people send.

    A line is known again by (deal, ad unit, episode, flight start); empty code and link leave those as they are. A line
    that ended here stays as it ended: the same numbers are "unchanged", others raise Conflict("booking_ended").
    """
    lock_show(ad_unit.podcast_id)
    known = line_of_key(campaign=campaign, ad_unit=ad_unit, episode=episode, flight_start=flight_start)
    if known is None:
        made = schedule_booking(
            campaign=campaign,
            ad_unit=ad_unit,
            episode=episode,
            flight_start=flight_start,
            flight_end=flight_end,
            booked_impressions=booked_impressions,
            booked_cpm_cents=booked_cpm_cents,
            promo_code=promo_code,
            vanity_url=vanity_url,
            by=by,
            at=at,
            is_record=True,
        )
        return Upserted(made, "created")
    changes: dict[str, Any] = {
        "flight_end": flight_end,
        "booked_impressions": booked_impressions,
        "booked_cpm_cents": booked_cpm_cents,
    }
    changes |= {"promo_code": promo_code} if promo_code.strip() else {}
    changes |= {"vanity_url": vanity_url} if vanity_url.strip() else {}
    revision = known.revision
    changed = change_booking(booking=known, by=by, at=at, is_record=True, **changes)
    return Upserted(changed, "unchanged" if changed.revision == revision else "changed")


def line_of_key(
    *, campaign: Campaign, ad_unit: AdUnit, episode: Episode | None, flight_start: datetime
) -> IOBooking | None:
    """Return the line that a row of a bookings file means, the newest where one ended and was booked again."""
    rows = IOBooking.objects.filter(
        campaign=campaign, ad_unit=ad_unit, episode=episode, flight_start=flight_start, makegood_of__isnull=True
    )
    return rows.select_related("order").order_by("-created_at", "-io_id").first()


def locked_booking(booking: IOBooking, *, if_revision: int | None = None) -> IOBooking:
    """Return a booking as it stands now, locked after its show. Raises NotFound, Conflict("stale_revision")."""
    podcast_id = IOBooking.objects.filter(pk=booking.pk).values_list("ad_unit__podcast_id", flat=True).first()
    if podcast_id is None:
        raise NotFound("not_found", _("There is no such booking."))
    lock_show(podcast_id)
    found = (
        IOBooking.objects.select_for_update(of=("self",))
        .select_related("campaign__sponsor", "ad_unit__podcast", "episode", "order")
        .get(pk=booking.pk)
    )
    if if_revision is not None and if_revision != found.revision:
        message = _("Somebody changed this booking in the meantime; it is %(status)s now. Look again, then decide.")
        raise Conflict(
            "stale_revision",
            message % {"status": found.get_status_display()},
            revision=found.revision,
            current=found.status,
        )
    return found


def told(booking: IOBooking) -> dict[str, Any]:
    """Return what every event of a booking says of it. Source: CONTRACT, events."""
    return {
        "io_id": str(booking.pk),
        "campaign_id": str(booking.campaign_id),
        "episode_id": str(booking.episode_id) if booking.episode_id else None,
        "flight_start": booking.flight_start.isoformat(),
        "flight_end": booking.flight_end.isoformat(),
    }


_COLUMNS = (
    *("episode", "flight_start", "flight_end", "booked_impressions", "booked_cpm_cents", "rate_type", "gross_cents"),
    *("promo_code", "vanity_url", "landing_url", "external_ref"),
)


def _apply(booking: IOBooking, changes: dict[str, Any]) -> None:
    sponsor, podcast = booking.campaign.sponsor, booking.ad_unit.podcast
    for name in ("episode", "flight_start", "flight_end", "booked_impressions", "booked_cpm_cents", "external_ref"):
        if name in changes:
            setattr(booking, name, changes[name])
    if changes.get("promo_code", "").strip():
        booking.promo_code = claim_code(sponsor, podcast, changes["promo_code"])
    if changes.get("vanity_url", "").strip():
        booking.vanity_url = claim_link(sponsor, podcast, changes["vanity_url"])
    if "landing_url" in changes:
        booking.landing_url = landing_of(changes["landing_url"], booking.campaign)
    if "flat_cents" in changes:
        booking.rate_type = IOBooking.RateType.CPM if changes["flat_cents"] is None else IOBooking.RateType.FLAT
    flat = booking.gross_cents if booking.rate_type == IOBooking.RateType.FLAT else None
    booking.gross_cents = price_of(
        booking.booked_cpm_cents, booking.booked_impressions, changes.get("flat_cents", flat), booking.makegood_of_id
    )


def _values(booking: IOBooking) -> dict[str, Any]:
    return {name: getattr(booking, "episode_id" if name == "episode" else name) for name in _COLUMNS}


def _differences(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    return [(name, _plain(before[name]), _plain(after[name])) for name in _COLUMNS if before[name] != after[name]]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def _check_changeable(booking: IOBooking, changed: set[str]) -> None:
    if booking.status in IOBooking.ENDED or booking.status == Status.MAKEGOOD:
        message = _("This booking is %(status)s; its numbers do not change any more.")
        raise Conflict("booking_ended", message % {"status": booking.get_status_display()}, current=booking.status)
    fixed = changed & FIXED_WHEN_RUNNING
    if booking.status in (Status.ACTIVE, Status.PAUSED) and fixed:
        message = _("This booking runs already; its start and episode cannot be moved. Cancel it and book anew.")
        raise Conflict("booking_running", message, fields=sorted(fixed))


def _insert(booking: IOBooking, at: datetime) -> None:
    if insert(booking, unless_taken=True):
        return
    # Something is in its way: the same again, for the name of the constraint that says so.
    try:
        with transaction.atomic():
            booking.save(force_insert=True)
    except IntegrityError as problem:
        raise _already(booking, problem, at) from None


def _update(booking: IOBooking, fields: list[str], at: datetime) -> None:
    try:
        with transaction.atomic():
            booking.save(update_fields=fields)
    except IntegrityError as problem:
        raise _already(booking, problem, at) from None


def _already(booking: IOBooking, problem: IntegrityError, at: datetime) -> Exception:
    if sqlstate_of(problem) != UNIQUE_VIOLATION or "booking_known_again" not in str(problem):
        return problem
    twin = (
        IOBooking.objects.filter(
            campaign=booking.campaign,
            ad_unit=booking.ad_unit,
            episode=booking.episode,
            flight_start=booking.flight_start,
            makegood_of__isnull=True,
        )
        .exclude(status__in=[Status.CANCELLED, Status.EXPIRED])
        .first()
    )
    message = _("This deal has booked %(unit)s from that start already; change that booking instead.")
    free = free_slots(
        ad_unit=booking.ad_unit,
        episode=booking.episode,
        flight_start=booking.flight_start,
        flight_end=booking.flight_end,
        at=at,
    )
    return Conflict(
        "already_booked",
        message % {"unit": booking.ad_unit},
        io_id=str(twin.pk) if twin else None,
        next_free=[slot.as_json() for slot in free],
    )
