"""The benchmark on tiny networks: that its arms agree and its results come out; not the times."""

import json
from dataclasses import replace

import benchmark
import jax
import numpy as np
import pytest
from benchmarks import onnx, openvino, ours, photo, pytorch
from benchmarks.exact import exact_features
from benchmarks.features import TOLERANCE
from benchmarks.heads import heads
from benchmarks.inputs import Network
from benchmarks.inputs import photo as rendered
from benchmarks.measure import Skip
from benchmarks.memory import memory
from benchmarks.results import OtherPrograms
from benchmarks.startup import start_up
from benchmarks.table import table

from vggjax.errors import VggjaxError

pytestmark = pytest.mark.usefixtures("as_the_script_runs")


def rows_of(result, key):
    (comparison,) = (c for c in result["comparisons"] if c["key"] == key)
    return {row["arm"]: row for row in comparison["rows"]}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch", "ignore:os.fork")
def test_workloads_in_this_process(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("benchmarks.options.QUICK", tiny)
    monkeypatch.setattr(OtherPrograms, "share", lambda self: 0.5)
    benchmark.main(["--quick", "--only", "a", "b", "c", "d", "--out", str(tmp_path)])
    result = json.loads((tmp_path / "result.json").read_text())
    assert [c["key"] for c in result["comparisons"]] == [
        *("a fc2 1", "a fc2 4", "b cold", "b warm", "c nearest", "c bilinear", "d"),
    ]
    features = rows_of(result, "a fc2 4")
    assert features["this project"]["error"] <= TOLERANCE
    for name in ("ONNX Runtime", "PyTorch", "PyTorch compiled", "Keras 3 on JAX", "plain Flax NNX"):
        assert features[name]["error"] <= 1e-4
        assert len(features[name]["seconds"]) == 2
        assert features[name]["ratio"] > 0
    single = rows_of(result, "a fc2 1")
    for name in ("PyTorch bfloat16", "PyTorch compiled bfloat16"):
        assert 1e-4 < features[name]["error"] < 0.1, "it computes with fewer digits"
    assert 1e-4 < single["this project, bfloat16"]["error"] < 0.1
    assert features["flaxmodels"]["skipped"], "it has no tiny network"
    assert "plain Flax NNX" not in single, "it is slow"
    assert result["summary"]["columns"] == ["fc2, 1", "fc2, 4"]
    summed = result["summary"]["rows"]
    assert summed["PyTorch"][1] == features["PyTorch"]["ratio"]
    assert summed["plain Flax NNX"][0] is None
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
    assert "| PyTorch compiled |" in printed


@pytest.fixture(params=["block5_pool", "fc2"])
def network(request, small_config, small_tree):
    return Network(small_config, request.param, small_tree)


@pytest.fixture
def x(network):
    return network.prepared(np.stack([rendered(0, (32, 32)), rendered(1, (32, 32))]))


def test_the_numpy_network_is_exact(network, x, small_tree):
    """Against this project in its largest precision: the same numbers from other code."""
    with jax.enable_x64(True):
        tree = jax.tree.map(lambda a: a.astype(np.float64), small_tree)
        wide = replace(network, params=tree).chain().after("preprocess")
        expected = np.asarray(wide(jax.numpy.asarray(x, np.float64)))
    np.testing.assert_allclose(exact_features(network, x), expected, rtol=1e-9)


@pytest.mark.parametrize("arm", [onnx, openvino, pytorch])
def test_an_arm_computes_the_network(arm, network, x):
    pytest.importorskip(arm.__name__.removeprefix("benchmarks.").replace("pytorch", "torch"))
    expected = exact_features(network, x)
    np.testing.assert_allclose(arm.forward(network, x)(), expected, atol=1e-5 * expected.max())


def test_openvino_gets_one_request_for_each_core(network, x, monkeypatch):
    pytest.importorskip("openvino")
    monkeypatch.setattr(openvino, "cores", lambda: 2)
    monkeypatch.setattr(
        openvino, "take_turns", lambda runs, _: {name: [name == "latency"] for name in runs}
    )
    run = openvino.forward(network, x)
    assert run.note == "its throughput hint"
    expected = exact_features(network, x)
    np.testing.assert_allclose(run(), expected, atol=1e-5 * expected.max())


def test_fewer_bits_are_those_of_the_option(network, small_images):
    chain = network.chain()
    wide, narrow = (
        ours.forward(chain, small_images, option)() for option in ("float32", "bfloat16")
    )
    assert 1e-4 < np.abs(wide - narrow).max() / wide.max() < 0.1
    there = ours.forward_on_device(chain, small_images)()
    np.testing.assert_allclose(there, wide, atol=1e-5 * wide.max())


def test_without_a_compiler_nothing_is_compiled(network, x, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(Skip, match=r"torch\.compile needs a C\+\+ compiler"):
        pytorch.forward(network, x, compiled=True)


def test_heads_learn_the_same_everywhere(tiny):
    narrow = replace(tiny, heads=((50, 40),), head_batches=(16,), classes=5)
    (comparison,) = heads(narrow)
    ours_there, *others = comparison.rows
    assert ours_there.error is None
    assert [row.error < 1e-5 for row in others] == [True] * 3
    # 40 x 50 features once, and 7 times a kernel of 50 x 5 in each of 3 steps
    assert "moves 0.00 GB" in comparison.notes[0]
    assert comparison.units == round(40 * 50 * 4 / 1e6)


def test_a_photo_gets_the_same_answer_everywhere(tiny, monkeypatch):
    makers = {name: photo.MAKERS[name] for name in ("this project", "PyTorch")}
    monkeypatch.setattr(photo, "MAKERS", makers)
    first, later = photo.one_photo(tiny)
    assert [len(row.seconds) for row in first.rows] == [1, 1]
    assert later.rows[1].error < 1e-4
    assert [row.arm for row in later.rows] == list(makers)


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


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--rounds", "0"], "at least 1 round and 2 classes"),
        (["--classes", "1"], "at least 1 round and 2 classes"),
        (["--batches", "8", "0"], "A batch has at least 1 image"),
        (["--device", "tpu", "--only", "heads"], "heads does not run on a tpu; these do: a, b, d"),
        (["--device", "gpu"], "JAX has no gpu here, only a cpu: install the extra cuda"),
    ],
)
def test_options_that_make_no_sense(wrong, said, tmp_path):
    with pytest.raises(VggjaxError, match=said):
        benchmark.main([*wrong, "--out", str(tmp_path)])
