"""What makes matches stale. Each may be called twice for one event: a mark is set once."""

from collections.abc import Collection
from uuid import UUID

from bookings.models import AdUnit, IOBooking, SlotClaim
from deals.models import Campaign
from matchmaking.services import mark_stale
from matchmaking.tasks import recalculate_changed
from metrics.models import AudienceShare, Episode
from tracker.events.models import Event
from tracker.events.services import subscribe
from tracker.flags.services import is_on
from tracker.tenants.tasks import enqueue


@subscribe("sponsor.added", "sponsor.changed", "sponsor.merged")
def note_sponsor(event: Event) -> None:
    _note(event, sponsors=[UUID(event.subject_id)])


@subscribe("podcast.added", "podcast.changed")
def note_podcast(event: Event) -> None:
    _note(event, podcasts=[UUID(event.subject_id)])


@subscribe("deal.opened", "deal.changed", "deal.stage_changed")
def note_deal(event: Event) -> None:
    """Flight, budget and flags of an open deal are part of what its sponsor wants."""
    _note(event, sponsors=Campaign.objects.filter(pk=event.subject_id).values_list("sponsor_id", flat=True))


@subscribe("io.scheduled", "io.status_changed", "io.changed", "io.delivered")
def note_booking(event: Event) -> None:
    """A booking takes slots of its show and adds to the history of both."""
    pairs = IOBooking.objects.filter(pk=event.subject_id).values_list("campaign__sponsor_id", "ad_unit__podcast_id")
    _note(event, sponsors=[sponsor for sponsor, _show in pairs], podcasts=[show for _sponsor, show in pairs])


@subscribe("ad_unit.added", "ad_unit.changed", "slot.blocked", "slot.unblocked")
def note_ad_unit(event: Event) -> None:
    key = event.data.get("ad_unit_id") or event.subject_id
    shows = list(AdUnit.objects.filter(pk=key).values_list("podcast_id", flat=True))
    shows += SlotClaim.objects.filter(pk=event.subject_id).values_list("ad_unit__podcast_id", flat=True)
    _note(event, podcasts=shows)


@subscribe("episode.added", "episode.moved")
def note_episode(event: Event) -> None:
    _note(event, podcasts=Episode.objects.filter(pk=event.subject_id).values_list("podcast_id", flat=True))


@subscribe("etl.import_completed", "etl.import_undone")
def note_import(event: Event) -> None:
    """An import that brought a newer picture of an audience changes the shows it tells of; so does taking it back.

    Daily figures alone bear on no signal until a line is completed (io.delivered).
    """
    shares = AudienceShare.objects.filter(import_id=event.data.get("import_id"))
    shows = set(shares.values_list("podcast_id", flat=True).distinct())
    _note(event, podcasts=shows | {UUID(pk) for pk in event.data.get("podcast_ids", [])})


@subscribe("redemptions.imported", "redemptions.taken_back")
def note_redemptions(event: Event) -> None:
    """Orders by promo code are part of how a sponsor's past placements went."""
    _note(event, sponsors=[UUID(event.subject_id)])


def _note(event: Event, *, podcasts: Collection[UUID] = (), sponsors: Collection[UUID] = ()) -> None:
    """Mark what changed and send one task, however many events of a burst come before it runs."""
    if is_on("ENABLE_MATCHMAKING") and mark_stale(podcasts=list(podcasts), sponsors=list(sponsors), at=event.at):
        enqueue(recalculate_changed)
