"""What bookings do when something happened elsewhere. Each may be called twice for one event."""

from zoneinfo import ZoneInfo

from django.core.mail import send_mail
from django.utils import timezone
from django.utils.translation import gettext as _

from bookings.links import site_address
from bookings.models import BookingCopy, CopyAlert, InsertionOrder, IOBooking
from bookings.services.moves import move_booking
from bookings.services.orders import draft_order
from deals.models import Campaign
from tracker.accounts.models import User
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


@subscribe("copy.proposed")
def ask_the_show(event: Event) -> None:
    """Mail the people of the show that copy waits for them; a version that was answered meanwhile is not told."""
    found = BookingCopy.objects.select_related("booking__ad_unit__podcast", "booking__campaign__sponsor")
    copy = found.filter(pk=event.data["copy_id"], status=BookingCopy.Status.PROPOSED).first()
    if copy is None:
        return
    people = User.objects.filter(
        is_active=True, bindings__kind="podcast", bindings__object_id=copy.booking.ad_unit.podcast_id
    )
    words = {
        "sponsor": copy.booking.campaign.sponsor,
        "show": copy.booking.ad_unit.podcast,
        "due": f"{copy.due_on:%-d %b %Y}" if copy.due_on else _("its first read"),
        "link": f"{site_address()}/bookings/{copy.booking_id}/copy",
    }
    subject = _("Copy for %(sponsor)s waits for you") % words
    text = _(
        "What %(show)s should say for %(sponsor)s is ready to read. Accept it, or ask for a change, by %(due)s:\n\n"
        "%(link)s\n"
    )
    for person in people.order_by("email").distinct():
        _send(subject, text % words, person.email)


@subscribe("copy.change_asked")
def tell_sales_of_a_change(event: Event) -> None:
    """Mail the deal's owner what the show asks for."""
    booking = _booking_with_owner(event)
    owner = booking.campaign.owner if booking else None
    if booking is None or owner is None:
        return
    words = {"show": booking.ad_unit.podcast, "sponsor": booking.campaign.sponsor, "answer": event.data["answer"]}
    text = _("%(show)s asks for a change in the copy for %(sponsor)s:\n\n%(answer)s\n\nWrite a new version: %(link)s\n")
    words |= {"link": f"{site_address()}/bookings/{booking.pk}/copy"}
    _send(_("%(show)s asks for a change in copy") % words, text % words, owner.email)


@subscribe("copy.late")
def tell_sales_of_late_copy(event: Event) -> None:
    """Mail the deal's owner that copy is late, while it still is."""
    booking = _booking_with_owner(event)
    owner = booking.campaign.owner if booking else None
    alerts = CopyAlert.objects.filter(booking=booking, kind=event.data["kind"], cleared_at__isnull=True)
    alert = alerts.first() if booking else None
    if booking is None or owner is None or alert is None:
        return
    words = {
        "show": booking.ad_unit.podcast,
        "sponsor": booking.campaign.sponsor,
        "why": alert.get_kind_display(),
        "due": f"{alert.due_on:%-d %b %Y}",
        "link": f"{site_address()}/bookings/{booking.pk}/copy",
    }
    text = _("The copy for %(sponsor)s on %(show)s was due on %(due)s: %(why)s.\n\n%(link)s\n")
    _send(_("Copy for %(sponsor)s on %(show)s is late") % words, text % words, owner.email)


def _booking_with_owner(event: Event) -> IOBooking | None:
    found = IOBooking.objects.select_related("campaign__owner", "campaign__sponsor", "ad_unit__podcast")
    return found.filter(pk=event.subject_id).first()


def _send(subject: str, message: str, to: str) -> None:
    send_mail(subject=" ".join(subject.split())[:200], message=message, from_email=None, recipient_list=[to])
