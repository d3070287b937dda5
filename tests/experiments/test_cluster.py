"""Two real processes on this machine give the result of one, and fail without hanging."""

import contextlib
import json
import socket
from pathlib import Path

import caltech
import jax
import numpy as np
import pytest
from engine.cluster import require_fetched
from experiment_helpers import run

from vggjax import collective, distributed
from vggjax.errors import VggjaxError, WeightsError
from vggjax.training import Classifier

SCRIPT = Path(caltech.__file__)


@pytest.fixture
def arguments(photos, small_weights):
    """Thirty images, batches that two processes do not divide."""
    return [
        *("--data-dir", str(photos), "--weights", str(small_weights), "--samples", "4", "2"),
        *("--val", "3", "--test", "3", "--epochs", "3", "--batch-size", "5"),
    ]


def process(number):
    return "--processes", 2, "--process", number


def free_port():
    with socket.socket() as server:
        server.bind(("", 0))
        return server.getsockname()[1]


@pytest.fixture
def run_two(run_together):
    """Runs the script in two processes; returns (exit status, stdout, stderr) of each."""

    def run(arguments, out, caches):
        address, shared = f"localhost:{free_port()}", {"XLA_FLAGS": ""}
        shared["PYTHONPATH"] = str(SCRIPT.parents[1])
        own = [
            [SCRIPT, *arguments[number], "--out", out, "--coordinator", address, *process(number)]
            for number in range(2)
        ]
        return run_together(own, [{**shared, "VGGJAX_CACHE": str(cache)} for cache in caches])

    return run


@pytest.mark.parametrize(
    ("shared", "options"),
    [
        pytest.param(True, [], id="shared cache", marks=pytest.mark.slow),
        pytest.param(False, [], id="own caches", marks=pytest.mark.slow),
        pytest.param(True, ["--end-to-end"], id="end to end", marks=pytest.mark.slow),
    ],
)
def test_two_processes_give_the_result_of_one(arguments, run_two, tmp_path, shared, options):
    arguments = [*arguments, *options]
    run(caltech.CALTECH, arguments, tmp_path / "one")
    caches = [tmp_path / "cache0", tmp_path / ("cache0" if shared else "cache1")]
    first, second = run_two([arguments, arguments], tmp_path / "two", caches)
    assert first[0] == second[0] == 0, (first, second)
    assert "test accuracy" in first[1].splitlines()[-1]
    assert all(line.startswith("[Gloo]") for line in second[1].splitlines()), "silent"
    one, two = (json.loads((tmp_path / n / "result.json").read_text()) for n in ("one", "two"))
    split = (tmp_path / "two" / "split.json").read_text()
    assert split == (tmp_path / "one" / "split.json").read_text()
    for a, b in zip(one["records"], two["records"], strict=True):
        assert a["key"] == b["key"]
        assert a["images"] == b["images"]
        for part in ("train", "validation", "test"):
            for name, value in a[part].items():
                np.testing.assert_allclose(b[part][name], value, rtol=1e-5)
    head = "reference" if options else "auto"
    for name in (f"classifier-{samples}-{head}-seed0" for samples in (2, 4)):
        assert Classifier.load(tmp_path / "two" / name).class_names == ("ants", "bees", "cats")
    if not options:
        rows = [
            sum(int(f.read_bytes().split(b": ")[1].split()[0]) for f in cache.rglob("*.rows"))
            for cache in set(caches)
        ]
        assert rows == [30] * len(rows), "each image is computed once and known to all"


def test_a_mistake_in_one_process_ends_both(arguments, photos, run_two, tmp_path):
    broken = tmp_path / "photos"
    for path in photos.rglob("*.png"):
        (broken / path.parent.name).mkdir(parents=True, exist_ok=True)
        (broken / path.parent.name / path.name).write_bytes(path.read_bytes()[:200])
    other = ["--data-dir", str(broken), *arguments[2:]]
    results = run_two([arguments, other], tmp_path / "out", [tmp_path / "cache"] * 2)
    assert [status for status, *_ in results][1] == 2
    assert results[0][0] != 0
    assert ".png" in results[1][2]
    assert not (tmp_path / "out" / "result.json").exists()


def test_weights_are_fetched_before_by_one_process(tmp_path, monkeypatch):
    """What is needed must be here: for a convolution, the network without top is enough."""
    monkeypatch.setenv("VGGJAX_CACHE", str(tmp_path))
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(collective, "fail_together", contextlib.nullcontext)
    layers = ["block5_conv3", "block1_conv1"]
    with pytest.raises(WeightsError, match=r"load_vgg\('imagenet', 'block5_conv3'\)"):
        require_fetched("imagenet", layers)
    for part in ("params", "info"):
        (tmp_path / "weights" / "imagenet-notop" / part).mkdir(parents=True)
    require_fetched("imagenet", layers)
    require_fetched("imagenet-notop", layers)
    require_fetched("demo", ["fc2"])
    with pytest.raises(WeightsError, match=r"load_vgg\('imagenet', 'fc2'\)"):
        require_fetched("imagenet", [*layers, "fc2"])


def test_one_process_alone_is_no_cluster(monkeypatch):
    monkeypatch.setattr(distributed.jax.distributed, "initialize", None)  # would fail if called
    distributed.initialize()
    monkeypatch.setenv("SLURM_STEP_NODELIST", "node1")
    monkeypatch.setenv("SLURM_NTASKS", "1")
    distributed.initialize()


@pytest.mark.parametrize(
    "variables",
    [
        {"SLURM_STEP_NODELIST": "node[1-2]", "SLURM_NTASKS": "2"},
        {"TPU_WORKER_HOSTNAMES": "worker-0,worker-1"},
        {"JAX_COORDINATOR_ADDRESS": "a:1", "JAX_NUM_PROCESSES": "2", "JAX_PROCESS_ID": "1"},
    ],
)
def test_the_environment_tells_of_a_cluster(variables, monkeypatch):
    calls = []
    monkeypatch.setattr(distributed, "_wait_for", lambda *_: None)
    monkeypatch.setattr(
        distributed.jax.distributed, "initialize", lambda *a, **_: calls.append(list(a))
    )
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    distributed.initialize()
    explicit = "JAX_PROCESS_ID" in variables
    assert calls == [["a:1", 2, 1] if explicit else [None, None, None]]


@pytest.mark.parametrize(
    ("address", "names"),
    [
        (("host:1", 2, None), "--process"),
        (("host", 2, 0), "HOST:PORT"),
        (("host:1", 2, 2), "no process 2 of 2"),
        (("localhost:1", 2, 1), "localhost:1"),
        (("localhost:99999", 2, 0), "99999"),
    ],
)
def test_a_wrong_address_is_named(address, names):
    with pytest.raises(VggjaxError, match=names):
        distributed.initialize(*address, timeout=0)


def test_a_port_in_use_is_named():
    with socket.create_server(("", 0)) as server, pytest.raises(VggjaxError, match="in use"):
        distributed.initialize(f"localhost:{server.getsockname()[1]}", 2, 0)


def test_a_single_process_talks_to_itself():
    rows = np.arange(12).reshape(4, 3)
    np.testing.assert_array_equal(collective.gather(rows), [rows])
    np.testing.assert_array_equal(collective.gather_own(rows, 4), rows)
    np.testing.assert_array_equal(collective.own(np.arange(4)), np.arange(4))
    assert collective.gather_bytes(b"abc") == [b"abc"]
    assert collective.from_first(lambda: 7) == 7
    collective.require_same("a", "letters")
    with pytest.raises(KeyError), collective.fail_together():
        raise KeyError
