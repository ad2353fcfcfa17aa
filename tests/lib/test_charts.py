"""The geometry of charts: gaps stay gaps, baselines are zero, labels do not meet."""

from tracker.lib import charts


def test_a_line_breaks_at_an_unknown_day_and_never_drops_to_zero():
    assert charts.path([0, 5, None, 10], low=0, high=10) == "M0 100 L33.33 50 M100 0 L100 0"


def test_an_axis_ends_on_a_round_number_above_the_highest_value():
    assert charts.nice_top(577) == (600.0, 200.0)
    assert charts.nice_top(0.42) == (0.6, 0.2)
    assert charts.nice_top(0) == (3.0, 1.0)


def test_a_pacing_bar_is_as_wide_as_its_goal():
    bar = charts.pace_bar(goal=100_000, delivered=49_850, expected=58_200, band="behind")

    # The band of tolerance runs from 99 % to 110 % of expected: 57,618 to 64,020.
    assert (bar.fill, bar.mark, bar.zone_x, bar.zone_width) == ("49.85", "58.2", "57.62", "6.4")


def test_a_pacing_bar_grows_with_a_projection_beyond_the_goal():
    bar = charts.pace_bar(goal=100, delivered=50, expected=50, band="over", projected=200, low=190, high=200)

    assert (bar.fill, bar.mark, bar.dot, bar.low) == ("25", "25", "100", "95")


def test_an_unknown_expectation_draws_an_empty_track_without_a_tick():
    assert charts.pace_bar(goal=100, delivered=3) == charts.PaceBar("", "0")


def test_labels_at_line_ends_are_pushed_apart():
    chart = charts.line_chart(
        lines=[charts.Line("Earned", [1, 100]), charts.Line("Attributed", [1, 99], tone=2)],
        x_labels=["1 Nov", "2 Nov"],
        label="two lines",
        y_label=str,
    )

    upper, lower = chart.lines
    assert float(lower.label_y) - float(upper.label_y) >= 15.9


def test_columns_stack_from_zero_and_leave_out_what_is_unknown():
    chart = charts.column_chart(
        columns=[charts.Column("Nov", [charts.Part(60), charts.Part(None), charts.Part(30, "f-soft")], "90")],
        label="columns",
    )

    assert [(p.fill, p.y, p.height) for p in chart.columns[0].parts] == [
        ("f1", "33.33", "66.67"),
        ("f-soft", "0", "33.33"),
    ]
