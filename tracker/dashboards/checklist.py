"""The first steps of a new house. They tick themselves from data and go away when all are done."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from bookings.models import InsertionOrder
from deals.models import Campaign
from etl.models import Import
from metrics.models import Podcast

COOKIE = "checklist"


@dataclass(frozen=True)
class Step:
    title: Any
    hint: Any
    is_done: bool
    url: str
    action: Any


@dataclass(frozen=True)
class Checklist:
    steps: list[Step]

    @property
    def done(self) -> int:
        return sum(step.is_done for step in self.steps)

    @property
    def is_done(self) -> bool:
        return self.done == len(self.steps)


def checklist_of(request: HttpRequest) -> Checklist | None:
    """Return the steps with what is done, or None for somebody who has hidden them. One statement each, at most."""
    if request.COOKIES.get(COOKIE) == "hidden":
        return None
    orders = InsertionOrder.objects.exclude(status=InsertionOrder.Status.DRAFT)
    return Checklist(
        [
            Step(
                _("Add a podcast"),
                _("A title is enough; episodes follow."),
                Podcast.objects.exists(),
                _url("admin:metrics_podcast_add"),
                _("Add a podcast"),
            ),
            Step(
                _("Bring in the first figures"),
                _("Upload a metrics file; a template with your episodes is there."),
                Import.objects.filter(status=Import.Status.COMPLETED).exists(),
                _url("etl:imports"),
                _("Upload"),
            ),
            Step(
                _("Create the first deal"),
                _("A sponsor, a value, a day."),
                Campaign.objects.exists(),
                _url("admin:deals_campaign_add"),
                _("New deal"),
            ),
            Step(
                _("Send the first order"),
                _("From a won deal."),
                orders.exists(),
                _url("admin:bookings_insertionorder_changelist"),
                _("Orders"),
            ),
        ]
    )


def _url(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""
