"""The morning mail: what one person's deals need today, in one letter, not one letter each."""

import logging
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime

from django.core.mail import EmailMultiAlternatives
from django.db import IntegrityError, transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from deals.alerts import sentence_of, standing_alerts, without_echo
from deals.models import Campaign, DealAlert, DeskDigest
from deals.rules import OPEN_STAGES
from tracker.accounts.models import User
from tracker.lib.dates import local_day
from tracker.tenants.context import current_tenant, tenant_zone

logger = logging.getLogger(__name__)

# The gravest word on a deal stands first; negotiation that stalled says more than being stuck does.
GRAVITY = ("unsigned", "stalled", "close_past", "stuck", "no_next_step", "no_reason")


@dataclass(frozen=True)
class DigestLine:
    """One deal of the letter: its alerts as sentences, the gravest first."""

    name: str
    sponsor: str
    stage: str
    value_cents: int
    currency: str
    url: str
    sentences: list[str]


@dataclass(frozen=True)
class DigestRun:
    sent: int
    failed: int


def send_digests(*, at: datetime) -> DigestRun:
    """Send every owner with standing alerts one letter for today; a second run of the day sends none again.

    A letter that cannot be sent is logged, leaves no mark, and is tried again by the next run. Today is the house's.
    """
    today = local_day(at, tenant_zone())
    told = set(DeskDigest.objects.filter(day=today).values_list("user_id", flat=True))
    sent = failed = 0
    for owner, alerts in _by_owner(told).items():
        try:
            sent += _send(owner, alerts, day=today, at=at)
        except OSError:
            logger.exception("The morning mail of one person could not be sent.")
            failed += 1
    return DigestRun(sent=sent, failed=failed)


def lines_of(alerts: list[DealAlert], *, base: str) -> list[DigestLine]:
    """Return one line for each deal, the deals with the gravest alert first."""
    by_deal: defaultdict[Campaign, list[DealAlert]] = defaultdict(list)
    for alert in sorted(alerts, key=lambda alert: GRAVITY.index(alert.kind)):
        by_deal[alert.campaign].append(alert)
    return [
        DigestLine(
            name=deal.name,
            sponsor=deal.sponsor.name,
            stage=deal.get_stage_display(),
            value_cents=deal.campaign_value,
            currency=deal.currency,
            url=base + reverse("admin:deals_campaign_change", args=[deal.pk]),
            sentences=[sentence_of(alert) for alert in without_echo(own)],
        )
        for deal, own in by_deal.items()
    ]


def _by_owner(told: set) -> dict[User, list[DealAlert]]:
    owners: defaultdict[User, list[DealAlert]] = defaultdict(list)
    for alert in standing_alerts():
        owner = alert.campaign.owner
        if owner is not None and owner.is_active and owner.pk not in told:
            owners[owner].append(alert)
    return owners


def _send(owner: User, alerts: list[DealAlert], *, day: date, at: datetime) -> int:
    try:
        with transaction.atomic():
            lines = lines_of(alerts, base=current_tenant().address)
            DeskDigest.objects.create(user=owner, day=day, sent_at=at, alerts=len(alerts))
            _letter(owner, lines, day=day).send()
    except IntegrityError:
        # Another run sent it in the meantime.
        return 0
    return 1


def _letter(owner: User, lines: list[DigestLine], *, day: date) -> EmailMultiAlternatives:
    house = current_tenant().name
    count = ngettext("%(count)s deal needs a look", "%(count)s deals need a look", len(lines)) % {"count": len(lines)}
    open_deals = owner.campaigns.filter(stage__in=OPEN_STAGES).count()
    board = current_tenant().address + reverse("admin:deals_campaign_board") + f"?owner={owner.pk}"
    context = {
        **{"owner": owner, "lines": lines, "day": day, "house": house, "headline": count},
        **{"open_deals": open_deals, "board": board},
    }
    letter = EmailMultiAlternatives(
        subject=_("%(house)s: %(count)s") % {"house": house, "count": count},
        body=render_to_string("deals/mail/digest.txt", context),
        to=[owner.email],
    )
    letter.attach_alternative(render_to_string("deals/mail/digest.html", context), "text/html")
    return letter
