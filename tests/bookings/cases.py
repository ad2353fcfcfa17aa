"""Cases of makegoods for tests: a line that fell short, a press, a slot to offer, the sums of a ledger."""

from django.db.models import Sum

from bookings.makegoods.ranking import RankedSlot
from bookings.makegoods.services import open_makegood
from bookings.models import IOBooking, Makegood, MakegoodEntry
from tests.bookings.deliveries import NOW, make_episode, make_line, make_show, measure, nov
from tracker.lib.actors import SYSTEM


def short_line(*, delivered: int = 7_000, booked: int = 10_000, **fields) -> IOBooking:
    """A dynamic line of 1 to 10 November that delivered 7,000 of 10,000, at a CPM of 25.00."""
    show = make_show()
    measure(make_episode(show, nov(-30)), [delivered // 10] * 10 + [0] * 10)
    return make_line(show=show, booked=booked, start=nov(1), end=nov(11), **fields)


def press(line: IOBooking, reason: str = "short", **fields) -> Makegood:
    return open_makegood(booking=line, reason=reason, by=SYSTEM, at=NOW, **fields)


def slot_of(line: IOBooking, *, start=None, end=None) -> RankedSlot:
    return RankedSlot(line.ad_unit, None, start or nov(25), end or nov(28), 3_000, "covers_all", "same position")


def books_of(case: Makegood) -> dict[str, int]:
    """The sums of a case's ledger by bucket."""
    sums = MakegoodEntry.objects.filter(makegood=case).values_list("bucket").annotate(sum=Sum("impressions"))
    return {bucket: total for bucket, total in sums if total}
