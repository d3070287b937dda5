"""A head at a few images per class: numbers, files, classifiers, logs (C1 to C3, R2 to R4, U1)."""

import csv
import json
import shutil
import sys

import numpy as np
import predict
import pytest
from caltech import CALTECH
from experiment_helpers import run
from PIL import Image
from scipy.special import softmax
from urban_tribes import TRIBES

from vggjax.data import ImageArray, load_folder, load_splits
from vggjax.features import compute
from vggjax.training import Classifier, keras1_rmsprop, keras_cross_entropy

MARK = "(validation = test)"
REFERENCE = ("--head", "reference", "--layer", "fc2")


@pytest.fixture
def arguments(given):
    return [*given, "--samples", "4", "2"]


@pytest.fixture(scope="module")
def out(photos, small_weights, tmp_path_factory):
    """The folder of a run; nothing may be changed in it."""
    folder = tmp_path_factory.mktemp("finished")
    where = ["--data-dir", photos, "--weights", small_weights, "--seed", "0", "1"]
    sizes = ["--samples", "4", "2", "--val", "3", "--test", "3", "--epochs", "5"]
    run(CALTECH, [*where, *sizes, "--head", "steady", "auto"], folder)
    return folder


def test_heads_of_all_sizes_and_seeds(out):
    result = json.loads((out / "result.json").read_text())
    keys = [(n, h, s) for s in (0, 1) for n in (2, 4) for h in ("steady", "auto")]
    assert [tuple(r["key"].values()) for r in result["records"]] == keys
    for record in result["records"]:
        assert record["images"]["train"] == 3 * record["key"]["samples"]
        assert (
            record["trainable_parameters"]
            == (8 if record["key"]["head"] == "steady" else 16) * 3 + 3
        )
    names = {path.name for path in out.iterdir()}
    assert {f"classifier-{n}-{h}-seed{s}" for n, h, s in keys} <= names
    assert {"history-seed0.png", "history-seed1.png"} <= names


def test_own_photos_are_cropped_and_get_the_best_head_alone(arguments, tmp_path):
    """What the data settle is kept, but not part of the command as its user would type it."""
    result = run(CALTECH, arguments, tmp_path)
    for known in (result["settings"], result["origin"]["options"]):
        chosen = known["resize"], known["start"], known["head"], known["layer"]
        assert chosen == ("crop", "zero", ["auto"], ["block5_pool"])
    assert not {"--resize", "--start", "--head", "--layer"} & set(result["command"].split())
    assert {record["epochs"] for record in result["records"]} == {0}
    assert not list(tmp_path.glob("history-*"))
    assert all(" on block5_pool (" in record["chosen"] for record in result["records"])


def test_steady_heads_are_standardised_and_start_at_zero(out):
    steady = json.loads((out / "result.json").read_text())["records"][::2]
    assert {record["learning_rate"] for record in steady} == {0.5 / 8}
    head = Classifier.load(out / "classifier-4-steady-seed0").head
    assert head.names == ("head_flatten", "head_standardize", "head")


def test_heads_are_compared_on_the_same_images(out):
    """The exact p value of McNemar's test, from the tables of what each got right."""
    result = json.loads((out / "result.json").read_text())
    told = result["differences"]
    assert [(d["one"], d["other"]) for d in told] == [([n, "auto"], [n, "steady"]) for n in (2, 4)]
    for found in told:
        own, other = (
            np.mean(
                [r["test"]["accuracy"] for r in result["records"] if [*r["key"].values()][:2] == k]
            )
            for k in (found["one"], found["other"])
        )
        assert found["value"] == pytest.approx(own - other)
        assert found["low"] <= found["value"] <= found["high"]
        assert found["images"] <= 18


def test_mistakes_are_tables_and_pictures(out):
    with (out / "predictions.csv").open() as file:
        told = list(csv.DictReader(file))
    result = json.loads((out / "result.json").read_text())
    best = max(result["records"][:4], key=lambda record: record["test"]["accuracy"])
    assert np.mean([int(row["right"]) for row in told]) == pytest.approx(best["test"]["accuracy"])
    assert all(row[f"P({row['guess']})"] == row["probability of guess"] for row in told)
    with (out / "confusion.csv").open() as file:
        counts = [[int(n) for n in row[1:]] for row in list(csv.reader(file))[1:]]
    assert np.trace(counts) == sum(int(row["right"]) for row in told)
    names = {path.name for path in out.iterdir()}
    assert {
        "classes.csv",
        "suspects.csv",
        "confusion.png",
        "classes.png",
        "reliability.png",
    } <= names


