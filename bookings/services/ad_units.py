"""What a show offers."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from bookings.models import AdUnit
from bookings.services.retry import sqlstate_of
from metrics.models import Podcast
from tracker.events.services import emit
from tracker.lib.actors import Actor, HasActor
from tracker.lib.errors import Conflict, DomainError

UNIQUE_VIOLATION = "23505"


@transaction.atomic
def add_ad_unit(
    *,
    podcast: Podcast,
    name: str,
    position: str,
    duration_seconds: int,
    by: HasActor | Actor,
    at: datetime,
    ad_unit_id: UUID | None = None,
    **fields: Any,
) -> AdUnit:
    """Offer a new place for an ad on a show. `fields` are further columns of AdUnit.

    Emits ad_unit.added. Raises DomainError("ad_unit_invalid"), Conflict("ad_unit_name_taken").
    """
    unit = AdUnit(podcast=podcast, name=name.strip(), position=position, duration_seconds=duration_seconds, **fields)
    if ad_unit_id is not None:
        unit.ad_unit_id = ad_unit_id
    check_ad_unit(unit)
    _save(unit, force_insert=True)
    emit(
        "ad_unit.added",
        subject=unit,
        by=by,
        at=at,
        data={"ad_unit_id": str(unit.pk), "podcast_id": str(podcast.pk), "name": unit.name},
    )
    return unit


# What hangs on bookings (show, delivery, sharing) is fixed; the rest may change.
CHANGEABLE = frozenset(
    (
        *("name", "position", "index", "duration_seconds", "read_type", "impressions_per_day", "rate_cpm_cents"),
        *("lead_days", "min_flight_days", "max_flight_days", "is_active"),
    )
)


@transaction.atomic
def change_ad_unit(*, ad_unit: AdUnit, by: HasActor | Actor, at: datetime, **changes: Any) -> AdUnit:
    """Change what an ad unit says about itself. The same values again change and emit nothing.

    Emits ad_unit.changed with the names of the fields. Raises DomainError("ad_unit_invalid"),
    Conflict("ad_unit_name_taken").
    """
    unknown = set(changes) - CHANGEABLE
    if unknown:
        raise TypeError(f"not to be changed on an ad unit: {', '.join(sorted(unknown))}")
    unit = AdUnit.objects.select_for_update(of=("self",)).select_related("podcast").get(pk=ad_unit.pk)
    changed = sorted(name for name, value in changes.items() if getattr(unit, name) != value)
    if not changed:
        return unit
    for name in changed:
        setattr(unit, name, changes[name])
    check_ad_unit(unit)
    _save(unit, update_fields=changed)
    data = {"ad_unit_id": str(unit.pk), "podcast_id": str(unit.podcast_id), "fields": changed}
    emit("ad_unit.changed", subject=unit, by=by, at=at, data=data)
    return unit


def check_ad_unit(unit: AdUnit) -> None:
    """Refuse an ad unit that could never be booked. Raises DomainError("ad_unit_invalid") naming the field."""
    if not unit.name:
        raise DomainError("ad_unit_invalid", _("An ad unit needs a name."), field="name")
    if unit.position not in AdUnit.Position.values:
        message = _("There is no position “%(position)s”; choose pre, mid or post.")
        raise DomainError("ad_unit_invalid", message % {"position": unit.position}, field="position")
    if unit.duration_seconds < 1:
        raise DomainError("ad_unit_invalid", _("An ad lasts at least one second."), field="duration_seconds")
    if unit.is_shared and unit.delivery != AdUnit.Delivery.DYNAMIC:
        message = _("Only a dynamic ad unit can be shared by impressions.")
        raise DomainError("ad_unit_invalid", message, field="is_shared")
    if unit.min_flight_days and unit.max_flight_days and unit.min_flight_days > unit.max_flight_days:
        message = _("The shortest flight is longer than the longest.")
        raise DomainError("ad_unit_invalid", message, field="min_flight_days")


def _save(unit: AdUnit, **how: Any) -> None:
    try:
        with transaction.atomic():
            unit.save(**how)
    except IntegrityError as problem:
        if sqlstate_of(problem) != UNIQUE_VIOLATION:
            raise
        message = _("%(podcast)s already has an ad unit called “%(name)s”. Choose another name.")
        words = {"podcast": unit.podcast, "name": unit.name}
        raise Conflict("ad_unit_name_taken", message % words, field="name") from None
