"""How folders are laid out that people bring: each is read, or the advice is right."""

import os

import numpy as np
import pytest

from vggjax.data import load_folder, make_split
from vggjax.errors import DataError


def tree(root, **counts):
    """Images `{folder: number}`, each with bytes of its own; `__` is a `/` in names without."""
    for name, count in counts.items():
        folder = root / (name if "/" in name else name.replace("__", "/"))
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(count):
            (folder / f"{number}.jpg").write_text(f"{name} {number}")
    return root


def problem(root):
    with pytest.raises(DataError) as caught:
        load_folder(root)
    return str(caught.value).replace(str(root), "X")


def test_a_wrapper_stands_for_what_is_in_it(tmp_path):
    tree(tmp_path, wrapper__deep__ants=2, wrapper__deep__bees=1, **{"wrapper/deep/__MACOSX": 1})
    (tmp_path / "wrapper" / "README").write_text("")
    dataset = load_folder(tmp_path, name="mine")
    assert dataset.ids == ("ants/0.jpg", "ants/1.jpg", "bees/0.jpg")
    assert dataset.read("bees/0.jpg") == b"wrapper__deep__bees 0"
    assert dataset.notes[0] == f"its classes are in {tmp_path / 'wrapper' / 'deep'}"


def test_masks_and_labels_are_no_classes(tmp_path):
    tree(tmp_path, images__ants=2, images__bees=2, masks=3, Annotations=1)
    dataset = load_folder(tmp_path)
    assert dataset.class_names == ("ants", "bees")
    assert "1 folder about the images beside it (masks)" in dataset.notes[1]
    tree(tmp_path / "flat", images=4, masks=4)
    assert "only one class folder (images)" in problem(tmp_path / "flat")
    tree(tmp_path / "own", masks=2, hats=2)
    assert load_folder(tmp_path / "own").class_names == ("hats", "masks")


def test_parts_of_a_split(tmp_path):
    sizes = {"train__ants": 5, "train__bees": 3, "val__ants": 2, "val__bees": 2}
    tree(tmp_path, **sizes, test__ants=2, test__bees=4, extra=1)
    dataset = load_folder(tmp_path)
    assert dataset.counts() == {"ants": 9, "bees": 9}
    assert dataset.ids[:3] == ("test/ants/0.jpg", "test/ants/1.jpg", "train/ants/0.jpg")
    assert dataset.parts[:3] == ("test", "test", "train")
    assert dataset.notes == (
        "images of train/ train, of val/ validate, of test/ test",
        "left out: 1 folder beside the parts of the split (extra)",
    )
    split = make_split(dataset, 4, 24, 3)
    ants, bees = split.classes["ants"], split.classes["bees"]
    assert [len(p) for p in (ants.train, ants.validation, ants.test)] == [4, 2, 2]
    assert [len(p) for p in (bees.train, bees.validation, bees.test)] == [3, 2, 3]
    for part, folder in (("train", "train/"), ("validation", "val/"), ("test", "test/")):
        chosen = split.indices(dataset, part)
        assert all(dataset.ids[index].startswith(folder) for index in chosen)


@pytest.mark.parametrize("held_out", ["test", "valid"])
def test_a_single_held_out_folder_tests(held_out, tmp_path):
    tree(tmp_path, train__ants=6, train__bees=6)
    tree(tmp_path / held_out, ants=3, bees=3)
    dataset = load_folder(tmp_path)
    assert dataset.notes == (f"images of train/ train, of train/ validate, of {held_out}/ test",)
    four, two = (make_split(dataset, samples, 2, 2).classes["ants"] for samples in (4, 2))
    assert all(name.startswith("train/") for name in (*four.train, *four.validation))
    assert all(name.startswith(f"{held_out}/") for name in four.test)
    assert not {*four.train} & {*four.validation}
    assert (four.train[:2], four.validation, four.test) == (two.train, two.validation, two.test)
    assert len(make_split(dataset, 50, 2, 2).classes["ants"].train) == 5


def test_a_train_is_a_vehicle_and_a_test_is_none(tmp_path):
    tree(tmp_path, bus=2, train=2, test=3)
    dataset = load_folder(tmp_path)
    assert dataset.class_names == ("bus", "train")
    assert dataset.notes == ("left out: 1 folder named like a part of a split (test)",)


LAYOUTS = {
    "all empty classes": (
        {"ants": 2, "birds": 0, "fish": 0, "fish__more": 3},
        "There are no images in 2 of the 3 class folders of X: birds (empty) and fish (3 below "
        "it, such as in fish/more); move those further down up into their classes, add some or "
        "remove them.",
    ),
    "all further down": (
        {"ants__images": 2, "bees": 1},
        "There are no images in the class folder X/ants (2 below it, such as in ants/images); move "
        "those further down up into it.",
    ),
    "a parent": (
        {"photos__ants": 2, "photos__bees": 2, "notes": 0},
        "The folders of X are no classes, but hold such: give --data-dir X/photos.",
    ),
    "a training part alone": (
        {"train__ants": 2, "train__bees": 2, "notes": 0},
        "The folders of X are no classes, but hold such: give --data-dir X/train.",
    ),
    "flat parts": ({"train": 2, "test": 2}, "The images in test and train of X lie flat; sort "),
    "other classes in a part": (
        {"train__ants": 2, "train__bees": 2, "test__ants": 2},
        "The parts test and train of X don't hold the same classes; there is no test/bees.",
    ),
    "two for one part": (
        {"train__ants": 2, "val__ants": 2, "valid__ants": 1},
        "X has train, val and valid, two for one part; remove one of them.",
    ),
    "one class": ({"ants": 2, "test": 1}, "only one class folder (ants) in X; it needs at least 2"),
    "nothing": ({"@eaDir": 1}, "no class folders in X (left out: 1 folder of a file server)"),
}


@pytest.mark.parametrize(("folders", "message"), LAYOUTS.values(), ids=LAYOUTS)
def test_advice(folders, message, tmp_path):
    assert message in problem(tree(tmp_path / "here", **folders))


def test_only_ten_of_many_are_named(tmp_path):
    tree(tmp_path, ants=1, **{f"class{number:02}": 0 for number in range(12)})
    assert problem(tmp_path).endswith("class09 (empty) … and 2 more; add some or remove them.")


@pytest.mark.usefixtures("no_heif")
def test_images_of_another_format_in_a_class(tmp_path):
    tree(tmp_path, ants=8, bees=8)
    for number in range(20):
        (tmp_path / "bees" / f"{number}.HEIC").write_bytes(b"")
    dataset = load_folder(tmp_path)
    assert dataset.notes == ("left out: 20 .HEIC (pip install pillow-heif reads them)",)
    np.testing.assert_array_equal(np.bincount(dataset.labels), [8, 8])
    for file in (tmp_path / "bees").glob("*.jpg"):
        os.unlink(file)  # noqa: PTH108
    assert "bees (20 .HEIC (pip install pillow-heif reads them))" in problem(tmp_path)


def test_own_results_beside_the_classes(tmp_path):
    tree(tmp_path, ants=2, bees=2, results=1, runs__caltech__mine=1)
    for place in ("results", "runs/caltech/mine"):
        (tmp_path / place / "result.json").write_text('{\n  "experiment": "caltech"}')
    dataset = load_folder(tmp_path)
    assert dataset.class_names == ("ants", "bees")
    assert dataset.notes == (
        "left out: 1 folder of this program's own output (results), 1 folder of this program's "
        "own output (runs)",
    )
