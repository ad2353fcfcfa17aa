"""Undoing an import: what it added goes, what it replaced comes back, what came later stays."""

import itertools
from datetime import date

import pytest
from django.utils import timezone

from etl.services import undo_import
from metrics.models import DailyRollup, ListenerMetric, ReplacedMetric
from tests.etl.files import bring_in, metrics_csv
from tests.factories import make_episode
from tracker.events.models import Event
from tracker.lib.actors import SYSTEM
from tracker.lib.errors import Conflict


def undo(run):
    return undo_import(import_run=run, by=SYSTEM, at=timezone.now())


def facts() -> list[tuple]:
    return list(ListenerMetric.objects.order_by("day").values_list("day", "downloads", "listeners", "batch_id"))


def test_what_an_import_added_goes_and_what_it_replaced_comes_back_exactly(tenant):
    episode = make_episode()
    bring_in(metrics_csv(*(f"2026-03-0{day},{episode.pk},host,{day},{day},,,," for day in (1, 2, 3))))
    before = facts()

    run = bring_in(metrics_csv(*(f"2026-03-0{day},{episode.pk},host,{day}0,,,,," for day in (2, 3, 4, 5))))
    undone = undo(run)

    assert facts() == before
    assert undone.metadata["undo"] == {"removed": 2, "restored": 2, "kept": 0, "by": SYSTEM.label, "kept_rows": []}
    assert (undone.status, undone.undone_at is not None) == ("completed", True)
    assert Event.objects.filter(type="etl.import_undone").count() == 1


def test_a_row_that_a_later_import_changed_keeps_the_later_value_and_is_listed(tenant):
    episode = make_episode(title="Nine")
    first = bring_in(metrics_csv(f"2026-03-01,{episode.pk},host,1,,,,,", f"2026-03-02,{episode.pk},host,2,,,,,"))
    bring_in(metrics_csv(f"2026-03-01,{episode.pk},host,100,,,,,"))

    undone = undo(first)

    assert [(row[0], row[1]) for row in facts()] == [(date(2026, 3, 1), 100)]
    told = undone.metadata["undo"]
    assert (told["removed"], told["restored"], told["kept"]) == (1, 0, 1)
    assert told["kept_rows"] == [{"day": "2026-03-01", "episode": "Nine", "source": "host"}]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_undoing_three_imports_in_any_order_leaves_nothing_of_them(tenant, order):
    episode = make_episode()
    bring_in(metrics_csv(f"2026-03-01,{episode.pk},host,7,,,,,"))
    before = facts()
    runs = [
        bring_in(metrics_csv(f"2026-03-01,{episode.pk},host,{n}1,,,,,", f"2026-03-02,{episode.pk},host,{n}2,,,,,"))
        for n in (1, 2, 3)
    ]

    for place in order:
        undo(runs[place])

    assert facts() == before


def test_undoing_twice_changes_nothing(tenant):
    episode = make_episode()
    run = bring_in(metrics_csv(f"2026-03-01,{episode.pk},host,7,,,,,"))
    undo(run)
    bring_in(metrics_csv(f"2026-03-01,{episode.pk},host,7,,,,,"))
    before = facts()

    undo(run)

    assert facts() == before


def test_what_was_known_before_stays_in_the_history(tenant):
    episode = make_episode()
    bring_in(metrics_csv(f"2026-03-01,{episode.pk},host,7,,,,,"))
    undo(bring_in(metrics_csv(f"2026-03-01,{episode.pk},host,8,,,,,")))

    assert list(ReplacedMetric.objects.order_by("replaced_id").values_list("downloads", flat=True)) == [7, 8]
    assert DailyRollup.objects.get().downloads == 7


@pytest.mark.parametrize("options", [{"dry_run": True}, {"kind": "io_bookings"}])
def test_what_was_not_imported_cannot_be_taken_back(tenant, options):
    episode = make_episode()
    run = bring_in(metrics_csv(f"2026-03-01,{episode.pk},host,7,,,,,"), **options)

    with pytest.raises(Conflict):
        undo(run)
