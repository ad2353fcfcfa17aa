"""Everything that happened to a deal, newest first: moves, notes, files, proposals, alerts, bookings, orders."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings.models import Aircheck, IOBooking, Makegood
from deals.models import Campaign
from tracker.events.models import Event
from tracker.lib import words

LENGTH = 100

# What happened to a booking, an order, a case or a proof, in words; and the glyph beside it.
BOOKED: dict[str, tuple[str, Any]] = {
    "io.scheduled": ("scheduled", gettext_lazy("Booking scheduled")),
    "io.booked": ("plus", gettext_lazy("Booking entered, not scheduled yet")),
    "io.changed": ("sliders", gettext_lazy("Booking changed")),
    "io.delivered": ("done", gettext_lazy("Booking delivered")),
    "io.pdf_exported": ("file", gettext_lazy("Order printed as PDF")),
    "io.hold_ending": ("clock", gettext_lazy("A hold is about to end")),
    "io.count_agreed": ("done", gettext_lazy("Count agreed")),
    "io.billed": ("file", gettext_lazy("Released for billing")),
    "order.drafted": ("plus", gettext_lazy("Insertion order drafted")),
    "order.numbered": ("file", gettext_lazy("Insertion order numbered")),
    "order.sent": ("file", gettext_lazy("Insertion order sent")),
    "order.signed": ("done", gettext_lazy("Insertion order signed")),
    "makegood.opened": ("again", gettext_lazy("Makegood case opened")),
    "makegood.proposed": ("again", gettext_lazy("Makegood case proposed")),
    "makegood.offered": ("again", gettext_lazy("Makegood offered")),
    "makegood.accepted": ("again", gettext_lazy("Makegood accepted")),
    "makegood.declined": ("again", gettext_lazy("Makegood declined")),
    "makegood.scheduled": ("again", gettext_lazy("Makegood scheduled")),
    "makegood.fulfilled": ("done", gettext_lazy("Makegood fulfilled")),
    "makegood.credited": ("again", gettext_lazy("Makegood credited")),
    "makegood.waived": ("again", gettext_lazy("Makegood waived")),
    "makegood.adjusted": ("again", gettext_lazy("Makegood case adjusted")),
    "makegood.due": ("bell", gettext_lazy("Makegood is due")),
    "aircheck.submitted": ("mic", gettext_lazy("Proof of a read sent")),
    "aircheck.judged": ("mic", gettext_lazy("Proof of a read judged")),
    "aircheck.overdue": ("bell", gettext_lazy("Proof of a read is overdue")),
}


@dataclass(frozen=True)
class Step:
    """One line of the timeline. text is what a person wrote, icon a glyph; who: a person, a job, an import."""

    at: datetime
    icon: str
    title: str
    who: str
    text: str = ""


def timeline(deal: Campaign, bookings: list[IOBooking]) -> list[Step]:
    """Return what happened to a deal, its bookings, orders, cases and proofs, newest first, at most LENGTH lines.

    As many statements for one booking as for twenty. Notes are read from where they are kept, not from their events.
    """
    lines = [booking.pk for booking in bookings]
    about = {
        "deals.campaign": [deal.pk],
        "bookings.iobooking": lines,
        "bookings.insertionorder": deal.orders.values_list("pk", flat=True),
        "bookings.makegood": Makegood.objects.filter(booking__in=lines).values_list("pk", flat=True),
        "bookings.aircheck": Aircheck.objects.filter(booking__in=lines).values_list("pk", flat=True),
    }
    wanted = Q()
    for kind, keys in about.items():
        wanted |= Q(subject_type=kind, subject_id__in=[str(key) for key in keys])
    events = list(Event.objects.filter(wanted).exclude(type="deal.noted").order_by("-seq")[:LENGTH])
    # The first scheduling is told twice, as itself and as a change of status: one line of it is enough.
    first = {(event.subject_id, event.at) for event in events if event.type == "io.scheduled"}
    units = {str(booking.pk): f"{booking.ad_unit} · {booking.ad_unit.podcast}" for booking in bookings}
    steps = [
        _step(event, units)
        for event in events
        if not (event.type == "io.status_changed" and (event.subject_id, event.at) in first)
    ]
    for note in deal.deal_notes.order_by("-written_at")[:LENGTH]:
        title = note.get_kind_display().capitalize()
        steps.append(Step(note.written_at, "info", title, note.written_by.get("label", ""), note.text))
    return sorted(steps, key=lambda step: step.at, reverse=True)[:LENGTH]


def _step(event: Event, units: dict[str, str]) -> Step:
    data, who = event.data, _who(event)
    match event.type:
        case "deal.opened":
            return Step(event.at, "plus", _("Opened as a lead"), who)
        case "deal.stage_changed":
            stages = {"was": Campaign.Stage(data["from"]).label, "now": Campaign.Stage(data["to"]).label}
            title = _("Moved from %(was)s to %(now)s") % stages
            if data.get("forced"):
                title += " " + _("(an exception)")
            return Step(event.at, data["to"], title, who, data.get("reason", ""))
        case "deal.changed":
            fields = ", ".join(str(Campaign._meta.get_field(name).verbose_name) for name in data["fields"])
            return Step(event.at, "sliders", _("Changed: %(fields)s") % {"fields": fields}, who)
        case "deal.file_added":
            return Step(event.at, "file", _("File kept: %(name)s") % {"name": data["name"]}, who)
        case "deal.proposal_made":
            return Step(event.at, "file", _made(data), who, _offer(data))
        case "deal_pipeline.alert":
            return Step(event.at, "bell", _("Alert"), who, data.get("message", ""))
        case "io.status_changed":
            stages = {"was": _status(data["from_status"]), "now": _status(data["to_status"])}
            text = _("from %(was)s to %(now)s") % stages
            return Step(event.at, "again", _("Booking moved"), who, f"{_line(data, units)}: {text}".lstrip(": "))
    icon, title = BOOKED.get(event.type, ("file", event.type.replace(".", " ").replace("_", " ").capitalize()))
    text = data.get("number", "") if event.type.startswith("order.") else _line(data, units)
    return Step(event.at, icon, str(title), who, text)


def _who(event: Event) -> str:
    label = event.actor.get("label", "")
    return _("Import of %(file)s") % {"file": label} if event.actor.get("kind") == "import" else label


def _line(data: dict[str, Any], units: dict[str, str]) -> str:
    return units.get(str(data.get("io_id", "")), "")


def _status(status: str) -> str:
    return str(IOBooking.Status(status).label) if status in IOBooking.Status.values else status


def _made(data: dict[str, Any]) -> str:
    return _("Proposal made: %(number)s, version %(version)s") % data


def _offer(data: dict[str, Any]) -> str:
    until = words.day(date.fromisoformat(data["stands_until"]))
    sums = {"net": words.money(data["net_cents"], data["currency"]), "day": until}
    return _("%(net)s net, stands until %(day)s") % sums
