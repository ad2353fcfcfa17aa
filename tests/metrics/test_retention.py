"""Old detail becomes months, once; totals stay; a house without a policy keeps everything."""

from datetime import UTC, date, datetime

import numpy as np
import pytest

from metrics import services
from metrics.facts import FACT, FactSpool, day_number, pack_key
from metrics.models import DailyRollup, ListenerMetric, MonthlyDetail
from metrics.retention import border_of
from tests.factories import make_episode, make_podcast
from tracker.automation.services import run_job
from tracker.lib.actors import SYSTEM
from tracker.tenants.models import Tenant

NOW = datetime(2026, 3, 17, 4, tzinfo=UTC)


@pytest.fixture
def episode(tenant):
    return make_episode(make_podcast())


def tell(episode, days: dict[date, tuple[int, int]]) -> None:
    """Record downloads of each day: the total, and those in Germany."""
    source = services.source_code("host")
    germany = services.breakdown_code(dimension="country", value="DE")
    rows = []
    for day, (total, in_germany) in days.items():
        for breakdown, downloads in ((0, total), (germany, in_germany)):
            fact = np.zeros(1, dtype=FACT)
            fact["key"] = pack_key(day_number(day), episode.code, source, breakdown)
            fact["downloads"] = downloads
            fact["blank"] = 0b111110  # of the measures only downloads are known
            rows.append(fact)
    with FactSpool() as spool:
        spool.add(np.concatenate(rows))
        services.record_facts(spool=spool, at=NOW)


def keep(tenant, months: int | None):
    Tenant.objects.filter(pk=tenant.pk).update(detail_kept_months=months)
    from tracker.tenants import routing

    routing.forget()
    tenant.refresh_from_db()
    return run_job(name="retain-detail", by=SYSTEM, at=NOW)


def months() -> list[tuple]:
    return list(MonthlyDetail.objects.order_by("month").values_list("month", "downloads", "conversions", "days"))


def test_the_border_is_the_first_of_a_month():
    assert border_of(today=date(2026, 3, 17), kept_months=2) == date(2026, 1, 1)
    assert border_of(today=date(2026, 3, 31), kept_months=3) == date(2025, 12, 1)
    assert border_of(today=date(2026, 3, 1), kept_months=12) == date(2025, 3, 1)


def test_days_older_than_the_policy_become_months_and_totals_stay(tenant, episode):
    tell(
        episode,
        {
            date(2025, 12, 1): (100, 40),
            date(2025, 12, 31): (60, 5),
            date(2026, 1, 1): (10, 4),
            date(2026, 3, 1): (20, 8),
        },
    )

    done = keep(tenant, 2)

    assert (done.status, done.result["months"], done.result["days"]) == ("completed", 1, 2)
    assert months() == [(date(2025, 12, 1), 45, None, 2)]
    assert list(DailyRollup.objects.order_by("day").values_list("downloads", flat=True)) == [100, 60, 10, 20]
    detail = ListenerMetric.objects.exclude(breakdown=0).order_by("day").values_list("day", "downloads")
    assert list(detail) == [(date(2026, 1, 1), 4), (date(2026, 3, 1), 8)]


def test_a_second_run_and_the_same_file_again_count_nothing_twice(tenant, episode):
    told = {date(2025, 12, 1): (100, 40)}
    tell(episode, told)
    keep(tenant, 2)
    tell(episode, told)

    again = keep(tenant, 2)

    assert (again.result["months"], again.result["days"]) == (0, 1)
    assert months() == [(date(2025, 12, 1), 40, None, 1)]
    assert keep(tenant, 2).result["days"] == 0


def test_a_house_without_a_policy_keeps_every_day(tenant, episode):
    tell(episode, {date(2001, 1, 1): (100, 40)})

    assert keep(tenant, None).result["days"] == 0
    assert ListenerMetric.objects.count() == 2
    assert months() == []


def test_one_houses_policy_leaves_the_other_alone(tenant, other_tenant, episode):
    from django_tenants.utils import tenant_context

    with tenant_context(other_tenant):
        tell(make_episode(make_podcast()), {date(2025, 1, 1): (9, 3)})
    keep(tenant, 1)

    with tenant_context(other_tenant):
        assert ListenerMetric.objects.count() == 2
