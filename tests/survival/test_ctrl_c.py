"""Ctrl-C at any moment of any program: status 130, one line, at once, nothing left behind."""

import os
import random
import signal
import sys

import pytest
from survival import ROOT, Work, left_over

INTERRUPTS = int(os.environ.get("VGGJAX_INTERRUPTS", "15"))  # in all

pytestmark = [
    pytest.mark.survival,
    pytest.mark.skipif(sys.platform == "win32", reason="signals are others there"),
]


@pytest.fixture(scope="module")
def programs(works, many_photos, small_weights, tmp_path_factory):
    """All scripts and modules, at work on something that takes some seconds."""
    made = works["heads"].fresh(tmp_path_factory.mktemp("made") / "a")
    works["heads"].finish(made)
    classifier = next((made / "out").glob("classifier-*"))
    data = ["--data-dir", many_photos, "--weights", small_weights, "--out", "out"]
    network = ["--weights", small_weights, "--out", "out"]
    flat = ["--dataset", "demo", "--epochs", "30", "--out", "out"]
    scripts = {
        "caltech": [*data, "--samples", "4", "16"],
        "urban_tribes": flat,
        "temperature": flat,
        "layers": [*data, "--samples", "4"],
        "steps": flat,
        "feature_maps": data,
        "visualize": [*network, "--layer", "block5_conv3", "--steps", "3000"],
        "explain": [
            classifier,
            many_photos / "ants" / "00.png",
            "--weights",
            small_weights,
            "--out",
            "a.png",
        ],
        "predict": [classifier, many_photos, "--weights", small_weights, "--csv", "a.csv"],
        "demo_set": ["--out", "out"],
        "report": ["--only", "feature_maps", "caltech", *data],
        "pretrain_demo": ["--out", "out"],
        "benchmark": ["--out", "out"],
    }
    modules = {
        "vggjax.weights": ["verify", ROOT / "weights" / "demo"],
        "vggjax.export": [classifier, "a.onnx", "--weights", small_weights],
        "vggjax.cache": ["verify"],
    }
    return [
        *(Work(name, [ROOT / "experiments" / f"{name}.py", *own]) for name, own in scripts.items()),
        *(Work(name, ["-m", name, *own]) for name, own in modules.items()),
    ]


def test_it_ends_in_one_line(programs, tmp_path):
    moments, longest, count = random.Random(0), 0.0, 0
    for turn in range(3 * INTERRUPTS):
        work = programs[turn % len(programs)]
        folder = work.fresh(tmp_path / str(turn))
        stopped = work.stop(folder, moments.choice([0.3, 1, 2, 4, 7, 12]), signal.SIGINT)
        if stopped is None or stopped.status == 0:  # it was faster
            continue
        lines = [line for line in stopped.errors.splitlines() if line.startswith("interrupted: ")]
        assert (stopped.status, len(lines)) == (130, 1), (work, stopped)
        assert "Traceback" not in stopped.errors, (work, stopped)
        assert left_over(folder) == [], work
        longest, count = max(longest, stopped.seconds), count + 1
        if count == INTERRUPTS:
            break
    print(f"\n{count} interrupts, the longest wait {longest:.2f} s")
    assert count == INTERRUPTS
    assert longest < 10, "on a busy machine; seconds are printed above"
