"""Everything the page of one booking tells, read in a fixed number of statements and laid out for its template."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q
from django.utils.translation import gettext as _

from bookings.delivery.airchecks import SpotToProve, spots_to_prove
from bookings.delivery.attribution import Attribution, attribution_of, attribution_of_campaign
from bookings.delivery.billing import Bill, Reconciliation, bill_of, reconciliation_of
from bookings.delivery.booking_pace import BookingPace, SpotPace
from bookings.delivery.inputs import gather
from bookings.delivery.paces import Pacer
from bookings.delivery.pauses import blackouts_of
from bookings.delivery.queries import pacing_of
from bookings.makegoods.ranking import RankedSlot, ranked_slots
from bookings.models import Aircheck, DeliveryPause, DeliverySnapshot, IOBooking, Makegood, OrderVersion
from bookings.pacing import days_of
from bookings.pricing import OrderTotals, order_totals
from tracker.events.models import Event
from tracker.lib import charts, words

TIMELINE = 40
# More days than this are drawn by the week.
MOST_POINTS = 200


@dataclass(frozen=True)
class CurveChart:
    """Cumulative downloads by day, as percent coordinates for the template: delivered, expected, projected."""

    label: str
    y_ticks: list[charts.Tick]
    x_ticks: list[charts.Tick]
    expected: str
    delivered: str
    projected: str
    fan: str
    as_of_x: str
    as_of_y: str
    expected_end: str
    projected_end: str
    expected_label: str
    projected_label: str
    rows: list[tuple[date, int | None, int | None, int | None]]


@dataclass(frozen=True)
class EpisodeRow:
    """A line of the episodes table: how it delivers, and its proof."""

    pace: SpotPace
    proof: SpotToProve | None
    # Cumulative downloads at the end of each day in the window, and what was expected of them.
    so_far: list[float]
    usual: list[float]


@dataclass(frozen=True)
class TimelineEntry:
    """One thing that happened: icon, tone, words, when, and by whom or by which door."""

    icon: str
    tone: str
    text: str
    at: datetime
    by: str


@dataclass(frozen=True)
class BookingView:
    """All of a booking's page. Money is cents of `booking.order.currency`."""

    booking: IOBooking
    pace: BookingPace
    chart: CurveChart | None
    totals: OrderTotals
    episodes: list[EpisodeRow]
    proofs: list[SpotToProve]
    cases: list[Makegood]
    open_case: Makegood | None
    slots: list[RankedSlot]
    reconciliation: Reconciliation
    bill: Bill
    attribution: Attribution
    timeline: list[TimelineEntry]
    known: list[DeliverySnapshot]
    # What was known at the end of the day that was asked for, from the kept restatements.
    known_on: date | None
    known_then: BookingPace | None
    campaign: Attribution | None
    pauses: list[tuple[DeliveryPause, date, date]]
    documents: list[OrderVersion]
    today: date

    @property
    def whole_deal(self) -> Attribution | None:
        """What the whole deal's lines were seen to bring, where it has more of them than this one."""
        return self.campaign if self.campaign is not None and self.campaign.lines > 1 else None

    @property
    def overdue_proofs(self) -> int:
        return sum(1 for spot in self.proofs if spot.is_overdue(self.today))


def booking_view(booking: IOBooking, *, at: datetime, with_slots: bool, known_on: date | None = None) -> BookingView:
    """Return what the page of a booking shows. `with_slots`: also free slots for its open case (for staff).

    `known_on`: also what was known at the end of that day (UTC).
    """
    (pace,) = pacing_of([booking], at=at)
    line = pace.booking
    inputs = gather([line], at=at)
    pacer = Pacer(inputs, inputs.bands)
    proofs = spots_to_prove([line], at=at)
    by_episode = {spot.episode.pk: spot for spot in proofs if spot.episode is not None}
    cases = list(
        Makegood.objects.filter(booking=line)
        .select_related("booking__order", "booking__ad_unit__podcast", "replacement__ad_unit", "replacement__episode")
        .prefetch_related("offers__options__ad_unit__podcast", "offers__options__episode", "entries")
        .order_by("-opened_at")
    )
    open_case = next((case for case in cases if case.status in ("proposed", "opened", "offered")), None)
    return BookingView(
        booking=line,
        pace=pace,
        chart=_chart(pacer, pace),
        totals=order_totals([line.gross_cents], commission_permille=line.order.commission_permille),
        episodes=_episode_rows(pacer, pace, by_episode),
        proofs=proofs,
        cases=cases,
        open_case=open_case,
        slots=ranked_slots(open_case, at=at) if with_slots and open_case is not None else [],
        reconciliation=reconciliation_of(line, at=at),
        bill=bill_of(line, at=at),
        attribution=attribution_of(pace, at=at),
        timeline=_timeline(line, cases, proofs),
        known=list(DeliverySnapshot.objects.filter(booking=line).order_by("-known_on")[:7]),
        known_on=known_on,
        known_then=None if known_on is None else _known_then(line, known_on),
        campaign=attribution_of_campaign(line.campaign, at=at),
        pauses=blackouts_of(line),
        documents=_documents(line),
        today=at.astimezone(UTC).date(),
    )


