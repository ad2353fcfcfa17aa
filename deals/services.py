"""Every write about deals and those who buy."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from deals.models import Agency, Campaign, Contact, DealNote, GuardRule, SavedFilter, Sponsor
from deals.names import name_key
from deals.queries import unmet_guards
from deals.rules import skips_forward
from metrics.models import Podcast
from tracker.accounts.models import User
from tracker.events.services import emit
from tracker.lib.actors import Actor, HasActor, actor_of
from tracker.lib.errors import Conflict, DomainError, Forbidden, NotFound

Stage = Campaign.Stage
MANAGERS = ("administrator", "sales_manager")
# A person's own filters of the board.
MOST_FILTERS = 30

# What a person may change on a deal; the stage moves only through move_deal.
DEAL_FIELDS = frozenset(
    (
        *("name", "sponsor", "agency", "owner", "source", "notes", "brand_safety_flags"),
        *("campaign_value", "currency", "expected_close_on", "next_step", "next_step_on"),
        *("flight_first_day", "flight_last_day", "wanted_impressions"),
    )
)


@transaction.atomic
def open_deal(
    *,
    name: str,
    sponsor: Sponsor,
    currency: str,
    by: HasActor | Actor,
    at: datetime,
    wanted_podcasts: Iterable[Podcast] = (),
    campaign_id: UUID | None = None,
    **fields: Any,
) -> Campaign:
    """Open a deal with a sponsor, as a lead. `fields` are further columns of DEAL_FIELDS; value in cents of `currency`.

    Emits deal.opened. Raises DomainError("sponsor_merged") for a duplicate that was merged away.
    """
    _know_fields(fields)
    if sponsor.merged_into_id:
        words = _("%(sponsor)s was merged into another sponsor; choose that one.") % {"sponsor": sponsor}
        raise DomainError("sponsor_merged", words, kept=str(sponsor.merged_into_id))
    fields.setdefault("agency", sponsor.agency)
    campaign = Campaign(name=name, sponsor=sponsor, currency=currency, stage_changed_at=at, opened_at=at, **fields)
    if campaign_id is not None:
        campaign.campaign_id = campaign_id
    campaign.save(force_insert=True)
    campaign.wanted_podcasts.set(wanted_podcasts)
    emit("deal.opened", subject=campaign, by=by, at=at, data={"campaign_id": str(campaign.pk), "name": name})
    return campaign


@transaction.atomic
def change_deal(
    *,
    campaign: Campaign,
    by: HasActor | Actor,
    at: datetime,
    if_version: int | None = None,
    wanted_podcasts: Iterable[Podcast] | None = None,
    **changes: Any,
) -> Campaign:
    """Change what a deal says about itself. The same values again change and emit nothing.

    Emits deal.changed with the names of the fields. Raises DomainError("stale_version") when if_version is not the
    deal's version any more.
    """
    _know_fields(changes)
    campaign = _locked(campaign)
    _check_version(campaign, if_version)
    changed = [name for name, value in changes.items() if getattr(campaign, name) != value]
    for name in changed:
        setattr(campaign, name, changes[name])
    if wanted_podcasts is not None:
        wanted = set(wanted_podcasts)
        if wanted != set(campaign.wanted_podcasts.all()):
            campaign.wanted_podcasts.set(wanted)
            changed.append("wanted_podcasts")
    if not changed:
        return campaign
    campaign.version += 1
    campaign.save(update_fields=[*(name for name in changed if name in DEAL_FIELDS), "version", "updated_at"])
    emit(
        "deal.changed",
        subject=campaign,
        by=by,
        at=at,
        data={"campaign_id": str(campaign.pk), "fields": sorted(changed)},
    )
    return campaign


@transaction.atomic
def move_deal(
    *,
    campaign: Campaign,
    to: str,
    by: HasActor | Actor,
    at: datetime,
    reason: str = "",
    lost_to: str = "",
    force: bool = False,
    if_version: int | None = None,
) -> Campaign:
    """Move a deal to another stage, judged from where it stands when its turn comes (the row is locked).

    Emits deal.stage_changed, once; the same stage again changes and emits nothing. `force` lets a manager skip
    forward, or pass a blocking guard, with a reason. Raises DomainError("unknown_stage"),
    Conflict("invalid_transition") naming the stages allowed from here, DomainError("reason_required"),
    Forbidden("manager_required"), Conflict("active_booking"), Conflict("guard_blocked"), DomainError("stale_version").
    Source: DOMAIN, deals.
    """
    if to not in Stage.values:
        words = _("There is no stage “%(stage)s”. The stages are %(stages)s.")
        told = words % {"stage": to, "stages": ", ".join(Stage.values)}
        raise DomainError("unknown_stage", told, status=400, stages=list(Stage.values))
    campaign = _locked(campaign)
    _check_version(campaign, if_version)
    if campaign.stage == to:
        return campaign
    was, reason = campaign.stage, reason.strip()
    forced = _check_move(campaign, to, by=by, reason=reason, force=force)
    warnings = _check_guards(campaign, to, by=by, reason=reason, force=force)
    if forced:
        campaign.stage = to
    else:
        campaign.move_to(to)
    campaign.stage_changed_at = at
    campaign.closed_at = at if campaign.is_closed else None
    campaign.lost_reason = reason[:500] if to == Stage.LOST else ""
    campaign.lost_to = lost_to.strip()[:200] if to == Stage.LOST else ""
    campaign.version += 1
    campaign.save(
        update_fields=["stage", "stage_changed_at", "closed_at", "lost_reason", "lost_to", "version", "updated_at"]
    )
    data = {"campaign_id": str(campaign.pk), "from": was, "to": str(to), "reason": reason, "forced": forced}
    emit("deal.stage_changed", subject=campaign, by=by, at=at, data={**data, "warnings": warnings})
    return campaign


def _check_move(campaign: Campaign, to: str, *, by: HasActor | Actor, reason: str, force: bool) -> bool:
    """Return whether the move is a forced one; refuse what DOMAIN does not allow."""
    if not campaign.can_move_to(to):
        if not (force and skips_forward(campaign.stage, to)):
            campaign.move_to(to)  # refuses, naming the allowed stages
        _require_manager(by, _("Only a sales manager can skip a stage."))
        _require_reason(reason, _("Say why this deal skips a stage."))
        return True
    if to == Stage.LOST:
        # Wherever the deal stands: a body that says "lost" without it is of the wrong form.
        _require_reason(reason, _("Say why the deal was lost."), status=400)
    if campaign.stage == Stage.LOST:
        _require_reason(reason, _("Say why the deal is opened again."))
    if campaign.stage == Stage.WON:
        _require_manager(by, _("Only a sales manager can take a won deal back to negotiation."))
        _require_reason(reason, _("Say why the deal goes back to negotiation."))
        if campaign.has_active_booking:
            raise Conflict(
                "active_booking",
                _("A booking of this deal is running. Cancel or complete it first."),
                current=Stage.WON,
            )
    return False


def _check_guards(campaign: Campaign, to: str, *, by: HasActor | Actor, reason: str, force: bool) -> list[str]:
    """Return the codes of guards that only warn; refuse when one blocks and no manager forces with a reason."""
    unmet = unmet_guards(campaign, to=to)
    blocking = [guard for guard, level in unmet if level == GuardRule.Level.BLOCK]
    if blocking and not force:
        raise Conflict(
            "guard_blocked",
            " ".join(str(guard.message) for guard in blocking),
            guards=[guard.code for guard in blocking],
        )
    if blocking:
        _require_manager(by, _("Only a sales manager can pass a rule of the house."))
        _require_reason(reason, _("Say why this deal passes a rule of the house."))
    return [guard.code for guard, level in unmet if level == GuardRule.Level.WARN or force]


def note_accepted_order(*, campaign: Campaign, accepted: bool) -> None:
    """Write down whether a deal has an accepted order. Called by bookings in the transaction that made it so."""
    Campaign.objects.filter(pk=campaign.pk).exclude(has_accepted_order=accepted).update(has_accepted_order=accepted)


def note_live_booking(*, campaign: Campaign, live: bool, booked_from: date | None = None) -> None:
    """Write down whether a booking of the deal is running, and the first day of its earliest one that is not cancelled.

    Called by bookings in the transaction that made it so.
    """
    now = {"has_active_booking": live, "booked_from": booked_from}
    Campaign.objects.filter(pk=campaign.pk).exclude(**now).update(**now)


@transaction.atomic
def add_sponsor(
    *, name: str, by: HasActor | Actor, at: datetime, sponsor_id: UUID | None = None, **fields: Any
) -> Sponsor:
    """Add a company that buys. Spellings of one company are not refused: `possible_duplicates` tells of them.

    Emits sponsor.added. Raises DomainError("name_required").
    """
    sponsor = Sponsor(name=_named(name), name_key=name_key(name), **fields)
    if sponsor_id is not None:
        sponsor.sponsor_id = sponsor_id
    sponsor.save(force_insert=True)
    emit("sponsor.added", subject=sponsor, by=by, at=at, data={"sponsor_id": str(sponsor.pk), "name": sponsor.name})
    return sponsor


@transaction.atomic
def change_sponsor(*, sponsor: Sponsor, by: HasActor | Actor, at: datetime, **changes: Any) -> Sponsor:
    """Change what is known of a sponsor. Emits sponsor.changed with the names of the fields, if anything changed."""
    sponsor = Sponsor.objects.select_for_update().get(pk=sponsor.pk)
    if "name" in changes:
        changes["name"] = _named(changes["name"])
        changes["name_key"] = name_key(changes["name"])
    changed = [name for name, value in changes.items() if getattr(sponsor, name) != value]
    if not changed:
        return sponsor
    for name in changed:
        setattr(sponsor, name, changes[name])
    sponsor.save(update_fields=[*changed, "updated_at"])
    emit(
        "sponsor.changed",
        subject=sponsor,
        by=by,
        at=at,
        data={"sponsor_id": str(sponsor.pk), "fields": sorted(set(changed) - {"name_key"})},
    )
    return sponsor


@transaction.atomic
def add_agency(
    *, name: str, by: HasActor | Actor, at: datetime, agency_id: UUID | None = None, **fields: Any
) -> Agency:
    """Add a company that buys for others. Emits agency.added. Raises DomainError("name_required")."""
    agency = Agency(name=_named(name), **fields)
    if agency_id is not None:
        agency.agency_id = agency_id
    agency.save(force_insert=True)
    emit("agency.added", subject=agency, by=by, at=at, data={"agency_id": str(agency.pk), "name": agency.name})
    return agency


def add_contact(*, name: str, sponsor: Sponsor | None = None, agency: Agency | None = None, **fields: Any) -> Contact:
    """Add a person on the buyer's side, of a sponsor or an agency."""
    if sponsor is None and agency is None:
        raise DomainError("contact_of_nobody", _("A contact belongs to a sponsor or an agency."))
    return Contact.objects.create(name=_named(name), sponsor=sponsor, agency=agency, **fields)


