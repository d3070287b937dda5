"""A second run that reports, saved classifiers, and TensorBoard logs (R2, R3, R4)."""

import json
import shutil
import sys
from pathlib import Path

import caltech
import common
import few_shot
import numpy as np
import predict
import pytest
from PIL import Image

from vggjax.data import ImageArray, load_folder, load_splits
from vggjax.transfer import Classifier
from vggjax.weights import WeightsInfo, save, weights_identity


@pytest.fixture
def arguments(photos, small_weights):
    """An experiment of a few seconds."""
    return [
        *("--data-dir", str(photos), "--weights", str(small_weights), "--samples", "4", "2"),
        *("--val", "3", "--test", "3", "--epochs", "3"),
    ]


@pytest.fixture(scope="module")
def finished(photos, small_weights, tmp_path_factory):
    """The folder of a run that has been done, to be copied."""
    out = tmp_path_factory.mktemp("finished") / "run"
    options = ["--samples", "4", "2", "--val", "3", "--test", "3", "--epochs", "3"]
    where = ["--data-dir", str(photos), "--weights", str(small_weights), "--out", str(out)]
    caltech.main([*where, *options])
    return out


@pytest.fixture
def out(finished, tmp_path):
    return Path(shutil.copytree(finished, tmp_path / "run"))


@pytest.fixture
def trained(monkeypatch):
    """Counts how often anything is trained."""
    calls = []
    train = few_shot.train

    def counted(*arguments):
        calls.append(1)
        return train(*arguments)

    monkeypatch.setattr(few_shot, "train", counted)
    return calls


def table(printed):
    lines = printed.splitlines()
    return [line for line in lines if "written after" not in line and "already" not in line]


def test_a_second_run_reports(arguments, tmp_path, monkeypatch, capsys):
    caltech.main([*arguments, "--out", str(tmp_path)])
    first = capsys.readouterr().out
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    monkeypatch.setattr(few_shot, "load_network", None)  # no weights are loaded
    caltech.main([*arguments, "--out", str(tmp_path)])
    second = capsys.readouterr().out
    assert "has this run already (--again trains anew)" in second
    assert "already" not in first
    assert table(first) == table(second)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


@pytest.mark.parametrize(
    "options",
    [
        ["--again"],
        ["--lr", "0.01"],
        ["--epochs", "4"],
        ["--samples", "2"],
        ["--seed", "1"],
        ["--patience", "2"],
        ["--layer", "fc1"],
        ["--resize", "bilinear"],
        ["--tensorboard"],
    ],
)
def test_another_run_is_trained(options, arguments, out, trained):
    if "--tensorboard" in options:
        pytest.importorskip("tensorboardX")
    caltech.main([*arguments, *options, "--out", str(out)])
    assert trained


def test_what_changes_no_number_trains_nothing(arguments, photos, out, trained, tmp_path):
    moved = shutil.copytree(photos, tmp_path / photos.name)
    arguments[1] = str(moved)
    caltech.main([*arguments, "--no-classifiers", "--samples", "2", "4", "4", "--out", str(out)])
    assert not trained


def damage(kind, out, folder):
    result = out / "result.json"
    if kind == "figure":
        (out / "accuracy.png").unlink()
    elif kind == "classifier":
        shutil.rmtree(out / "classifier-2-seed0")
    elif kind == "cut off":
        result.write_text(result.read_text()[:100])
    elif kind == "older":
        content = json.loads(result.read_text())
        del content["origin"]
        result.write_text(json.dumps(content))
    elif kind == "image":
        for path in sorted((folder / "bees").iterdir()):
            Image.fromarray(np.full((40, 40, 3), 7, np.uint8)).save(path)


@pytest.mark.parametrize("kind", ["figure", "classifier", "cut off", "older", "image"])
def test_what_is_missing_or_changed_is_trained_again(
    kind, arguments, photos, out, trained, tmp_path
):
    folder = shutil.copytree(photos, tmp_path / photos.name)
    damage(kind, out, folder)
    arguments[1] = str(folder)
    caltech.main([*arguments, "--out", str(out)])
    assert trained


