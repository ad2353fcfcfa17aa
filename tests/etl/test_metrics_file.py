"""The contract's metrics file, from upload to rollup."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from etl.models import Import
from metrics.models import DailyRollup, ListenerMetric
from tests.etl.files import METRICS_HEADER, bring_in, issues, metrics_csv
from tests.factories import make_episode
from tracker.events.models import Event

FIGURES = ("downloads", "listeners", "completion_rate", "ctr", "conversions", "revenue_cents")


def rollup() -> list[tuple]:
    return list(DailyRollup.objects.order_by("day", "source").values_list("day", "source", *FIGURES))


def test_every_cell_of_a_good_row_arrives(tenant):
    episode = make_episode()

    run = bring_in(metrics_csv(f"2026-03-09,{episode.pk},host,1200,900,0.84,0.0125,7,45000"))

    assert (run.status, run.records_imported, run.records_failed, run.error_message) == ("completed", 1, 0, "")
    assert rollup() == [(date(2026, 3, 9), "host", 1200, 900, Decimal("0.840000"), Decimal("0.012500"), 7, 45000)]


def test_a_blank_is_unknown_and_a_zero_is_zero(tenant):
    episode = make_episode()

    bring_in(metrics_csv(f"2026-03-09,{episode.pk},host,0,,,0,,"))

    assert rollup() == [(date(2026, 3, 9), "host", 0, None, None, Decimal("0.000000"), None, None)]


def test_the_same_file_again_changes_nothing_and_says_so(tenant):
    episode = make_episode()
    text = metrics_csv(*(f"2026-03-{day:02},{episode.pk},host,{day}00,,,,," for day in range(1, 11)))
    bring_in(text)
    before = list(ListenerMetric.objects.order_by("day").values_list("day", "downloads", "batch_id"))

    again = bring_in(text)

    assert (again.status, again.records_imported, again.metadata["unchanged"]) == ("completed", 0, 10)
    assert list(ListenerMetric.objects.order_by("day").values_list("day", "downloads", "batch_id")) == before
    assert Event.objects.filter(type="etl.import_completed").count() == 2


def test_a_later_file_restates_numbers_and_a_blank_takes_none_away(tenant):
    episode = make_episode()
    bring_in(metrics_csv(f"2026-03-09,{episode.pk},host,100,80,,,,"))

    run = bring_in(metrics_csv(f"2026-03-09,{episode.pk},host,120,,,,,", f"2026-03-10,{episode.pk},host,5,,,,,"))

    assert (run.records_imported, run.metadata["new"], run.metadata["changed"]) == (2, 1, 1)
    assert [row[2:4] for row in rollup()] == [(120, 80), (5, None)]


def test_bad_rows_are_named_with_line_column_and_reason_while_good_ones_go_in(tenant):
    episode = make_episode()
    tomorrow = timezone.now().date() + timedelta(days=2)

    run = bring_in(
        metrics_csv(
            f"2026-02-30,{episode.pk},host,1,,,,,",
            f"2026-03-01,{episode.pk},host,12x4,,,,,",
            f"2026-03-01,{episode.pk},host,-5,,,,,",
            f"2026-03-01,{episode.pk},host,1,,84,,,",
            "2026-03-01,ep-149,host,1,,,,,",
            "2026-03-01,00000000-0000-4000-8000-000000000000,host,1,,,,,",
            f"2026-03-01,{episode.pk},,1,,,,,",
            f"2026-03-01,{episode.pk},host,,,,,,",
            f"2026-03-01,{episode.pk},host,1",
            f"{tomorrow},{episode.pk},host,1,,,,,",
            f"2026-03-01,{episode.pk},host,1.204,,,,,12.40",
            f"2026-03-02,{episode.pk},host,7,,,,,",
        )
    )

    assert (run.status, run.records_imported, run.records_failed) == ("completed", 1, 11)
    assert issues(run) == [
        (2, "day", "2026-02-30", "not_a_day"),
        (3, "downloads", "12x4", "not_a_whole_number"),
        (4, "downloads", "-5", "not_a_whole_number"),
        (5, "completion_rate", "84", "rate_out_of_range"),
        (6, "episode_id", "ep-149", "not_an_id"),
        (7, "episode_id", "00000000-0000-4000-8000-000000000000", "unknown_episode"),
        (8, "source", "", "source_missing"),
        (9, "", "", "nothing_measured"),
        (10, "", f"2026-03-01,{episode.pk},host,1", "column_count"),
        (11, "day", str(tomorrow), "day_in_future"),
        (12, "downloads", "1.204", "not_a_whole_number"),
        (12, "revenue_cents", "12.40", "not_whole_cents"),
    ]
    reasons = dict(run.issues.values_list("line", "reason"))
    assert reasons[2] == "February 2026 has 28 days."
    assert reasons[5] == "A rate is between 0 and 1. Did you mean 0.84?"
    assert [row[2] for row in rollup()] == [7]


def test_a_strict_import_takes_all_rows_or_none(tenant):
    episode = make_episode()

    run = bring_in(
        metrics_csv(f"2026-03-01,{episode.pk},host,1,,,,,", f"nonsense,{episode.pk},host,1,,,,,"), strict=True
    )

    assert (run.status, run.records_imported, run.records_failed) == ("failed", 0, 1)
    assert run.error_message == "One row cannot be taken, and a strict import takes all or none."
    assert issues(run) == [(3, "day", "nonsense", "not_a_day")]
    assert rollup() == []
    assert [event.data["error"] for event in Event.objects.filter(type="etl.error")] == [run.error_message]


def test_a_dry_run_tells_what_would_change_and_writes_nothing(tenant):
    episode = make_episode()
    bring_in(metrics_csv(f"2026-03-01,{episode.pk},host,1,,,,,", f"2026-03-02,{episode.pk},host,2,,,,,"))
    events = Event.objects.count()

    run = bring_in(
        metrics_csv(*(f"2026-03-0{day},{episode.pk},host,{count},,,,," for day, count in ((1, 1), (2, 3), (3, 4)))),
        dry_run=True,
    )

    assert (run.status, run.records_imported) == ("completed", 0)
    told = {name: run.metadata[name] for name in ("would_import", "new", "changed", "unchanged")}
    assert told == {"would_import": 2, "new": 1, "changed": 1, "unchanged": 1}
    assert [row[2] for row in rollup()] == [1, 2]
    assert Event.objects.count() == events


def test_of_repeated_rows_the_last_one_counts(tenant):
    episode = make_episode()

    run = bring_in(
        metrics_csv(
            f"2026-03-01,{episode.pk},host,1,50,,,,",
            f"2026-03-01,{str(episode.pk).upper()},host,2,,,,,",
            f"2026-03-01,{episode.pk},host,3,,,,,",
        )
    )

    assert (run.records_imported, run.metadata["repeated"], run.records_failed) == (1, 2, 0)
    assert [row[2:4] for row in rollup()] == [(3, 50)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("name,age\nx,1\n", "Line 1 has no column “day”, “episode_id”, “source”."),
        ("day,episode_id,source\n2026-03-01,x,y\n", "Line 1 has no figures"),
        ("day,day,episode_id,source,downloads\n", "Line 1 names the column “day” twice."),
        (METRICS_HEADER + "\n", "The file names its columns and has no rows."),
        ("\n\n", "Line 1 is blank"),
        (b"PK\x03\x04rest", "The archive is damaged; pack it again."),
        (b"%PDF-1.7", "This is a PDF, not a table."),
        ("day,episode_id,source\n".encode("utf-16"), "Line 1 has no figures"),
        ("tägß\n".encode("cp1252"), "The file is not UTF-8 text."),
        (
            METRICS_HEADER + '\n2026-03-01,"open,host,1,,,,,\n',
            "Line 2 cannot be read: a quote is opened and never closed.",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_its_reason(tenant, text, reason):
    run = bring_in(text)

    assert run.status == "failed"
    assert run.error_message.startswith(reason)
    assert Event.objects.filter(type="etl.error").count() == 1


def test_quotes_line_ends_order_and_case_of_columns_do_not_matter(tenant):
    episode = make_episode()
    text = (
        "\ufeffSource,Downloads,Note,Episode_ID,DAY\r\n"
        f'"host, the first",10,"said ""hi""\nand left",{episode.pk},2026-03-01\r\n'
        f"op3,11,,{episode.pk},2026-03-01\r\n"
        f'op3,"12",,{episode.pk},2026-03-02\r\n'
    )

    run = bring_in(text)

    assert (run.status, run.records_imported, run.records_failed) == ("completed", 3, 0)
    assert run.metadata["ignored_columns"] == ["Note"]
    assert [row[:3] for row in rollup()] == [
        (date(2026, 3, 1), "host, the first", 10),
        (date(2026, 3, 1), "op3", 11),
        (date(2026, 3, 2), "op3", 12),
    ]


def test_an_import_that_lost_three_workers_is_given_up(tenant):
    from etl.services import reap_lost_imports, start_import
    from etl.services.leases import claim_next
    from tests.etl.files import upload
    from tracker.lib.actors import SYSTEM

    now = timezone.now()
    run = start_import(file=upload(metrics_csv("x")), by=SYSTEM, at=now)
    for attempt in (1, 2, 3):
        assert claim_next(at=now).attempt == attempt
        reap_lost_imports(at=now + timedelta(seconds=29))
        assert Import.objects.get().status == "processing"
        reap_lost_imports(at=now + timedelta(seconds=31))

    run.refresh_from_db()
    assert run.status == "failed"
    assert run.error_message == "The worker died 3 times while reading this file, so it was given up."
    assert Event.objects.filter(type="etl.error").count() == 1


def test_rows_of_empty_cells_are_not_rows(tenant):
    episode = make_episode()

    run = bring_in(metrics_csv(",,,,,,,,", f"2026-03-01,{episode.pk},host,1,,,,,", "", " , ,,,,,,,"))

    assert (run.records_imported, run.records_failed, run.metadata["rows"]) == (1, 0, 1)
