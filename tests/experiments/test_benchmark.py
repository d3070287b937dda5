"""How the benchmark compares, times and reports."""

import os
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from benchmarks.measure import Arm, Prepared, checked_error, compare, take_turns
from benchmarks.results import Comparison, OtherPrograms, Row
from benchmarks.table import table

from vggjax.errors import VggjaxError

pytestmark = pytest.mark.usefixtures("as_the_script_runs")


def test_arms_take_turns():
    calls = []
    seconds = take_turns({name: partial(calls.append, name) for name in "ab"}, 3)
    assert calls == ["a", "b"] * 3
    assert {name: len(values) for name, values in seconds.items()} == {"a": 3, "b": 3}


def counted(output, calls):
    return lambda: lambda: calls.append(1) or np.array(output)


def test_a_wrong_output_is_refused_before_timing():
    calls = []
    arms = [Arm("ours", counted([1.0, 2.0], calls)), Arm("other", counted([1.0, 2.1], calls))]
    with pytest.raises(VggjaxError, match=r"'other' is off by 5\.0e-02"):
        compare(arms, rounds=5)
    assert len(calls) == 2, "each ran once, to be compared"
    rows = compare([arms[0], replace(arms[1], tolerance=None)], rounds=1)
    assert [row.error for row in rows] == [None, pytest.approx(0.05)]


def test_the_first_arm_is_checked_where_the_output_is_known():
    first = Arm("ours", counted([[1.0], [2.0]], []), 1e-3, ours=True)
    other = Arm("other", counted([[1.01], [2.0]], []), tolerance=None)
    rows = compare([first, other], rounds=1, exact=np.array([[1.0]]))
    assert [row.error for row in rows] == [0, pytest.approx(0.01)]
    with pytest.raises(VggjaxError, match=r"'ours' is off by 5\.0e-01"):
        compare([first, other], rounds=1, exact=np.array([[2.0]]))


def test_what_an_arm_chose_is_said():
    rows = compare([Arm("ours", lambda: Prepared(lambda: 1.0, "the quick way"))], rounds=1)
    assert "ours: the quick way" in table(Comparison("x", "title", rows))


@pytest.mark.parametrize("output", [[1.0, 2.0, 3.0], [1.0, np.nan], [1.0, 2.001]])
def test_another_shape_or_no_number_or_another_one_is_wrong(output):
    expected = np.array([1.0, 2.0])
    assert checked_error("ours", expected, expected, 1e-5) == 0
    with pytest.raises(VggjaxError, match="'ours'"):
        checked_error("ours", np.array(output), expected, 1e-5)


def test_a_missing_package_is_skipped():
    def absent():
        import no_such_package  # noqa: F401

    rows = compare([Arm("ours", counted([1.0], [])), Arm("other", absent)], 1)
    comparison = Comparison("x", "title", rows)
    assert rows[1].skipped == "No module named 'no_such_package'"
    assert "other: skipped, No module named 'no_such_package'" in table(comparison)
    assert comparison.to_json()["rows"][1]["median"] is None


def test_table_gives_medians_spread_rates_and_ratios():
    rows = (Row("ours", (1.0, 2.0, 4.0), ours=True), Row("other", (3.0, 6.0, 7.0)))
    lines = table(Comparison("x", "title", rows, units=10)).splitlines()
    assert lines[0] == "x: title"
    assert lines[1].split() == [
        *("arm", "median", "s", "min", "…", "max", "s", "time", "/", "ours", "images/s"),
    ]
    assert lines[3].split() == ["ours", "2.00", "1.00", "…", "4.00", "5.00"]
    assert lines[4].split() == ["other", "6.00", "3.00", "…", "7.00", "3.00", "x", "1.67"]


def test_other_programs_are_noticed(monkeypatch):
    spent = iter([5.0, 5.0 + 0.5 * os.cpu_count()])
    clock = iter([100.0, 101.0])
    monkeypatch.setattr("benchmarks.results._spent", lambda: next(spent))
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    assert OtherPrograms().share() == pytest.approx(0.5)
