"""What imports do when something happened elsewhere, or to them."""

from django.core.mail import send_mail
from django.utils.translation import gettext as _

from bookings.links import site_address
from etl.cadence import shown_kind
from tracker.accounts.models import User
from tracker.events.models import Event
from tracker.events.services import subscribe

# Who looks after the data of a house.
TOLD = ("administrator", "ops")


@subscribe("etl.source_late")
def tell_of_a_late_source(event: Event) -> None:
    """Mail those who look after the data that a source is late against its own rhythm. Once for each time it is."""
    people = User.objects.filter(role_id__in=TOLD, is_active=True).exclude(email="").order_by("email")
    addresses = list(people.values_list("email", flat=True))
    if not addresses:
        return
    words = {
        "what": shown_kind(event.data["kind"]),
        "last": event.data["last_success_at"][:16].replace("T", " "),
        "due": event.data["due_at"][:16].replace("T", " "),
        "link": f"{site_address()}/imports",
    }
    send_mail(
        subject=_("Late: %(what)s") % words,
        message=_(
            "%(what)s usually came by %(due)s UTC and has not. The last good import was %(last)s UTC.\n\n%(link)s\n"
        )
        % words,
        from_email=None,
        recipient_list=addresses,
    )