@transaction.atomic
def note_on_deal(
    *, campaign: Campaign, text: str, by: HasActor | Actor, at: datetime, kind: str = DealNote.Kind.NOTE
) -> DealNote:
    """Write something down about a deal: a note, a call, a mail, a meeting. Emits deal.noted.

    Raises DomainError("text_required") for an empty one.
    """
    if not text.strip():
        raise DomainError("text_required", _("Write down what happened."))
    note = DealNote.objects.create(
        campaign=campaign, kind=kind, text=text.strip(), written_by=actor_of(by).as_json(), written_at=at
    )
    emit("deal.noted", subject=campaign, by=by, at=at, data={"campaign_id": str(campaign.pk), "kind": str(kind)})
    return note


def keep_filter(*, user: User, name: str, query: str) -> SavedFilter:
    """Keep a view of the board under a name; the same name again takes the new view. Raises DomainError."""
    name = _named(name)[:80]
    kept = set(SavedFilter.objects.filter(user=user).values_list("name", flat=True))
    if name not in kept and len(kept) >= MOST_FILTERS:
        words = _("You keep %(count)s filters already; forget one first.") % {"count": MOST_FILTERS}
        raise DomainError("too_many_filters", words)
    return SavedFilter.objects.update_or_create(user=user, name=name, defaults={"query": query[:1000]})[0]


