import json

import common
import pytest
import urban_tribes

MARK = "(validation = test, as in the report)"


@pytest.fixture
def folder(photos, tmp_path):
    """The photos of the three classes, flat."""
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in photos.rglob("*.png"):
        (flat / f"{path.parent.name}_group-{path.name}").write_bytes(path.read_bytes())
    return flat


@pytest.fixture
def arguments(folder, small_weights):
    return [
        *("--data-dir", str(folder), "--weights", str(small_weights), "--samples", "2", "4"),
        *("--val", "3", "--test", "3", "--epochs", "4"),
    ]


def run(arguments, out):
    urban_tribes.main([*arguments, "--out", str(out)])
    return json.loads((out / "result.json").read_text())


def test_the_report_s_recipe_is_the_default():
    options = urban_tribes.parse([])
    assert options.samples == [2, 4, 8, 16, 32]
    assert (options.batch_size, options.lr, options.epochs, options.patience) == (11, 1e-3, 100, 3)
    assert (options.layer, options.val, options.test) == ("fc2", 16, 16)


def test_results_are_complete(arguments, tmp_path, capsys):
    result = run(arguments, tmp_path / "out")
    assert (result["experiment"], result["dataset"], result["demo"]) == (
        *("urban_tribes", "flat"),
        False,
    )
    assert [r["samples"] for r in result["runs"]] == [2, 4]
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        *("accuracy.png", "dataset.txt", "history.csv", "result.json", "split.json"),
        *("history-2-seed0.png", "history-4-seed0.png"),
        *("classifier-2-seed0", "classifier-4-seed0"),
    }
    (split,) = json.loads((tmp_path / "out" / "split.json").read_text())["splits"]
    for part in split["classes"].values():
        assert not set(part["validation"]) & set(part["test"])
    printed = capsys.readouterr().out
    assert "validation = test" not in printed
    assert printed.splitlines()[-1].startswith("flat, small weights: test accuracy 0.")


def test_the_report_s_split_is_marked(arguments, tmp_path, capsys):
    run(arguments, tmp_path / "out")
    kept_apart = (tmp_path / "out" / "result.json").read_text()
    capsys.readouterr()
    urban_tribes.main([*arguments, "--report-split", "--out", str(tmp_path / "out")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].startswith(f"flat, small weights {MARK}, head on fc2")
    assert lines[-1].startswith(f"flat, small weights {MARK}: ")
    assert (tmp_path / "out" / "result.json").read_text() == kept_apart
    folder = tmp_path / "out" / "report-split"
    result = json.loads((folder / "result.json").read_text())
    assert MARK in result["title"]
    for entry in result["runs"]:
        assert entry["test_loss"] == entry["val_loss"]
    (split,) = json.loads((folder / "split.json").read_text())["splits"]
    for part in split["classes"].values():
        assert part["validation"] == part["test"]
        assert len(part["test"]) == 6
    urban_tribes.main([*arguments, "--report-split", "--out", str(tmp_path / "out")])
    assert "already" in capsys.readouterr().out


def test_without_a_folder_it_is_the_demo(tmp_path, capsys):
    result = run(["--samples", "2", "16", "--epochs", "3", "--no-classifiers"], tmp_path)
    printed = capsys.readouterr().out
    assert printed.startswith(urban_tribes.BANNER)
    assert "about 0.50" in printed, "the report's number stands beside ours"
    assert printed.splitlines()[-1].startswith("DEMO set, demo weights: test accuracy")
    assert (result["demo"], result["classes"]) == (True, 11)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--data-dir", "nowhere"], "nowhere"),
        (["--data-dir", "."], "."),
        (["--layer", "block9_conv1"], "block9_conv1"),
        (["--samples", "0"], "0"),
        (["--test", "0"], "0"),
        (["--report-split", "--val", "0", "--test", "1"], "same images"),
    ],
)
def test_mistakes_are_one_sentence(options, names, arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        common.run(lambda: urban_tribes.main([*arguments, *options, "--out", "out"]))
    assert stop.value.code == 2
    message = capsys.readouterr().err
    assert message.startswith("error: ")
    assert message.count("\n") == 1
    assert names in message
    assert not list((tmp_path / "out").rglob("result.json"))
