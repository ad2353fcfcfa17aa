"""How lines that share a dynamic unit share its impressions: each is served to one of them, so it counts for one."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from bookings.delivery.inputs import Flight, Inputs, zone_of
from bookings.delivery.pauses import ineligible_days
from bookings.models import IOBooking
from tracker.lib.dates import local_day


@dataclass(frozen=True)
class _Sharer:
    """A line on a shared unit: on which days it runs, and what it asks of each of them."""

    booking_id: UUID
    first: date
    last: date
    left_out: frozenset[date]
    wanted: float

    def runs_on(self, day: date) -> bool:
        return self.first <= day <= self.last and day not in self.left_out


class Sharing:
    """Splits what a shared unit delivered on a day among the lines that ran on it.

    Each line's part is its share of what all of them ask of that day (booked / eligible days). Parts are whole, and
    those of lines that count the same downloads add up to them: no impression is counted twice, and none is lost.
    """

    def __init__(self, inputs: Inputs) -> None:
        by_unit: dict[UUID, dict[UUID, _Sharer]] = defaultdict(dict)
        for flight in [*inputs.flights, *inputs.sharers]:
            if flight.booking.ad_unit.is_shared:
                by_unit[flight.booking.ad_unit_id][flight.booking.pk] = _sharer(flight, inputs)
        self._by_unit = {
            unit: sorted(lines.values(), key=lambda one: one.booking_id.bytes) for unit, lines in by_unit.items()
        }
        self._parts: dict[tuple[UUID, object], dict[date, dict[UUID, int]]] = defaultdict(dict)

    def part_of(self, flight: Flight, counted: Mapping[date, int], key: object) -> dict[date, int]:
        """The line's own part of `counted` downloads by day. `key` names what was counted (show or episode, source)."""
        unit = flight.booking.ad_unit_id
        parts = self._parts[unit, key]
        own = {}
        for day, count in counted.items():
            if not flight.first <= day <= flight.last:
                continue
            if day not in parts:
                running = [line for line in self._by_unit[unit] if line.runs_on(day)]
                parts[day] = dict(zip((line.booking_id for line in running), _split(count, running), strict=True))
            if flight.booking.pk in parts[day]:
                own[day] = parts[day][flight.booking.pk]
        return own


def _sharer(flight: Flight, inputs: Inputs) -> _Sharer:
    zone = zone_of(flight.booking)
    last = flight.last
    if flight.booking.status == IOBooking.Status.CANCELLED:
        # What was cancelled ran until then.
        last = min(last, local_day(flight.booking.status_changed_at, zone))
    left_out = ineligible_days(flight.first, flight.last, zone, inputs.pauses.get(flight.booking.pk, ()))
    eligible = (flight.last - flight.first).days + 1 - len(left_out)
    wanted = max(flight.booking.booked_impressions, 1) / max(eligible, 1)
    return _Sharer(flight.booking.pk, flight.first, last, frozenset(left_out), wanted)


def _split(count: int, lines: Sequence[_Sharer]) -> Iterable[int]:
    """Whole parts of a count in proportion to what is wanted; the largest remainders take what is over."""
    total = sum(line.wanted for line in lines)
    exact = [count * line.wanted / total for line in lines]
    parts = [int(part) for part in exact]
    order = sorted(range(len(lines)), key=lambda place: (parts[place] - exact[place], place))
    for place in order[: count - sum(parts)]:
        parts[place] += 1
    return parts
