"""CSV that people download: templates with their own ids, and the rows that could not be taken."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta

from bookings.models import AdUnit
from deals.models import Campaign
from etl.models import Import
from etl.queries import issues_of
from etl.records import BOOKING_COLUMNS, METRIC_COLUMNS
from metrics.models import Episode
from tracker.lib.spreadsheets import inert

MOST_TEMPLATE_ROWS = 2_000


def csv_lines(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield the lines of a CSV file, each cell inert."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(header)
    yield buffer.getvalue()
    for row in rows:
        buffer.seek(0)
        buffer.truncate()
        writer.writerow([_cell(cell) for cell in row])
        yield buffer.getvalue()


def metrics_template(*, today: date) -> Iterator[str]:
    """Yield a metrics file with a row for each of the house's newest episodes, its figures left blank.

    The last two columns say which episode it is; an import does not read them.
    """
    episodes = Episode.objects.filter(is_published=True).select_related("podcast").order_by("-drops_at", "episode_id")
    yesterday = (today - timedelta(days=1)).isoformat()
    rows = (
        [yesterday, episode.pk, "", *[""] * 6, episode.podcast.title, episode.title]
        for episode in episodes[:MOST_TEMPLATE_ROWS]
    )
    return csv_lines([*METRIC_COLUMNS, "show", "episode"], rows)


def bookings_template(*, today: date) -> Iterator[str]:
    """Yield a bookings file with a row for each ad unit for sale, with the show's next episode and the newest deal.

    The last columns say what the ids mean; an import does not read them.
    """
    deal = Campaign.objects.filter(stage__in=("won", "negotiation")).order_by("-stage_changed_at").first()
    coming = {
        episode.podcast_id: episode
        for episode in Episode.objects.filter(is_published=False, drops_at__date__gte=today).order_by("-drops_at")
    }
    units = (
        AdUnit.objects.filter(is_active=True).select_related("podcast").order_by("podcast__title", "position", "name")
    )

    def row(unit: AdUnit) -> list[object]:
        episode = coming.get(unit.podcast_id) if unit.delivery == AdUnit.Delivery.BAKED_IN else None
        return [
            *(deal.pk if deal else "", unit.pk, episode.pk if episode else "", "", "", "", unit.rate_cpm_cents or ""),
            *("", "", deal or "", unit.podcast.title, unit.name, episode.title if episode else ""),
        ]

    header = [*BOOKING_COLUMNS, "deal", "show", "ad_unit", "episode"]
    return csv_lines(header, (row(unit) for unit in units[:MOST_TEMPLATE_ROWS]))


def sales_template(*, today: date) -> Iterator[str]:
    """Yield the header of a report of sales by code; one advertiser fills it in, so it holds nobody's codes."""
    return csv_lines(["promo_code", "day", "orders", "revenue", "new_customers"], [])


def rejected_rows(run: Import) -> Iterator[str]:
    """Yield the cells of an import that could not be taken, as CSV."""
    found = issues_of(run).values_list("line", "column", "value", "reason").iterator()
    return csv_lines(["line", "column", "value", "reason"], found)


def _cell(value: object) -> str:
    return "" if value is None else str(inert(str(value)))
