"""Sending the week: who is due, what they get, and how they stop it."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from email.mime.image import MIMEImage
from typing import Any

from django.conf import settings
from django.core import signing
from django.core.mail import EmailMultiAlternatives
from django.db import connection, transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from tracker.accounts.models import User
from tracker.dashboards.advertiser.page import ADVERTISER
from tracker.dashboards.cards import Loaded
from tracker.dashboards.creator.page import CREATOR
from tracker.dashboards.mails.picture import line_picture
from tracker.dashboards.models import MailPlan, MailStop, WeeklyMail
from tracker.dashboards.pages import Dashboard, cards_on
from tracker.flags.services import switched_on
from tracker.lib import words
from tracker.tenants.context import current_tenant

SALT = "weekly-mail-stop"
DAYS = {"days": "7"}
# The page whose week each kind of bound person gets.
PAGES: dict[str, Dashboard] = {"podcast": CREATOR, "sponsor": ADVERTISER}


@dataclass(frozen=True)
class Letter:
    """A mail ready to go: subject, both bodies, and the pictures that its HTML names by content id."""

    subject: str
    text: str
    html: str
    pictures: Mapping[str, bytes]
    stop_url: str


def is_due(*, plan: MailPlan | None, at: datetime) -> bool:
    """Return whether the house's mail goes out at this hour: its weekday, from its hour on."""
    if plan is None or not plan.is_on:
        return False
    local = at.astimezone(words.house_zone())
    return local.weekday() == plan.weekday and local.hour >= plan.hour


def week_of(at: datetime) -> date:
    """Return the Monday of the house's week."""
    today = at.astimezone(words.house_zone()).date()
    return today - timedelta(days=today.weekday())


def people_due(*, at: datetime) -> list[uuid.UUID]:
    """Return the bound, active people who want their week and have not had it."""
    people = User.objects.filter(is_active=True, role__bound_to__in=list(PAGES), bindings__isnull=False)
    people = people.filter(weekly_mail_stop__isnull=True).exclude(weekly_mails__week=week_of(at))
    return list(people.order_by("email").distinct().values_list("pk", flat=True).order_by("pk"))


@transaction.atomic
def send_week(*, user: User, at: datetime) -> bool:
    """Send one person their week; False when they had it or stopped it. The mail and its row go together."""
    if MailStop.objects.filter(user=user).exists() or user.role.bound_to not in PAGES:
        return False
    WeeklyMail.objects.bulk_create([WeeklyMail(user=user, week=week_of(at), sent_at=at)], ignore_conflicts=True)
    if not WeeklyMail.objects.filter(user=user, week=week_of(at), sent_at=at).exists():
        return False
    _deliver(user, letter_for(user=user, at=at))
    return True


def letter_for(*, user: User, at: datetime) -> Letter:
    """Return the week of a creator or an advertiser, by the same cards as their page."""
    dashboard = PAGES[user.role.bound_to]
    scope = dashboard.scope_of(user, DAYS if dashboard is CREATOR else {}, at=at)
    loaded = {card.name: Loaded(card, card.load(scope)) for card in cards_on(dashboard, switched_on())}
    summary = dashboard.summary(scope, loaded)
    address = current_tenant().address
    stop_url = address + reverse("dashboards:mail-stop", args=[stop_token(user)], urlconf=settings.ROOT_URLCONF)
    pictures = {}
    if dashboard is CREATOR and summary.revenue and summary.revenue.has_lines:
        revenue = summary.revenue
        days = revenue.days
        pictures["revenue"] = line_picture(
            [[revenue.earned_on(day) for day in days], [revenue.attributed_on(day) for day in days]]
        )
    context = {
        "user": user,
        "house": current_tenant().name,
        "scope": scope,
        "summary": summary,
        "cards": {name: one.data for name, one in loaded.items()},
        "page_url": address + reverse(f"dashboards:{dashboard.name}", urlconf=settings.ROOT_URLCONF),
        "stop_url": stop_url,
        "has_picture": bool(pictures),
    }
    return Letter(
        subject=_subject(dashboard, scope, summary),
        text=render_to_string(f"dashboards/mail/{dashboard.name}.txt", context),
        html=render_to_string(f"dashboards/mail/{dashboard.name}.html", context),
        pictures=pictures,
        stop_url=stop_url,
    )


def _subject(dashboard: Dashboard, scope: Any, summary: Any) -> str:
    if dashboard is CREATOR and summary.worst:
        booking = summary.worst.booking
        words_ = {"sponsor": booking.campaign.sponsor, "show": booking.ad_unit.podcast}
        return _("%(sponsor)s on %(show)s is behind") % words_
    what = ", ".join(podcast.title for podcast in scope.podcasts[:2]) if dashboard is CREATOR else str(scope.sponsor)
    return _("Your week: %(what)s") % {"what": what}


def _deliver(user: User, letter: Letter) -> None:
    mail = EmailMultiAlternatives(
        subject=" ".join(letter.subject.split()),
        body=letter.text,
        to=[user.email],
        # RFC 8058: mail programs offer their own button, which posts to the same address.
        headers={
            "List-Unsubscribe": f"<{letter.stop_url}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
    )
    mail.attach_alternative(letter.html, "text/html")
    for name, png in letter.pictures.items():
        picture = MIMEImage(png, "png")
        picture.add_header("Content-ID", f"<{name}>")
        picture.add_header("Content-Disposition", "inline", filename=f"{name}.png")
        mail.attach(picture)
    mail.send()


def stop_token(user: User) -> str:
    """Return the secret of the link with which one person stops the mail; it names the house and never expires."""
    return signing.dumps([connection.schema_name, str(user.pk)], salt=SALT, compress=False)


def person_of(token: str) -> User | None:
    """Return whose link this is, or None for a link of another house or of nobody."""
    try:
        schema, user_id = signing.loads(token, salt=SALT)
    except (signing.BadSignature, ValueError):
        return None
    return User.objects.filter(pk=user_id).first() if schema == connection.schema_name else None


def stop(*, user: User, at: datetime) -> None:
    """Send this person no more weekly mail. A second time changes nothing."""
    MailStop.objects.get_or_create(user=user, defaults={"stopped_at": at})


def resume(*, user: User) -> None:
    """Send it again."""
    MailStop.objects.filter(user=user).delete()
