"""The workloads for accelerators, run on a CPU: their logic, not their times."""

from dataclasses import replace

import jax
import pytest
from benchmarks import accelerator
from benchmarks.inputs import VGG16, Network
from benchmarks.rates import matrix_rate, memory_read_rate, operations
from benchmarks.results import Row
from benchmarks.table import table

pytestmark = pytest.mark.usefixtures("as_the_script_runs")


def test_features_beside_the_device_s_rate(tiny, monkeypatch):
    rates = {"float32": 4e12, "bfloat16": 8e12}
    monkeypatch.setattr(accelerator, "matrix_rate", lambda dtype, side: rates[dtype])
    one, four = accelerator.features(replace(tiny, layers=("fc2",)))
    exact, narrow, *theirs = four.rows
    assert exact.error < 1e-5 < narrow.error < 0.1
    assert [row.skipped for row in theirs] == ["PyTorch sees no GPU"] * 2
    assert [one.column, four.column] == ["fc2, 1", "fc2, 4"]
    assert "JAX multiplies large matrices at 8 TFLOP/s in bfloat16" in table(four)


def test_a_share_is_that_of_the_type_s_rate():
    row = accelerator._with_share(Row("ours float32", (2.0,)), {"float32": 4e12}, work=4e12)
    assert row.note == "2 TFLOP/s, 50% of the measured rate"


def test_operations_of_vgg16():
    # 15.35 G multiplications in the convolutions (arXiv 1409.1556, D), each with an addition
    network = Network(VGG16, "fc2", {})
    assert operations(network) == 2 * (15_346_630_656 + 25_088 * 4_096 + 4_096 * 4_096)
    assert operations(replace(network, layer="block5_pool")) == 2 * 15_346_630_656


def test_rates_are_those_of_a_computer():
    assert 1e8 < memory_read_rate(megabytes=64) < 1e13
    assert 1e8 < matrix_rate("float32", side=128, repeats=2) < 1e16


def test_ascent_counts_steps_of_filters(tiny, monkeypatch):
    monkeypatch.setattr(accelerator, "_STEPS", 3)
    (comparison,) = accelerator.ascent(replace(tiny, visualized_side=64))
    assert comparison.units == 3 * tiny.visualized
    assert len(comparison.timed) == 1


@pytest.mark.slow
def test_the_job_stands_beside_its_parts(tiny):
    (comparison,) = accelerator.job(replace(tiny, epochs=2))
    names = [row.arm for row in comparison.rows]
    assert names == ["compiling", "whole job, cold cache", "decoding alone", "features alone"]
    assert all(row.seconds for row in comparison.rows)
    assert comparison.units == 2 * (4 + 24 + 24)


def test_peak_memory_where_the_device_tells_it(monkeypatch):
    class Device:
        def memory_stats(self):
            return {"peak_bytes_in_use": 3_000_000_000, "bytes_limit": 80_000_000_000}

    assert "doesn't tell" in accelerator.peak_note()
    monkeypatch.setattr(jax, "local_devices", lambda: [Device()])
    assert accelerator.peak_note().endswith("so far: 3,000 of 80,000 MB")
