"""The benchmark on tiny networks: that its arms agree and its results come out; not the times."""

import json
import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import benchmark
import jax
import numpy as np
import pytest
from benchmarks.features import TOLERANCE, exact_features
from benchmarks.inputs import QUICK, Network, photo
from benchmarks.measure import Arm, checked_error, compare, take_turns
from benchmarks.memory import memory
from benchmarks.results import Comparison, OtherPrograms, Row
from benchmarks.startup import start_up
from benchmarks.table import chart, table

from vggjax.errors import VggjaxError


@pytest.fixture(autouse=True)
def _as_the_script_runs(monkeypatch):
    """New processes find the library; Keras relies on rank promotion."""
    monkeypatch.setenv("PYTHONPATH", str(Path(benchmark.__file__).parents[1]), prepend=os.pathsep)
    with jax.numpy_rank_promotion("allow"):
        yield


@pytest.fixture(scope="module")
def tiny(small_config):
    work = replace(QUICK, visualized_side=32, counts=(10, 30))
    return replace(work, network=small_config, narrow=small_config)


def rows_of(result, key):
    (comparison,) = (c for c in result["comparisons"] if c["key"] == key)
    return {row["arm"]: row for row in comparison["rows"]}


@pytest.mark.slow
def test_workloads_in_this_process(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(benchmark, "QUICK", tiny)
    monkeypatch.setattr(OtherPrograms, "share", lambda self: 0.5)
    benchmark.main(["--quick", "--only", "a", "b", "c", "d", "--out", str(tmp_path)])
    result = json.loads((tmp_path / "result.json").read_text())
    assert [c["key"] for c in result["comparisons"]] == [
        *("a", "b cold", "b warm", "c nearest", "c bilinear", "d"),
    ]
    features = rows_of(result, "a")
    assert features["this project"]["error"] <= TOLERANCE
    for name in ("PyTorch", "Keras 3 on JAX", "plain Flax NNX"):
        assert features[name]["error"] <= 1e-4
        assert len(features[name]["seconds"]) == 2
        assert features[name]["ratio"] > 0
    assert 1e-4 < features["PyTorch bfloat16"]["error"] < 0.1, "it computes with fewer digits"
    assert features["flaxmodels"]["skipped"], "it has no tiny network"
    assert rows_of(result, "b cold")["Keras 3 on JAX"]["median"] > 0
    assert rows_of(result, "c nearest")["plain Pillow loop"]["error"] == 0
    assert rows_of(result, "d")["PyTorch"]["error"] < 1e-2
    assert result["environment"]["versions"]["jax"] == jax.__version__
    assert result["environment"]["cores"] >= 1
    assert (tmp_path / "benchmark.png").read_bytes()[:4] == b"\x89PNG"
    printed = capsys.readouterr().out
    assert "frozen features: 4 images of 32 px until fc2" in printed
    assert "flaxmodels: skipped, " in printed
    assert "timed on 4 + 4 images, multiplied to 20 epochs of 8 + 48 and 48 tested" in printed
    assert "CONTENDED" in printed


def test_memory_is_measured_in_new_processes(tiny):
    (comparison,) = memory(tiny)
    assert [row.arm for row in comparison.rows] == ["10 images", "30 images"]
    assert all(50 < row.peak_megabytes < 5000 for row in comparison.rows)
    assert "peak MB" in table(comparison)


def test_start_up_skips_what_cannot_run(tiny):
    programs = {
        "import vggjax": ("-c", "import vggjax"),
        "absent": ("-c", "import no_such_module"),
        "broken": ("-c", "raise SystemExit('no luck today')"),
    }
    (comparison,) = start_up(tiny, programs)
    good, absent, broken = comparison.rows
    assert len(good.seconds) == tiny.rounds
    assert absent.skipped == "ModuleNotFoundError: No module named 'no_such_module'"
    assert broken.skipped == "no luck today"


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


def test_chart_has_a_panel_for_each_comparison_that_was_timed():
    timed = Comparison("x", "first", (Row("ours", (1.0,), ours=True), Row("other", (100.0,))))
    panels = chart([timed, Comparison("y", "second", (Row("ours", skipped="why"),))], "here").axes
    assert [axes.get_title(loc="left") for axes in panels] == ["first"]
    assert panels[0].get_xscale() == "log"


def test_the_numpy_network_is_exact(small_config, small_tree):
    """Against this project in its largest precision: the same numbers from other code."""
    network = Network(small_config, "fc2", small_tree)
    x = network.prepared(np.stack([photo(0, (32, 32)), photo(1, (32, 32))]))
    with jax.enable_x64(True):
        tree = jax.tree.map(lambda a: a.astype(np.float64), small_tree)
        wide = Network(small_config, "fc2", tree).chain().after("preprocess")
        expected = np.asarray(wide(jax.numpy.asarray(x, np.float64)))
    np.testing.assert_allclose(exact_features(network, x), expected, rtol=1e-9)


@pytest.mark.parametrize("wrong", [["--rounds", "0"], ["--classes", "1"]])
def test_sizes_that_make_no_sense(wrong, tmp_path):
    with pytest.raises(VggjaxError, match="at least 1 round and 2 classes"):
        benchmark.main([*wrong, "--out", str(tmp_path)])


def test_other_programs_are_noticed(monkeypatch):
    spent = iter([5.0, 5.0 + 0.5 * os.cpu_count()])
    clock = iter([100.0, 101.0])
    monkeypatch.setattr("benchmarks.results._spent", lambda: next(spent))
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    assert OtherPrograms().share() == pytest.approx(0.5)
