from datetime import date

from tracker.demo.audience import age_weight, downloads_within_guarantee, simulate_episode

WEEK = {"show": "a-show", "number": 7, "weekly_average": 2000, "sources": ("host", "op3")}


def days(**changes):
    given = {**WEEK, "dropped_on": date(2026, 9, 1), "last_day": date(2026, 11, 20), **changes}
    return list(simulate_episode(**given))


def by(source, rows):
    return [row for row in rows if row.source == source]


def test_the_same_seed_gives_the_same_audience():
    assert days() == days()
    assert days(number=8) != days()
    assert days(show="another") != days()


def test_a_later_look_changes_nothing_of_the_days_before():
    assert days(last_day=date(2026, 10, 1)) == [row for row in days() if row.day <= date(2026, 10, 1)]


def test_downloads_fall_fast_and_then_slowly():
    host = [row.downloads for row in by("host", days())]

    assert sum(host[:3]) > sum(host[3:30])
    assert 0 < sum(host[30:]) < sum(host[:3])
    assert all(age_weight(age) > age_weight(age + 1) for age in range(120))


def test_an_episode_brings_about_what_its_show_brings():
    totals = [
        sum(row.downloads for row in by("host", days(number=number))[:30]) / downloads_within_guarantee(2000)
        for number in range(1, 30)
    ]
    assert 0.9 < sum(totals) / len(totals) < 1.1


def test_the_second_source_counts_less_and_knows_nothing_of_sales():
    rows = days()
    host, second = by("host", rows), by("op3", rows)

    ratio = sum(row.downloads for row in second) / sum(row.downloads for row in host)
    assert 0.8 < ratio < 0.98
    assert {(row.ctr, row.conversions, row.revenue_cents) for row in second} == {(None, None, None)}
    assert all(row.revenue_cents == 0 for row in host if row.conversions == 0)


def test_weekends_are_quieter_than_weekdays():
    ratios = []
    for number in range(1, 60):
        host = by("host", days(number=number))
        ratios += [row.downloads / age_weight(age) for age, row in enumerate(host[:14]) if row.day.weekday() == 6]
        ratios += [-row.downloads / age_weight(age) for age, row in enumerate(host[:14]) if row.day.weekday() == 1]
    sundays, tuesdays = [one for one in ratios if one > 0], [-one for one in ratios if one < 0]
    assert sum(sundays) / len(sundays) < 0.8 * sum(tuesdays) / len(tuesdays)


def test_rates_stay_between_nothing_and_all():
    for row in days():
        assert 0 <= row.completion_rate <= 1
        assert row.ctr is None or 0 < row.ctr < 1
