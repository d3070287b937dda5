"""The benchmark's summary and its chart."""

from benchmarks.chart import chart
from benchmarks.results import Comparison, Row
from benchmarks.table import Summary

ONE = Comparison(
    "a fc2 1",
    "one",
    (Row("ours", (0.5,), ours=True), Row("other", (1.0, 2.0, 0.1)), Row("absent", skipped="why")),
    units=1,
    column="fc2, 1",
)
MANY = Comparison(
    "a fc2 8",
    "eight",
    (Row("ours", (2.0,), ours=True), Row("slow", (8.0,))),
    units=8,
    column="fc2, 8",
)


def test_a_summary_has_the_rate_of_ours_and_the_ratios_of_others():
    summary = Summary.of([ONE, Comparison("c", "other", (Row("ours", (1.0,)),)), MANY])
    assert summary.columns == ("fc2, 1", "fc2, 8")
    assert summary.rows == {"ours": (2.0, 4.0), "other": (2.0, None), "slow": (None, 4.0)}
    assert str(summary).splitlines()[2:] == [
        "| arm | fc2, 1 | fc2, 8 |",
        "| --- | ---: | ---: |",
        "| ours | 2.00 | 4.00 |",
        "| other | 2.00 |  |",
        "| slow |  | 4.00 |",
    ]


def test_chart_has_a_panel_for_each_comparison_that_was_timed():
    timed = Comparison("x", "first", (Row("ours", (1.0,), ours=True), Row("other", (100.0,))))
    panels = chart([timed, Comparison("y", "second", (Row("ours", skipped="why"),))], "here").axes
    assert [axes.get_title(loc="left") for axes in panels] == ["first"]
    assert panels[0].get_xscale() == "log"


def test_comparisons_of_one_kind_share_a_panel():
    (grid,) = chart([ONE, MANY], "here").axes
    assert [text.get_text() for text in grid.texts] == ["2.00/s", "4.00/s", "2.00", "", "", "4.00"]
    assert [label.get_text() for label in grid.get_yticklabels()] == ["ours", "other", "slow"]
    (bars,) = chart([MANY], "here").axes
    assert bars.get_title(loc="left") == "eight", "a single one has bars"