def _documents(line: IOBooking) -> list[OrderVersion]:
    """The versions of the line's order that were sent, newest first, without their bytes; `is_signed` on each."""
    versions = OrderVersion.objects.filter(order=line.order_id).defer("pdf", "signed_pdf", "document")
    return list(versions.annotate(is_signed=Q(signed_pdf__isnull=False)).order_by("-number"))


def _known_then(line: IOBooking, known_on: date) -> BookingPace:
    end = datetime.combine(known_on + timedelta(days=1), time.min, tzinfo=UTC)
    (pace,) = pacing_of([line], at=end, known_at=end)
    return pace


def _episode_rows(pacer: Pacer, pace: BookingPace, proofs: dict[UUID, SpotToProve]) -> list[EpisodeRow]:
    """The episodes of a baked-in line with their curves."""
    (flight,) = pacer.inputs.flights
    return [EpisodeRow(spot, proofs.get(spot.episode.pk), *pacer.spot_curve(flight, spot)) for spot in pace.spots]


# --- the chart --------------------------------------------------------------------------------------------------------
def _chart(pacer: Pacer, pace: BookingPace) -> CurveChart | None:
    """Lay out the curves; None while nothing was measured."""
    if pace.as_of is None or pace.own_delivered is None:
        return None
    (flight,) = pacer.inputs.flights
    days = days_of(pace.first_day, max(pace.closes_on, pace.last_day))
    expected = pacer.expected_by_day(flight, days)
    counts = pacer.delivered_by_day(flight)
    delivered = _running(counts, [day for day in days if day <= pace.as_of])
    projected = _ahead(pace, days, expected, "projection")
    low, high = _ahead(pace, days, expected, "projection_low"), _ahead(pace, days, expected, "projection_high")
    step = max(1, -(-len(days) // MOST_POINTS))
    keep = sorted({*range(0, len(days), step), len(days) - 1, max(0, len(delivered) - 1)})
    return _laid_out(pace, days, expected, delivered, projected, low, high, keep)


def _running(counts: dict[date, int], days: Sequence[date]) -> list[float | None]:
    total, known, running = 0, False, []
    for day in days:
        total += counts.get(day, 0)
        known = known or day in counts
        running.append(float(total) if known else None)
    return running


def _ahead(pace: BookingPace, days: Sequence[date], expected: Sequence[float | None], end: str) -> list[float | None]:
    """From what is delivered to an end, along the shape of what is expected (straight where that is unknown)."""
    target, own = getattr(pace, end), pace.own_delivered
    if target is None or own is None or pace.as_of is None:
        return [None] * len(days)
    target -= pace.makegood_delivered
    start = next((place for place, day in enumerate(days) if day >= pace.as_of), len(days) - 1)
    base, last = expected[start], expected[-1]
    path: list[float | None] = [None] * start
    for place in range(start, len(days)):
        share = (place - start) / max(1, len(days) - 1 - start)
        here = expected[place]
        if base is not None and last is not None and here is not None and last > base:
            share = (here - base) / (last - base)
        path.append(own + (target - own) * share)
    return path


def _laid_out(
    pace: BookingPace,
    days: list[date],
    expected: list[float | None],
    delivered: list[float | None],
    projected: list[float | None],
    low: list[float | None],
    high: list[float | None],
    keep: list[int],
) -> CurveChart:
    everything = [value for line in (expected, delivered, projected, high) for value in line if value is not None]
    top, step = charts.nice_top(max([*everything, 1.0]))

    def x_of(place: int) -> str:
        return charts.at(100 * place / max(1, len(days) - 1))

    def y_of(value: float) -> str:
        return charts.at(100 - 100 * value / top)

    def path(values: Sequence[float | None]) -> str:
        points = [(place, values[place]) for place in keep if place < len(values) and values[place] is not None]
        return "M" + " L".join(f"{x_of(place)} {y_of(value or 0)}" for place, value in points) if points else ""

    back = [(place, low[place]) for place in reversed(keep) if place < len(low) and low[place] is not None]
    fan = ""
    if back and (upper := path(high)):
        fan = upper + " L" + " L".join(f"{x_of(place)} {y_of(value or 0)}" for place, value in back) + " Z"
    now = max(0, min(len(delivered), len(days)) - 1)
    ticks = sorted({0, len(days) // 3, 2 * len(days) // 3, len(days) - 1})
    anchors = {0: "start", len(days) - 1: "end"}
    rows = [
        (
            days[place],
            _whole(delivered[place]) if place < len(delivered) else None,
            _whole(expected[place]),
            _whole(projected[place]) if days[place] > (pace.as_of or days[place]) else None,
        )
        for place in keep
    ]
    ends = {"expected": expected[-1], "projected": projected[-1]}
    expected_y, projected_y = _apart(ends["expected"], ends["projected"], top)
    return CurveChart(
        label=_("Cumulative downloads: expected, delivered and projected"),
        y_ticks=[charts.Tick(y_of(k * step), words.short_number(k * step)) for k in range(round(top / step) + 1)],
        x_ticks=[charts.Tick(x_of(place), words.day(days[place]), anchors.get(place, "middle")) for place in ticks],
        expected=path(expected),
        delivered=path(delivered),
        projected=path(projected),
        fan=fan,
        as_of_x=x_of(now),
        as_of_y=y_of(next((value for value in reversed(delivered) if value is not None), 0.0)),
        expected_end=expected_y,
        projected_end=projected_y,
        expected_label=words.short_number(ends["expected"]) if ends["expected"] is not None else "",
        projected_label=words.short_number(ends["projected"]) if ends["projected"] is not None else "",
        rows=rows,
    )


def _apart(first: float | None, second: float | None, top: float) -> tuple[str, str]:
    """Where two labels stand at the end of their lines, at least a sixth of the height from each other."""
    places = [None if value is None else 100 - 100 * value / top for value in (first, second)]
    if places[0] is not None and places[1] is not None and abs(places[0] - places[1]) < 16:
        middle = (places[0] + places[1]) / 2
        upper, lower = middle - 8, middle + 8
        places = [upper, lower] if places[0] <= places[1] else [lower, upper]
    return tuple("" if place is None else charts.at(place) for place in places)  # type: ignore[return-value]


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


# --- the timeline -----------------------------------------------------------------------------------------------------
_LOOKS = {
    "io.booked": ("file", ""),
    "io.scheduled": ("scheduled", ""),
    "io.status_changed": ("play", ""),
    "io.delivered": ("done", "tone-good"),
    "io.pdf_exported": ("download", ""),
    "io.changed": ("pen", ""),
    "io.count_agreed": ("check", "tone-good"),
    "io.billed": ("file", "tone-good"),
    "makegood.proposed": ("info", "tone-watch"),
    "makegood.opened": ("alert", "tone-watch"),
    "makegood.due": ("clock", "tone-watch"),
    "aircheck.overdue": ("clock", "tone-watch"),
}


def _timeline(line: IOBooking, cases: list[Makegood], proofs: list[SpotToProve]) -> list[TimelineEntry]:
    """What happened to a booking, its cases and its proofs, newest first; restated counts among it."""
    subjects = [str(line.pk), *(str(case.pk) for case in cases)]
    subjects += [str(spot.aircheck.pk) for spot in proofs if spot.aircheck is not None]
    events = Event.objects.filter(
        subject_type__in=["bookings.iobooking", "bookings.makegood", "bookings.aircheck"], subject_id__in=subjects
    ).order_by("-seq")[:TIMELINE]
    entries = [_entry(event) for event in events]
    entries += _restatements(line)
    return sorted(entries, key=lambda entry: entry.at, reverse=True)[:TIMELINE]


def _entry(event: Event) -> TimelineEntry:
    icon, tone = _LOOKS.get(event.type, ("again" if event.type.startswith("makegood") else "info", ""))
    return TimelineEntry(icon, tone, _sentence(event), event.at, event.actor.get("label", ""))


def _sentence(event: Event) -> str:
    data = event.data
    if event.type == "io.status_changed":
        state = dict(IOBooking.Status.choices).get(data.get("to_status", ""), data.get("to_status", ""))
        reason = f": {data['reason']}" if data.get("reason") else ""
        return f"{str(state).capitalize()}{reason}"
    if event.type.startswith("makegood."):
        state = event.type.partition(".")[2].replace("_", " ")
        count = words.number(data.get("outstanding_impressions") or data.get("owed_impressions"))
        return _("Makegood %(state)s, %(count)s downloads") % {"state": state, "count": count}
    if event.type.startswith("aircheck."):
        verdict = dict(Aircheck.Verdict.choices).get(data.get("verdict", ""), "")
        sentences = {
            "aircheck.submitted": _("Proof of a read sent"),
            "aircheck.overdue": _("Proof of a read is overdue"),
            "aircheck.judged": _("Read judged: %(verdict)s") % {"verdict": verdict},
        }
        return sentences.get(event.type, event.type)
    sentences = {
        "io.booked": _("Booked"),
        "io.scheduled": _("Scheduled"),
        "io.delivered": _("Delivered"),
        "io.pdf_exported": _("Order exported as PDF"),
        "io.changed": _("Changed"),
        "io.count_agreed": _("Count agreed: %(count)s") % {"count": words.number(data.get("impressions"))},
        "io.billed": _("Released to billing"),
        "io.hold_ending": _("The hold ends within a day"),
        "copy.proposed": _("Copy sent to the show"),
        "copy.change_asked": _("The show asks for a change in copy"),
        "copy.approved": _("Copy accepted"),
        "copy.late": _("Copy is late"),
    }
    return sentences.get(event.type, event.type)


_RESTATED = """
SELECT restated.recorded_at, restated.label, episodes.title, episodes.number, sum(kept.downloads)::bigint,
       sum(coalesce(kept.then_downloads, facts.downloads))::bigint
FROM (
    SELECT *, lead(downloads) OVER (PARTITION BY day, episode_code, source_code ORDER BY replaced_id) AS then_downloads
    FROM listener_metrics_replaced WHERE breakdown_code = 0
) AS kept
JOIN metric_batches AS restated ON restated.code = kept.replaced_by
JOIN metric_sources ON metric_sources.code = kept.source_code
JOIN episodes ON episodes.code = kept.episode_code
LEFT JOIN listener_metrics_totals AS facts
  ON facts.day = kept.day AND facts.episode_code = kept.episode_code AND facts.source_code = kept.source_code
WHERE episodes.episode_id = ANY(%s) AND metric_sources.name = %s AND kept.day BETWEEN %s AND %s
GROUP BY restated.recorded_at, restated.label, episodes.episode_id, episodes.title, episodes.number
HAVING sum(kept.downloads) <> sum(coalesce(kept.then_downloads, facts.downloads))
ORDER BY restated.recorded_at DESC LIMIT 10
"""


def _restatements(line: IOBooking) -> list[TimelineEntry]:
    """Counts of the line's episodes that its source corrected later: what they were, and what they became."""
    episodes: list[UUID] = [line.episode_id] if line.episode_id else _episodes_in_flight(line)
    if not episodes:
        return []
    first = line.flight_start.date() - timedelta(days=1)
    last = line.flight_end.date() + timedelta(days=60)
    parameters: list[Any] = [episodes, line.order.measurement_of_record, first, last]
    with connection.cursor() as cursor:
        cursor.execute(_RESTATED, parameters)
        rows = cursor.fetchall()
    return [
        TimelineEntry(
            "undo",
            "",
            _("%(source)s restated %(episode)s: %(was)s → %(now)s")
            % {
                "source": line.order.measurement_of_record,
                "episode": _("ep. %(number)s") % {"number": number} if number else title,
                "was": words.number(was),
                "now": words.number(now),
            },
            at,
            label or _("import"),
        )
        for at, label, title, number, was, now in rows
    ]


def _episodes_in_flight(line: IOBooking) -> list[UUID]:
    episodes = line.ad_unit.podcast.episodes.filter(drops_at__gte=line.flight_start, drops_at__lt=line.flight_end)
    return list(episodes.values_list("pk", flat=True))
