import csv
import json

import numpy as np
import pytest
import temperature
from common import run as run_script
from PIL import Image


@pytest.fixture
def arguments(photos, small_weights):
    """An experiment of a few seconds."""
    return [
        *("--data-dir", str(photos), "--weights", str(small_weights), "--samples", "4"),
        *("--val", "3", "--test", "3"),
    ]


def run(arguments, out):
    temperature.main([*arguments, "--out", str(out)])
    return json.loads((out / "result.json").read_text())


def test_the_defaults_are_the_report_s():
    options = temperature.parse([])
    assert options.temperatures == [1, 2, 4, 8, 16]
    assert (options.samples, options.val, options.test) == (10, 3, 10)
    assert (options.epochs, options.batch_size, options.lr) == (15, 32, 1e-3)
    assert (options.patience, options.min_delta) == (0, 1e-3)


def test_results_are_complete(arguments, tmp_path, capsys):
    result = run([*arguments, "--temperatures", "4", "1", "--seed", "0", "1"], tmp_path)
    assert (result["experiment"], result["layer"]) == ("temperature", "predictions")
    entries = [(entry["temperature"], entry["seed"]) for entry in result["runs"]]
    assert entries == [(1, 0), (4, 0), (1, 1), (4, 1)]
    for entry in result["runs"]:
        assert entry["trainable_parameters"] == 5 * 3 + 3
        assert 1 <= entry["epochs"] <= 15
    printed = capsys.readouterr().out
    assert "0.51" in printed, "the report's number stands beside ours"
    assert "best test accuracy" in printed.splitlines()[-1]
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"result.json", "split.json", "history.csv", "temperature.png"}
    with (tmp_path / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(entry["epochs"] for entry in result["runs"])


def test_a_second_run_uses_the_logits_again(arguments, tmp_path, monkeypatch):
    first = run(arguments, tmp_path)
    monkeypatch.setattr("vggjax.transfer.features.forward_step", None)  # nothing is extracted
    second = run(arguments, tmp_path)
    for a, b in zip(first["runs"], second["runs"], strict=True):
        assert a | {"seconds": 0} == b | {"seconds": 0}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--temperatures", "0"], "A temperature must be above zero, not 0."),
        (["--samples", "0"], "at least 1"),
        (["--patience", "-1"], "patience must be 0 or more"),
    ],
)
def test_mistakes_are_one_sentence(arguments, tmp_path, capsys, options, words):
    assert words in failure([*arguments, *options, "--out", str(tmp_path / "out")], capsys)


def test_too_few_images(small_weights, tmp_path, capsys):
    for name, count in (("ants", 5), ("bees", 2)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(count):
            pixels = np.full((40, 40, 3), 10 * number, np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.png")
    arguments = ["--data-dir", str(tmp_path / "photos"), "--weights", str(small_weights)]
    message = failure([*arguments, "--out", str(tmp_path / "out")], capsys)
    assert "The class bees" in message
    assert "too few" in message


def failure(arguments, capsys):
    """The one sentence with which the script ends."""
    with pytest.raises(SystemExit) as exit_info:
        run_script(lambda: temperature.main(arguments))
    assert exit_info.value.code == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    return lines[0]