def test_an_interrupted_run_is_not_taken_for_the_old_one(arguments, out, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("few_shot_results.write_history", interrupted)
    with pytest.raises(KeyboardInterrupt):
        caltech.main([*arguments, "--lr", "0.01", "--out", str(out)])
    monkeypatch.undo()
    assert not (out / "result.json").exists()
    caltech.main([*arguments, "--out", str(out)])
    assert (out / "result.json").exists()


def test_other_weights_are_trained_again(arguments, out, trained, small_config, random_tree):
    other = out.parent / "other"
    save(other, random_tree(small_config, 5), WeightsInfo("x", "test", "", small_config, {}))
    caltech.main([*arguments, "--weights", str(other), "--out", str(out)])
    assert trained


def test_identity_of_weights(small_weights, small_config, random_tree, tmp_path):
    save(tmp_path / "b", random_tree(small_config, 5), WeightsInfo("x", "", "", small_config, {}))
    whole, part = weights_identity(str(small_weights)), weights_identity(str(small_weights), "fc1")
    assert len({whole, part, weights_identity(str(tmp_path / "b"))}) == 3
    assert weights_identity("imagenet") is None, "not in this cache"
    assert weights_identity("random") == "random"
    (tmp_path / "file.h5").write_text("any content")
    assert len(weights_identity(str(tmp_path / "file.h5"))) == 64


def test_the_saved_classifier_gives_the_result_again(out, photos):
    entry = json.loads((out / "result.json").read_text())["runs"][-1]
    classifier = Classifier.load(out / "classifier-4-seed0")
    assert classifier.class_names == ("ants", "bees", "cats")
    dataset = load_folder(photos)
    (split,) = load_splits(out / "split.json")
    chosen = split.indices(dataset, "test")
    probabilities = classifier.probabilities(ImageArray(dataset, chosen, 32, "nearest"))
    true = probabilities[np.arange(len(chosen)), dataset.labels[chosen]]
    accuracy = (probabilities.argmax(1) == dataset.labels[chosen]).mean()
    assert accuracy == pytest.approx(entry["test_accuracy"])
    assert -np.log(true).mean() == pytest.approx(entry["test_loss"], rel=1e-4)


def test_photos_are_classified(out, photos, capsys):
    names = [str(photos / "bees" / "3.png"), str(photos / "cats" / "0.png")]
    predict.main([str(out / "classifier-4-seed0"), *names, "--top", "2"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == names
    assert all(line.count("%") == 2 for line in lines)


@pytest.mark.parametrize(
    ("classifier", "photo", "options", "names"),
    [
        ("nothing", "bees/3.png", [], "nothing"),
        ("classifier-4-seed0", "none.png", [], "none.png"),
        ("classifier-4-seed0", "bees/3.png", ["--weights", "nowhere.h5"], "nowhere.h5"),
        ("classifier-4-seed0", "bees/3.png", ["--top", "0"], "0"),
    ],
)
def test_mistakes_in_predicting(classifier, photo, options, names, out, photos, capsys):
    arguments = [str(out / classifier), str(photos / photo), *options]
    with pytest.raises(SystemExit) as stop:
        common.run(lambda: predict.main(arguments))
    assert stop.value.code == 2
    message = capsys.readouterr().err
    assert message.startswith("error: ")
    assert message.count("\n") == 1
    assert names in message


def test_tensorboard_logs_hold_the_history(arguments, tmp_path):
    pytest.importorskip("tensorboardX")
    caltech.main([*arguments, "--tensorboard", "--no-classifiers", "--out", str(tmp_path)])
    assert not list(tmp_path.glob("classifier*"))
    assert {path.name for path in (tmp_path / "tensorboard").iterdir()} == {"2-seed0", "4-seed0"}
    (path,) = (tmp_path / "tensorboard" / "4-seed0").iterdir()
    logged = scalars(path)
    assert {tag for tag, _ in logged} == {
        *("loss/train", "loss/validation", "accuracy/train", "accuracy/validation")
    }
    last = json.loads((tmp_path / "result.json").read_text())["runs"][-1]
    assert logged["loss/validation", 3] == pytest.approx(last["val_loss"], rel=1e-5)


def scalars(path):
    """The scalars of an event file: records of length (8), checksum (4), content, checksum (4)."""
    from tensorboardX.proto.event_pb2 import Event

    data, found = path.read_bytes(), {}
    while data:
        length = int.from_bytes(data[:8], "little")
        event = Event.FromString(data[12 : 12 + length])
        found.update({(v.tag, event.step): v.simple_value for v in event.summary.value})
        data = data[16 + length :]
    return found


def test_without_tensorboard_one_sentence_says_so(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(SystemExit) as stop:
        common.run(lambda: caltech.main([*arguments, "--tensorboard", "--out", str(tmp_path)]))
    assert stop.value.code == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "pip install 'vggjax[tensorboard]'" in message
    assert not list(tmp_path.iterdir())
