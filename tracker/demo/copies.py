"""What the demo's hosts are to say: accepted where it runs, waiting or sent back where it is to come."""

from datetime import datetime, timedelta

from bookings.models import IOBooking
from bookings.services.copies import accept_copy, ask_for_change, propose_copy
from tracker.accounts.models import User
from tracker.lib.actors import Actor, HasActor

Status = IOBooking.Status
# Lines to come: what the show has answered so far.
ANSWERS = {"cloudflare-edge/1": "", "cloudflare-edge/2": "We never say “fastest”. “Fast” is fine."}
WRITTEN_BEFORE, ANSWERED_AFTER = timedelta(days=12), timedelta(days=2)


def make_copies(*, lines: dict[str, IOBooking], at: datetime) -> None:
    """Write the copy of every line that runs, and of two to come: one waits for the show, one was sent back."""
    for name, line in lines.items():
        began = line.flight_start <= at and line.status == Status.ACTIVE
        if not began and name not in ANSWERS:
            continue
        sponsor = str(line.campaign.sponsor)
        written_at = min(line.flight_start, at) - WRITTEN_BEFORE
        seller: HasActor | Actor = line.campaign.owner or Actor(kind="system", id="", label="Sales desk")
        copy = propose_copy(
            booking=line,
            talking_points=f"How you came to use {sponsor}, in your own words.\n\nOne thing it did for you this month.",
            must_say=f"Go to the address in the notes and use the code {line.promo_code}.",
            disclosure=f"This episode is sponsored by {sponsor}.",
            by=seller,
            at=written_at,
        )
        host = _host_of(line)
        if began:
            accept_copy(copy=copy, by=host, at=written_at + ANSWERED_AFTER)
        elif ANSWERS[name]:
            ask_for_change(copy=copy, answer=ANSWERS[name], by=host, at=written_at + ANSWERED_AFTER)


def _host_of(line: IOBooking) -> HasActor | Actor:
    podcast = line.ad_unit.podcast
    person = User.objects.filter(bindings__kind="podcast", bindings__object_id=podcast.pk).order_by("email").first()
    return person or Actor(kind="system", id="", label=podcast.host_name or str(podcast))
