"""The examples in CONTRIBUTING.md run as they stand, and do what it says."""

import importlib
import re
from pathlib import Path

import numpy as np
import pytest
from experiment_helpers import run

from vggjax.data import Dataset, load_dataset, sources
from vggjax.model import parameters
from vggjax.training import Classifier

TEXT = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")


@pytest.fixture
def written(tmp_path, monkeypatch):
    """A folder of modules that holds the examples' files."""
    head, experiment = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    (tmp_path / "mlp_head.py").write_text(head)
    (tmp_path / "hidden_width.py").write_text(experiment)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_the_new_head_and_the_new_experiment(written, given, photos, tmp_path):
    one = importlib.import_module("hidden_width").HIDDEN_WIDTH
    options = ["--widths", "4", "8", "--lr", "0.01", "--epochs", "30"]
    result = run(one, [*given, *options], tmp_path / "out")
    counts = [record["trainable_parameters"] for record in result["records"]]
    assert counts == [16 * n + n + n * 3 + 3 for n in (4, 8)], "both layers are trained"
    trained = Classifier.load(tmp_path / "out" / "classifier-8-seed0")
    start = importlib.import_module("mlp_head").mlp_head(16, 8, 3, seed=0)
    for name in ("hidden", "head"):
        kernels = [parameters(chain)[name]["kernel"] for chain in (trained.head, start)]
        assert not np.allclose(*kernels), name
    (prediction,) = trained.predict([photos / "bees" / "1.png"])
    assert set(prediction) == {"ants", "bees", "cats"}
    assert (tmp_path / "out" / "accuracy.png").is_file()


def test_a_new_data_source_is_one_line(monkeypatch):
    def nothing(folder):
        return Dataset("new", ("a",), ("1",), np.zeros(1, np.int32), lambda name: b"")

    monkeypatch.setitem(sources.NAMED, "new", nothing)
    assert load_dataset("new").name == "new"