def test_so_many_seeds(arguments, tmp_path, fails):
    result = run(CALTECH, [*arguments, "--seeds", "2", "--no-classifiers"], tmp_path)
    assert {record["key"]["seed"] for record in result["records"]} == {0, 1}
    assert "--seed 0 1" in result["command"]
    message = fails(lambda: run(CALTECH, [*arguments, "--seeds", "2", "--seed", "3"], tmp_path))
    assert "leave one of them out" in message


@pytest.mark.slow
@pytest.mark.parametrize(("layer", "beside"), [("fc2", True), ("block5_pool", False)])
def test_the_reference_s_numbers_stand_beside_its_own_layer_only(layer, beside, tmp_path, capsys):
    """They are of fc2; the demo stands in for its data."""
    options = ["--dataset", "demo", "--layer", layer, "--samples", "2", "--epochs", "1"]
    small = ["--val", "2", "--test", "2", "--head", "reference", "--no-classifiers"]
    result = run(CALTECH, [*options, *small], tmp_path)
    assert result["comparable"] == beside
    assert ("0.4518" in capsys.readouterr().out) == beside


@pytest.mark.parametrize("flag", ["--end-to-end", "--as-its-code"])
def test_what_has_no_standardised_features_says_so(flag, arguments, fails, tmp_path):
    options = [*arguments, flag, "--head", "steady"]
    assert "--head reference" in fails(lambda: run(CALTECH, options, tmp_path))


def test_what_is_said_of_size_and_start_holds(arguments, out, tmp_path):
    options = ["--resize", "nearest", "--start", "glorot", "--no-classifiers"]
    result = run(CALTECH, [*arguments, *options], tmp_path)
    assert (result["settings"]["resize"], result["settings"]["start"]) == ("nearest", "glorot")
    assert {"--resize", "--start"} < set(result["command"].split())


