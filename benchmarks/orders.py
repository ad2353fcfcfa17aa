"""How long a warm process takes to print an order, and whether its memory stays flat over 200 of them.

    python benchmarks/orders.py [--orders 200]

Prints one-line orders, then a tenth as many of 58 lines, each with another number; then says what memory stayed.
"""

import argparse
import os
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.measuring import Verdicts  # noqa: E402

PAGE = os.sysconf("SC_PAGE_SIZE")
WARM = 10
# A worker prints for weeks: what an order leaves behind is a leak. 4 MB over 200 is what the allocator sways by.
MOST_GROWTH_MB = 4


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=200)
    options = parser.parse_args()
    for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY"):
        os.environ.setdefault(name, {"DATABASE_URL": "postgres://none/none"}.get(name, "redis://none"))
    os.environ["DJANGO_SETTINGS_MODULE"] = "tracker.settings"
    import django

    django.setup()
    verdicts = Verdicts()
    for lines, orders in ((58, max(1, options.orders // 10)), (1, options.orders)):
        grown = _measure(lines, orders)
        verdicts.limit(f"memory kept by {orders} orders of {lines} lines", grown, "MB", at_most=MOST_GROWTH_MB)
    return verdicts.code


def _measure(lines: int, orders: int) -> float:
    """Print `orders` orders in this warm process; return by how many MB its resident memory grew."""
    from bookings import pdf
    from bookings.document import Standing

    document, standing = _document(lines), Standing(state="sent", issued_on="2026-11-21", sign_by="2026-12-05")
    began = time.perf_counter()
    size = len(pdf.render(document, standing))
    first = time.perf_counter() - began
    for number in range(WARM):
        pdf.render(replace(document, number=f"WARM-2026-{number:04d}"), standing)
    before, took = _resident_mb(), []
    for number in range(orders):
        began = time.perf_counter()
        pdf.render(replace(document, number=f"BENCH-2026-{number:04d}"), standing)
        took.append(time.perf_counter() - began)
    after = _resident_mb()
    print(
        f"{lines:>3} lines: first {first * 1000:,.0f} ms, then {statistics.median(took) * 1000:,.0f} ms, "
        f"{size / 1024:,.0f} KiB; memory {before:,.1f} -> {after:,.1f} MB over {orders} orders",
        flush=True,
    )
    return after - before


def _document(lines: int):
    from bookings.document import Agreed, DocumentLine, OrderDocument, Party
    from bookings.terms import clauses_for

    agreed = Agreed("ad server", 30, 50, 14, 30, 5, "2027-01-04", "2027-01-24", "episode", "Bikes", "Ana", "orders@a.b")
    line = DocumentLine(
        number=1,
        io_id="",
        podcast="The Long Commute",
        language="en",
        unit="Mid-roll 1",
        position="mid",
        duration_seconds=60,
        read_type="host-read",
        delivery="dynamic",
        delivery_kind="dynamic",
        episode="",
        first_day="2027-01-11",
        last_day="2027-02-07",
        impressions=240_000,
        rate_type="cpm",
        cpm_cents=2_650,
        gross_cents=636_000,
        promo_code="LONGCOMMUTE",
        vanity_url="https://golisten.example/long-commute",
    )
    return OrderDocument(
        number="BENCH-2026-0000",
        version=1,
        campaign="Winter launch",
        brand="Halden · Bikes",
        currency="EUR",
        time_zone="Europe/Berlin",
        buyer_reference="",
        publisher=Party("Northlight Audio"),
        advertiser=Party("Halden Cykel"),
        agency=None,
        invoice_to=Party("Halden Cykel"),
        lines=tuple(replace(line, number=number + 1, io_id=str(number)) for number in range(lines)),
        commission_permille=0,
        gross_cents=636_000 * lines,
        commission_cents=0,
        net_cents=636_000 * lines,
        agreed=agreed,
        clauses=clauses_for(agreed, has_agency=False, own={}),
    )


def _resident_mb() -> float:
    """Return the memory of this process and of its typesetter."""
    from bookings import typesetting

    processes = ["self", *([typesetting.own_process()] if typesetting.own_process() else [])]
    return sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in processes) * PAGE / 2**20


if __name__ == "__main__":
    sys.exit(main())
