import csv
import json

import layers
import pytest
from common import run as run_script

from vggjax.report.reference_layers import C5_LEARNING_RATES, C5_TABLE


@pytest.fixture
def arguments(photos, small_weights):
    """An experiment of a few seconds."""
    return [
        *("--data-dir", str(photos), "--weights", str(small_weights), "--samples", "4"),
        *("--val", "3", "--test", "3", "--epochs", "3"),
    ]


def run(arguments, out):
    layers.main([*arguments, "--out", str(out)])
    return json.loads((out / "result.json").read_text())


def test_results_are_complete(arguments, tmp_path, capsys):
    result = run([*arguments, "--seed", "0", "1"], tmp_path)
    assert (result["experiment"], result["classes"], result["demo"]) == ("layers", 3, False)
    runs = result["runs"]
    assert len(runs) == 2 * 3 * 2, "seeds, layers, recipes"
    for entry in runs:
        assert entry["trainable_parameters"] == 2 * 2 * 8 * 3 + 3
        assert entry["epochs"] == 3
        assert 0 <= entry["test_accuracy"] <= 1
        if entry["recipe"] == "report's recipe":
            assert entry["learning_rate"] == C5_LEARNING_RATES[entry["layer"]]
            assert entry["test_loss"] < 16.2
        else:
            assert entry["learning_rate"] == 0.5 / 32
    frozen = {entry["layer"]: entry["frozen_parameters"] for entry in runs}
    assert frozen["block5_conv3"] - frozen["block5_conv2"] == 3 * 3 * 8 * 8 + 8
    printed = capsys.readouterr().out
    for row in C5_TABLE.values():
        assert all(f"{value:.4f}" in printed for value in row), "Table 2 stands beside ours"
    assert "best test accuracy" in printed.splitlines()[-1]
    names = {path.name for path in tmp_path.iterdir()}
    curves = {f"history-{layer}-seed{seed}.png" for layer in C5_TABLE for seed in (0, 1)}
    validation = {"validation-seed0.png", "validation-seed1.png"}
    others = {"result.json", "split.json", "history.csv", "layers.png"}
    assert names == curves | validation | others


def test_all_layers_come_from_one_pass(arguments, tmp_path, monkeypatch):
    passes = []
    original = layers.extract_layers

    def counted(backbone, names, images):
        passes.append(list(names))
        return original(backbone, names, images)

    monkeypatch.setattr(layers, "extract_layers", counted)
    run([*arguments, "--layers", "fc1", "block2_pool", "fc1"], tmp_path)
    assert passes == [["fc1", "block2_pool"]]
    with (tmp_path / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["layer"] for row in rows} == {"fc1", "block2_pool"}
    assert len(rows) == 2 * 2 * 3


def test_pooled_heads_have_the_report_s_other_recipe(arguments, tmp_path, capsys):
    options = layers.parse([*arguments, "--pool"])
    assert (options.batch_size, options.patience, options.epochs) == (11, 6, 3)
    assert layers.parse(["--pool"]).epochs == 100
    flattened = layers.parse([])
    assert (flattened.batch_size, flattened.patience, flattened.epochs) == (32, None, 30)
    result = run([*arguments, "--pool"], tmp_path)
    assert {entry["trainable_parameters"] for entry in result["runs"]} == {8 * 3 + 3}
    rates = {e["learning_rate"] for e in result["runs"] if e["recipe"] == "report's recipe"}
    assert rates == {1e-5}
    assert "about 0.28 on held-out images" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--layers", "block5_conv9"], "There is no layer 'block5_conv9'"),
        (["--layers", "fc2", "--pool"], "--pool with fc2: A pooled head needs maps"),
        (["--samples", "0"], "at least 1"),
        (["--lr", "0"], "above zero"),
        (["--epochs", "0"], "at least one epoch"),
    ],
)
def test_mistakes_are_one_sentence(arguments, tmp_path, capsys, options, words):
    with pytest.raises(SystemExit) as exit_info:
        run_script(lambda: layers.main([*arguments, *options, "--out", str(tmp_path)]))
    assert exit_info.value.code == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert message.startswith("error: ")
    assert words in message
    assert not (tmp_path / "result.json").exists()
