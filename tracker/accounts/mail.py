"""Letters to people of one tenant."""

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from tracker.accounts.models import Invitation


def send_invitation(*, address: str, invitation: Invitation, token: str, house: str) -> None:
    """Send the letter with the link that lets one person in.

    `address` is the house's site ("https://acme.example", without a slash at its end), `house` what it is called.
    """
    link = address + reverse("invitation-accept", args=[token], urlconf=settings.ROOT_URLCONF)
    context = {"invitation": invitation, "link": link, "house": house}
    send_mail(
        subject=_("You are invited to %(house)s") % {"house": house},
        message=render_to_string("account/email/invitation.txt", context),
        from_email=None,
        recipient_list=[invitation.email],
    )