def is_manager(someone: HasActor | Actor) -> bool:
    """Return whether a person, or a key, acts as a sales manager or an administrator. Jobs and imports do not."""
    has_role = getattr(someone, "has_role", None)
    return bool(has_role and has_role(*MANAGERS))


def _require_manager(someone: HasActor | Actor, message: str) -> None:
    if not is_manager(someone):
        raise Forbidden("manager_required", message)


def _require_reason(reason: str, message: str, **details: int) -> None:
    if not any(char.isalnum() for char in reason):
        raise DomainError("reason_required", message, **details)


def _named(name: str) -> str:
    if not name.strip():
        raise DomainError("name_required", _("A name is needed."))
    return name.strip()


def _know_fields(fields: dict[str, Any]) -> None:
    unknown = set(fields) - DEAL_FIELDS
    if unknown:
        raise TypeError(f"not fields of a deal: {', '.join(sorted(unknown))}")


def _locked(campaign: Campaign) -> Campaign:
    found = Campaign.objects.select_for_update(of=("self",)).select_related("sponsor").filter(pk=campaign.pk).first()
    if found is None:
        raise NotFound("not_found", _("There is no such deal."))
    return found


def _check_version(campaign: Campaign, if_version: int | None) -> None:
    if if_version is not None and if_version != campaign.version:
        words = _("Somebody changed this deal in the meantime; it stands in %(stage)s now. Look again, then decide.")
        raise DomainError(
            "stale_version",
            words % {"stage": campaign.get_stage_display()},
            status=412,
            version=campaign.version,
            current=campaign.stage,
        )
