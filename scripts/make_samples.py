"""Write samples/*.csv: the two contract files, with the fixed ids of the demo. Run: python -m scripts.make_samples

The same call writes the same bytes. Both files import whole into the demo: the metrics speak of a source that the demo
does not use, the bookings take the unit that it leaves free (tracker/demo/ids.py).
"""

import csv
import random
from datetime import date, timedelta
from pathlib import Path

from tracker.demo.ids import FREE_UNIT, SAMPLE_DEALS, SAMPLE_SOURCE, SHOWS, demo_id

FOLDER = Path(__file__).resolve().parent.parent / "samples"
FIRST_DAY = date(2025, 11, 3)
DAYS = 14
SAMPLE_SHOWS = SHOWS[:10]
FIRST_FLIGHT = date(2027, 3, 1)
METRICS = ("day", "episode_id", "source", "downloads", "listeners", "completion_rate", "ctr", "conversions")
BOOKINGS = ("deal_id", "ad_unit_id", "episode_id", "flight_start", "flight_end", "booked_impressions")


def metric_rows() -> list[list[object]]:
    """Two weeks of two episodes of each show; the youngest episodes fall off fastest, some figures are not known."""
    chance = random.Random(20251103)  # noqa: S311
    rows: list[list[object]] = []
    for place, show in enumerate(SAMPLE_SHOWS):
        for number in (1, 2):
            start = 900 - 60 * place + 150 * number
            for n in range(DAYS):
                downloads = max(12, round(start * 0.86**n * chance.uniform(0.93, 1.07)))
                listeners = round(downloads * chance.uniform(0.82, 0.9))
                known = n % 5 != 4
                rows.append(
                    [
                        FIRST_DAY + timedelta(days=n),
                        demo_id("episode", f"{show}/{number}"),
                        SAMPLE_SOURCE,
                        downloads,
                        listeners if known else "",
                        f"{chance.uniform(0.68, 0.86):.4f}" if known else "",
                        f"{chance.uniform(0.004, 0.012):.4f}" if known else "",
                        chance.randrange(0, 4) if known else "",
                        round(downloads * chance.uniform(0.9, 1.3)) if known else "",
                    ]
                )
    return rows


def booking_rows() -> list[list[object]]:
    """Four weeks of the free unit of each show, for three deals in turn; codes and links are made by the import."""
    rows: list[list[object]] = []
    for place, show in enumerate(SAMPLE_SHOWS):
        start = FIRST_FLIGHT + timedelta(days=7 * (place % 3))
        rows.append(
            [
                demo_id("deal", SAMPLE_DEALS[place % len(SAMPLE_DEALS)]),
                demo_id("ad-unit", f"{show}/{FREE_UNIT}"),
                "",
                start,
                start + timedelta(days=27),
                8_000 + 1_500 * place,
                1_400 + 50 * (place % 4),
                "",
                "",
            ]
        )
    return rows


def write(name: str, header: tuple[str, ...], rows: list[list[object]]) -> None:
    with (FOLDER / name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def main() -> None:
    write("metrics_daily.csv", (*METRICS, "revenue_cents"), metric_rows())
    write("io_bookings.csv", (*BOOKINGS, "booked_cpm_cents", "promo_code", "vanity_url"), booking_rows())


if __name__ == "__main__":
    main()
