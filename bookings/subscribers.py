"""What bookings do when something happened elsewhere. Each may be called twice for one event."""

from zoneinfo import ZoneInfo

from django.core.mail import send_mail
from django.utils import timezone
from django.utils.translation import gettext as _

from bookings.links import site_address
from bookings.models import InsertionOrder, IOBooking
from bookings.services.moves import move_booking
from bookings.services.orders import draft_order
from deals.models import Campaign
from tracker.events.models import Event
from tracker.events.services import subscribe
from tracker.lib.actors import Actor

Status = IOBooking.Status


@subscribe("deal.stage_changed")
def follow_the_deal(event: Event) -> None:
    """A won deal gets its draft order; a lost one gives its holds and drafts back."""
    campaign = Campaign.objects.select_related("sponsor__agency", "agency").filter(pk=event.subject_id).first()
    if campaign is None or campaign.stage != event.data["to"]:
        return
    by = Actor(**event.actor)
    if campaign.stage == Campaign.Stage.WON and not InsertionOrder.objects.filter(campaign=campaign).exists():
        draft_order(campaign=campaign, by=by, at=event.at)
    if campaign.stage == Campaign.Stage.LOST:
        waiting = IOBooking.objects.filter(campaign=campaign, status__in=[Status.HELD, Status.DRAFT])
        for booking in waiting.order_by("io_id"):
            reason = _("The deal was lost: %(reason)s") % {"reason": event.data.get("reason") or campaign.lost_reason}
            move_booking(booking=booking, to=Status.CANCELLED, by=by, at=timezone.now(), reason=reason)


@subscribe("io.hold_ending")
def tell_the_owner_of_a_hold(event: Event) -> None:
    """Mail the deal's owner that a hold ends within a day."""
    hold = IOBooking.objects.select_related("campaign__owner", "ad_unit__podcast", "order").filter(pk=event.subject_id)
    booking = hold.first()
    owner = booking.campaign.owner if booking else None
    if booking is None or owner is None or booking.status != Status.HELD or booking.held_until is None:
        return
    until = booking.held_until.astimezone(ZoneInfo(booking.order.time_zone))
    words = {
        "unit": booking.ad_unit,
        "show": booking.ad_unit.podcast,
        "deal": booking.campaign,
        "until": f"{until:%-d %b %Y, %H:%M} ({booking.order.time_zone})",
        "link": f"{site_address()}/admin/bookings/iobooking/{booking.pk}/change/",
    }
    send_mail(
        subject=_("Your hold on %(show)s ends soon") % words,
        message=_(
            "%(unit)s on %(show)s is held for the deal %(deal)s until %(until)s. Then the slot is free for others.\n\n"
            "Book it or let it go: %(link)s\n"
        )
        % words,
        from_email=None,
        recipient_list=[owner.email],
    )
