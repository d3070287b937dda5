import csv
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import caltech
import common
import numpy as np
import pytest
from safetensors.numpy import save_file

from vggjax import network

SCRIPT = Path(caltech.__file__)
RUN_KEYS = {
    *("samples", "seed", "train_images", "test_accuracy", "test_loss", "val_accuracy"),
    *("val_loss", "epochs", "trainable_parameters", "frozen_parameters", "seconds"),
}


@pytest.fixture
def arguments(photos, small_weights):
    """An experiment of a few seconds."""
    return [
        *("--data-dir", str(photos), "--weights", str(small_weights), "--samples", "4", "2"),
        *("--val", "3", "--test", "3", "--epochs", "5"),
    ]


def run(arguments, out):
    caltech.main([*arguments, "--out", str(out)])
    return json.loads((out / "result.json").read_text())


def test_results_are_complete(arguments, tmp_path, capsys):
    result = run([*arguments, "--seed", "0", "1"], tmp_path)
    assert result["experiment"] == "caltech"
    assert (result["layer"], result["classes"], result["demo"]) == ("fc2", 3, False)
    assert result["weights"]["name"] == "small"
    assert len(result["weights"]["hash"]) == 16
    assert [(r["samples"], r["seed"]) for r in result["runs"]] == [(2, 0), (4, 0), (2, 1), (4, 1)]
    for entry in result["runs"]:
        assert entry.keys() >= RUN_KEYS
        assert entry["train_images"] == 3 * entry["samples"]
        assert entry["trainable_parameters"] == 16 * 3 + 3
        assert 0 <= entry["test_accuracy"] <= 1
    names = {path.name for path in tmp_path.iterdir()}
    curves = {f"history-{n}-seed{s}.png" for n in (2, 4) for s in (0, 1)}
    others = {"result.json", "split.json", "history.csv", "dataset.txt", "accuracy.png"}
    classifiers = {f"classifier-{n}-seed{s}" for n in (2, 4) for s in (0, 1)}
    assert names == curves | others | classifiers
    printed = capsys.readouterr().out
    assert "0.5885" in printed, "the report's number stands beside ours"
    assert printed.splitlines()[-1].startswith("photos0, small weights: test accuracy 0.")


def test_history_has_a_line_per_epoch(arguments, tmp_path):
    result = run(arguments, tmp_path)
    with (tmp_path / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(int(r["samples"]), int(r["epoch"])) for r in rows] == [
        (samples, epoch) for samples in (2, 4) for epoch in range(1, 6)
    ]
    last = result["runs"][-1]
    assert float(rows[-1]["val_loss"]) == pytest.approx(last["val_loss"], rel=1e-5)


def test_training_again_uses_the_split_and_the_features_again(arguments, tmp_path, monkeypatch):
    first = run(arguments, tmp_path)
    split = (tmp_path / "split.json").read_text()
    monkeypatch.setattr("vggjax.transfer.features.forward_step", None)  # nothing is extracted
    second = run([*arguments, "--again"], tmp_path)
    assert (tmp_path / "split.json").read_text() == split
    for a, b in zip(first["runs"], second["runs"], strict=True):
        assert a | {"seconds": 0} == b | {"seconds": 0}


def test_end_to_end_gives_the_same_result_as_the_cache(arguments, tmp_path):
    cached = run(arguments, tmp_path / "cached")
    whole = run([*arguments, "--end-to-end"], tmp_path / "whole")
    for a, b in zip(cached["runs"], whole["runs"], strict=True):
        np.testing.assert_allclose(a["test_loss"], b["test_loss"], rtol=1e-4)
        assert a["frozen_parameters"] == b["frozen_parameters"]
        assert a["test_accuracy"] == b["test_accuracy"]


def test_early_stopping_and_another_layer(arguments, tmp_path):
    options = ["--patience", "1", "--epochs", "60", "--lr", "0.05", "--layer", "block4_pool"]
    result = run([*arguments, *options], tmp_path)
    assert all(entry["epochs"] < 60 for entry in result["runs"])
    assert result["runs"][0]["trainable_parameters"] == 2 * 2 * 8 * 3 + 3


def test_the_demo_is_marked_everywhere(tmp_path, monkeypatch, capsys):
    """With no network and no Caltech-256, `auto` runs on the demo set and says so."""
    monkeypatch.setattr(network, "url_reachable", lambda *_, **__: False)
    result = run(["--samples", "4", "--epochs", "2"], tmp_path)
    printed = capsys.readouterr().out
    assert printed.startswith(common.DEMO_BANNER)
    assert printed.splitlines()[-1].startswith("DEMO set, demo weights")
    assert result["demo"] is True
    assert (result["dataset"], result["weights"]["name"], result["classes"]) == ("demo", "demo", 32)
    assert "demo" in (tmp_path / "dataset.txt").read_text()
    assert json.loads((tmp_path / "split.json").read_text())["splits"][0]["dataset"] == "demo"