def test_history_has_a_line_per_epoch(out):
    with (out / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    keys = [("2", "0"), ("4", "0"), ("2", "1"), ("4", "1")]
    assert [(r["samples"], r["seed"], int(r["epoch"])) for r in rows] == [
        (*key, epoch) for key in keys for epoch in range(1, 6)
    ]
    last = json.loads((out / "result.json").read_text())["records"][-2]
    assert float(rows[-1]["val_loss"]) == pytest.approx(last["validation"]["loss"], rel=1e-5)


@pytest.mark.parametrize(("head", "number"), [("steady", 2), ("auto", 3)])
def test_the_saved_classifier_gives_the_result_again(head, number, out, photos):
    """The same classes right, and calibrated probabilities: those of a head trained in epochs are
    divided by its temperature, those of auto were so when it was measured."""
    record = json.loads((out / "result.json").read_text())["records"][number]
    classifier = Classifier.load(out / f"classifier-4-{head}-seed0")
    assert classifier.class_names == ("ants", "bees", "cats")
    dataset = load_folder(photos)
    split, _ = load_splits(out / "split.json")
    chosen = split.indices(dataset, "test")
    images = ImageArray(dataset, chosen, 32, "crop")
    probabilities = classifier.probabilities(images)
    if head == "steady":
        logits = compute(classifier.backbone.then(classifier.head), images)
        temperature = record["calibration"]["temperature"]
        np.testing.assert_allclose(softmax(logits, axis=1), probabilities, atol=1e-5)
        probabilities = softmax(logits * temperature, axis=1)
    true = probabilities[np.arange(len(chosen)), dataset.labels[chosen]]
    accuracy = (probabilities.argmax(1) == dataset.labels[chosen]).mean()
    assert accuracy == pytest.approx(record["test"]["accuracy"])
    assert -np.log(true).mean() == pytest.approx(record["test"]["loss"], rel=1e-4, abs=1e-6)


def told_again(out, name, photos):
    """A run's classifier, and its accuracy and loss on the test images, from the photos' files."""
    classifier = Classifier.load(out / f"classifier-{name}")
    dataset = load_folder(photos)
    chosen = load_splits(out / "split.json")[0].indices(dataset, "test")
    told = classifier.predict([photos / dataset.ids[number] for number in chosen])
    true = [dataset.class_names[dataset.labels[number]] for number in chosen]
    right = np.mean([one.name == name for one, name in zip(told, true, strict=True)])
    loss = np.mean([-np.log(one[name]) for one, name in zip(told, true, strict=True)])
    return classifier, right, loss


def test_the_mean_of_views_counts(given, photos, tmp_path):
    options = ["--head", "ridge", "--views", "flip", "large"]
    (record,) = run(CALTECH, [*given, *options], tmp_path)["records"]
    classifier, right, loss = told_again(tmp_path, "4-ridge-seed0", photos)
    assert classifier.views == ("whole", "flip", "large")
    assert right == pytest.approx(record["test"]["accuracy"])
    assert loss == pytest.approx(record["test"]["loss"], rel=1e-4)
    alone = run(CALTECH, [*given, "--head", "ridge"], tmp_path / "whole")["records"][0]
    assert alone["test"]["loss"] != pytest.approx(record["test"]["loss"], rel=1e-3)


@pytest.mark.slow
def test_heads_are_tuned_with_a_part_of_the_network(given, photos, tmp_path):
    options = ["--head", "steady", "auto", "--unfreeze", "block5"]
    result = run(CALTECH, [*given, *options], tmp_path)
    records = {record["key"]["head"]: record for record in result["records"]}
    assert list(records) == ["steady", "steady+block5", "auto", "auto+block5"]
    for head in ("steady", "auto"):
        before, after = records[head], records[f"{head}+block5"]
        assert after["trainable_parameters"] > before["trainable_parameters"]
        assert after["frozen_parameters"] < before["frozen_parameters"]
        classifier, right, loss = told_again(tmp_path, f"4-{head}+block5-seed0", photos)
        assert classifier.backbone.names[-1] == "block4_pool"
        assert right == pytest.approx(after["test"]["accuracy"])
        assert loss == pytest.approx(after["test"]["loss"], rel=1e-4)
    assert not list(tmp_path.glob(".*")), "no checkpoint stays"


def test_photos_are_classified(out, photos, capsys):
    names = [str(photos / "bees" / "3.png"), str(photos / "cats" / "0.png")]
    predict.main([str(out / "classifier-4-auto-seed0"), *names, "--top", "2"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == names
    assert all(line.count("%") == 2 for line in lines)


@pytest.mark.parametrize(
    ("classifier", "photo", "options", "names"),
    [
        ("nothing", "bees/3.png", [], "nothing"),
        ("classifier-4-auto-seed0", "none.png", [], "none.png"),
        ("classifier-4-auto-seed0", "bees/3.png", ["--weights", "nowhere.h5"], "nowhere.h5"),
        ("classifier-4-auto-seed0", "bees/3.png", ["--top", "0"], "0"),
    ],
)
def test_mistakes_in_predicting(classifier, photo, options, names, out, photos, fails):
    arguments = [str(out / classifier), str(photos / photo), *options]
    assert names in fails(lambda: predict.main(arguments))


@pytest.mark.slow
@pytest.mark.parametrize("options", [["--end-to-end"], ["--end-to-end", "--batch-size", "5"]])
def test_end_to_end_gives_the_same_result_as_the_cache(options, arguments, tmp_path):
    cached = run(CALTECH, [*arguments, *options[1:], *REFERENCE], tmp_path / "cached")
    whole = run(CALTECH, [*arguments, *options], tmp_path / "whole")
    for a, b in zip(cached["records"], whole["records"], strict=True):
        np.testing.assert_allclose(a["test"]["loss"], b["test"]["loss"], rtol=1e-4)
        assert a["test"]["accuracy"] == b["test"]["accuracy"]
        assert a["frozen_parameters"] == b["frozen_parameters"]
    assert Classifier.load(tmp_path / "whole" / "classifier-4-reference-seed0").head.names == (
        "head",
    )


def test_running_again_uses_the_split_and_the_features_again(arguments, tmp_path, monkeypatch):
    first = run(CALTECH, arguments, tmp_path)
    split = (tmp_path / "split.json").read_text()
    monkeypatch.setattr("vggjax.features.filling.branch_outputs", None)  # nothing is extracted
    second = run(CALTECH, [*arguments, "--again"], tmp_path)
    assert (tmp_path / "split.json").read_text() == split
    for a, b in zip(first["records"], second["records"], strict=True):
        assert a | {"seconds": 0} == b | {"seconds": 0}


def test_what_changes_no_number_trains_nothing(arguments, photos, tmp_path, monkeypatch):
    run(CALTECH, arguments, tmp_path / "out")
    moved = shutil.copytree(photos, tmp_path / photos.name)
    monkeypatch.setattr("engine.experiment.write_files", None)  # nothing is written
    options = ["--no-classifiers", "--samples", "4", "2", "--data-dir", moved]
    run(CALTECH, [*arguments, *options], tmp_path / "out")


def test_early_stopping_and_another_layer(arguments, tmp_path):
    options = ["--patience", "1", "--epochs", "60", "--lr", "0.05", "--head", "reference"]
    result = run(CALTECH, [*arguments, *options, "--layer", "block4_pool"], tmp_path)
    assert all(record["epochs"] < 60 for record in result["records"])
    assert result["records"][0]["trainable_parameters"] == 2 * 2 * 8 * 3 + 3


def test_bfloat16_is_another_run_and_is_kept(arguments, tmp_path):
    result = run(CALTECH, [*arguments, "--precision", "bfloat16"], tmp_path)
    assert result["origin"]["options"]["precision"] == "bfloat16"
    assert Classifier.load(tmp_path / "classifier-4-auto-seed0").backbone.dtype == "bfloat16"


def test_tensorboard_logs_hold_the_history(arguments, tmp_path):
    pytest.importorskip("tensorboardX")
    given = [*arguments, "--no-classifiers", *REFERENCE]
    run(CALTECH, given, tmp_path)
    result = run(CALTECH, [*given, "--tensorboard"], tmp_path)
    assert "tensorboard" in result["files"]
    assert {path.name for path in (tmp_path / "tensorboard").iterdir()} == {
        *("2-reference-seed0", "4-reference-seed0")
    }
    (path,) = (tmp_path / "tensorboard" / "4-reference-seed0").iterdir()
    logged = scalars(path)
    assert {tag for tag, _ in logged} == {
        *("loss/train", "loss/validation", "accuracy/train", "accuracy/validation")
    }
    last = result["records"][-1]
    assert logged["loss/validation", 3] == pytest.approx(last["validation"]["loss"], rel=1e-5)


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


def test_without_tensorboard_one_sentence_says_so(arguments, tmp_path, monkeypatch, fails):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    message = fails(lambda: run(CALTECH, [*arguments, "--tensorboard"], tmp_path), tmp_path)
    assert "pip install 'vggjax[tensorboard]'" in message


def broken(photos, folder, kind):
    """A copy of the photos with one thing wrong."""
    shutil.copytree(photos, folder)
    bees = sorted((folder / "bees").iterdir())
    if kind == "empty class":
        (folder / "ducks").mkdir()
    elif kind == "small class":
        for path in bees[2:]:
            path.unlink()
    elif kind == "no image":
        bees[0].write_text("this is text")
    else:
        for path in bees:
            path.write_bytes(path.read_bytes()[:200])
    return folder


@pytest.mark.parametrize(
    ("kind", "names"),
    [("empty class", "ducks"), ("small class", "bees"), ("no image", "0.png"), ("cut off", "bees")],
)
def test_broken_data_is_named(kind, names, arguments, photos, tmp_path, fails):
    folder = broken(photos, tmp_path / "broken", kind)
    out = tmp_path / "out"
    assert names in fails(lambda: run(CALTECH, [*arguments, "--data-dir", folder], out), out)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--dataset", "mnist"], "mnist"),
        (["--dataset", "folder", "--data-dir", "nowhere"], "nowhere"),
        (["--weights", "random", "--layer", "fc3"], "did you mean fc"),
        (["--samples", "0"], "--samples must be at least 1, not 0"),
        (["--samples", str(10**23)], "--samples must be at most 2147483647"),
        (["--batch-size", str(10**12)], "--batch-size must be at most"),
        (["--seed", str(10**23)], "--seed must be at most"),
        (["--seeds", str(10**12)], "--seeds must be at most 10000, not 1000000000000"),
        (["--lr", "nan"], "learning rate"),
        (["--lr", "inf"], "learning rate"),
        (["--val", "0"], "--val"),
        (["--epochs", "0"], "--epochs"),
        (["--lr", "-1"], "learning rate"),
        (["--batch-size", "0"], "--batch-size"),
        (["--precision", "bfloat16", "--end-to-end"], "bfloat16"),
        (["--views", "flip", "--head", "steady"], "--views is for the heads mean"),
        (["--views", "flip", "--unfreeze", "block5"], "--unfreeze doesn't go with"),
        (["--unfreeze", "block5", "--layer", "fc1", "block5_pool"], "a single --layer"),
        (["--unfreeze", "block6"], "There is no 'block6'"),
        (["--unfreeze", "block5", "--layer", "block4_pool"], "no 'block5' to train"),
        (["--unfreeze", "block5", "--precision", "bfloat16"], "float32"),
    ],
)
def test_wrong_options_are_named(options, names, arguments, tmp_path, fails):
    out = tmp_path / "out"
    assert names in fails(lambda: run(CALTECH, [*arguments, *options], out), out)


@pytest.fixture
def flat(photos, tmp_path):
    """The photos of the three classes in one folder, as Urban Tribes has them."""
    folder = tmp_path / "flat"
    folder.mkdir()
    for path in photos.rglob("*.png"):
        (folder / f"{path.parent.name}_group-{path.name}").write_bytes(path.read_bytes())
    return folder


def test_the_reference_s_recipe_is_urban_tribes_default():
    options = TRIBES.options()
    assert options.samples == (2, 4, 8, 16, 32)
    assert (options.batch_size, options.epochs, options.patience) == (11, 100, 3)
    assert options.fit_config(seed=0).learning_rate == 1e-3
    resolved = options.resolved(reference=True)
    assert (resolved.head, resolved.layer[0]) == (("reference", "auto"), "fc2")
    assert (options.val, options.test) == (16, 16)


def test_the_reference_s_split_is_marked(arguments, flat, tmp_path, capsys):
    apart = run(TRIBES, [*arguments, "--data-dir", flat], tmp_path / "apart")
    assert apart["dataset"] == "flat"
    assert "validation = test" not in capsys.readouterr().out
    joint = run(TRIBES, [*arguments, "--data-dir", flat, "--reference-split"], tmp_path / "joint")
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == f"flat, small weights {MARK}"
    assert MARK in lines[-1]
    for result, same in ((apart, False), (joint, True)):
        folder = tmp_path / ("joint" if same else "apart")
        (split,) = json.loads((folder / "split.json").read_text())["splits"]
        for part in split["classes"].values():
            assert (part["validation"] == part["test"]) == same
            assert bool(set(part["validation"]) & set(part["test"])) == same
        assert (result["records"][0]["test"] == result["records"][0]["validation"]) == same


def test_the_reference_s_split_is_never_taken_for_another(arguments, flat, tmp_path):
    """In one folder after the other, with the same numbers of images in what is stored."""
    options = [*arguments, "--data-dir", flat, "--no-classifiers", "--samples", "2"]
    for mark in ("", " (validation = test)", ""):
        sizes = ["--val", "2", "--test", "2", "--reference-split"] if mark else ["--val", "4",
                 "--test", "4"]  # fmt: skip
        result = run(TRIBES, [*options, *sizes], tmp_path / "out")
        record = result["records"][0]
        assert result["mark"] == mark
        assert (record["test"] == record["validation"]) == bool(mark)
        assert record["images"]["test"] == 3 * 4


@pytest.fixture
def trained(monkeypatch):
    """What heads are trained with, in order: the head before, the other arguments, the result."""
    from engine import heads

    seen, original = [], heads.train_head

    def train(head, *positional, **named):
        result = original(head, *positional, **named)
        seen.append((head, {**named, "config": positional[1]}, result.head))
        return result

    monkeypatch.setattr(heads, "train_head", train)
    return seen


@pytest.mark.parametrize(("one", "warm"), [(CALTECH, False), (TRIBES, True)])
def test_as_its_code(one, warm, arguments, flat, photos, tmp_path, trained, capsys):
    folder = flat if warm else photos
    options = [*arguments, "--data-dir", folder, "--patience", "2", "--as-its-code"]
    result = run(one, [*options, "--seed", "0", "1"], tmp_path)
    assert result["mark"] == (" (as its code, validation = test)" if warm else " (as its code)")
    printed = " ".join(capsys.readouterr().out.split())
    assert "as its code: Keras 1's RMSprop, patience and clipped loss" in printed
    assert ("one head for all numbers of images" in printed) == warm
    settings = result["settings"]
    assert (settings["resize"], settings["start"]) == ("nearest", "glorot")
    for _, named, _ in trained:
        config = named["config"]
        assert (config.keep, config.wait_longer, config.first_epoch_in_order) == (
            "last",
            True,
            True,
        )
        assert named["optimizer"] is keras1_rmsprop(1e-3)
        assert named["loss"] is keras_cross_entropy
    heads = [(before, after) for before, _, after in trained]
    assert (heads[1][0] is heads[0][1]) == (heads[3][0] is heads[2][1]) == warm
    assert heads[2][0] is not heads[1][1], "another seed starts anew"


def test_as_its_code_is_all_or_nothing(arguments, tmp_path, fails):
    options = [*arguments, "--as-its-code", "--start", "zero"]
    message = fails(lambda: run(CALTECH, options, tmp_path / "out"), tmp_path / "out")
    assert "--as-its-code means --resize nearest and --start glorot" in message


def test_images_of_one_size_only(tmp_path, arguments, fails):
    """A flat folder for a script that needs one sub-folder per class."""
    Image.new("RGB", (9, 9)).save(tmp_path / "a_1.png")
    out = tmp_path / "out"
    assert "lie flat" in fails(lambda: run(CALTECH, [*arguments, "--data-dir", tmp_path], out), out)