def broken(photos, tmp_path, kind):
    """A copy of the photos with one thing wrong."""
    folder = tmp_path / "broken"
    for source in sorted(photos.rglob("*.png")):
        target = folder / source.relative_to(photos)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    bees = sorted((folder / "bees").iterdir())
    if kind == "empty class":
        (folder / "ducks").mkdir()
    elif kind == "small class":
        for path in bees[2:]:
            path.unlink()
    elif kind == "no image":
        bees[0].write_text("this is text")
    elif kind == "cut off":
        for path in bees:
            path.write_bytes(path.read_bytes()[:200])
    return folder


def fails(arguments, out, capsys):
    """Run as the script does; return the one line that it prints on stderr."""
    with pytest.raises(SystemExit) as stop:
        common.run(lambda: caltech.main([*arguments, "--out", str(out)]))
    assert stop.value.code == 2
    message = capsys.readouterr().err
    assert message.startswith("error: ")
    assert message.count("\n") == 1
    assert not (out / "result.json").exists()
    assert not list(out.rglob(".*")), "nothing half-written stays"
    return message


@pytest.mark.parametrize(
    ("kind", "names"),
    [("empty class", "ducks"), ("small class", "bees"), ("no image", "0.png"), ("cut off", "bees")],
)
def test_broken_data_is_named(kind, names, arguments, photos, tmp_path, capsys):
    arguments[1] = str(broken(photos, tmp_path, kind))
    assert names in fails(arguments, tmp_path / "out", capsys)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--data-dir", "nowhere"], "nowhere"),
        (["--dataset", "mnist"], "mnist"),
        (["--dataset", "folder", "--data-dir", "nowhere"], "nowhere"),
        (["--weights", "nowhere.h5"], "nowhere.h5"),
        (["--layer", "block9_conv1"], "block9_conv1"),
        (["--weights", "random", "--layer", "fc3"], "fc3"),
        (["--samples", "0"], "0"),
        (["--val", "0"], "0"),
        (["--epochs", "0"], "epoch"),
        (["--lr", "-1"], "learning rate"),
        (["--batch-size", "0"], "batch size"),
        (["--seed", "-1"], "seed"),
    ],
)
def test_wrong_options_are_named(options, names, arguments, tmp_path, capsys):
    assert names in fails([*arguments, *options], tmp_path / "out", capsys)


class Malicious:
    """What it does when it is unpickled: make a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def bad_weights(kind, tmp_path, small_tree):
    """A weight file with something wrong."""
    path = tmp_path / "weights.bin"
    tensors = {f"{layer}.x": arrays["kernel"] for layer, arrays in small_tree.items()}
    if kind == "pickle":
        path.write_bytes(pickle.dumps({"state_dict": Malicious(tmp_path / "ran")}))
    elif kind == "other network":
        save_file(tensors, path)
    elif kind == "cut off":
        save_file(tensors, path)
        path.write_bytes(path.read_bytes()[:-1000])
    elif kind == "web page":
        path.write_text("<html>not found</html>")
    return path


@pytest.mark.parametrize("kind", ["pickle", "other network", "cut off", "web page"])
def test_bad_weights_are_refused(kind, arguments, tmp_path, small_tree, capsys):
    path = bad_weights(kind, tmp_path, small_tree)
    message = fails([*arguments, "--weights", str(path)], tmp_path / "out", capsys)
    assert path.name in message
    assert not (tmp_path / "ran").exists()


def test_named_data_and_weights_never_fall_back(photos, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(network, "url_reachable", lambda *_, **__: False)
    out = tmp_path / "out"
    assert "256_ObjectCategories.tar" in fails(["--dataset", "caltech256"], out, capsys)
    assert "imagenet" in fails(["--data-dir", str(photos), "--samples", "2"], out, capsys)


def test_an_unwritable_place_is_named(arguments, tmp_path, capsys):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(SystemExit) as stop:
        common.run(lambda: caltech.main([*arguments, "--out", str(blocked)]))
    assert stop.value.code == 2
    assert str(blocked) in capsys.readouterr().err


def test_an_interrupt_is_no_traceback(arguments, tmp_path, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("vggjax.transfer.few_shot.fit", interrupted)
    with pytest.raises(SystemExit) as stop:
        common.run(lambda: caltech.main([*arguments, "--out", str(tmp_path)]))
    assert stop.value.code == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_the_script_itself_exits_with_2(tmp_path):
    command = [sys.executable, str(SCRIPT), "--data-dir", "nowhere", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
