"""Byte-identical images: found at little cost, said, and never on two sides of a split."""

import numpy as np
import pytest

from vggjax.data import (
    copy_remarks,
    distinct,
    find_copies,
    load_folder,
    make_split,
    reuse_or_make,
    save_splits,
)
from vggjax.data.folder import FolderReader
from vggjax.errors import DataError


def write(root, contents):
    """Files `{name: text}`."""
    for name, text in contents.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return load_folder(root)


def own(name, count, start=0):
    """Images of a class that no other has, all of one size."""
    return {f"{name}/{n:03}.jpg": f"{name} {n:03}" for n in range(start, start + count)}


def sides(split):
    """The part of each image."""
    return {
        name: part
        for own in split.classes.values()
        for part in ("train", "validation", "test")
        for name in getattr(own, part)
    }


def test_groups_are_found_by_content(tmp_path):
    dataset = write(
        tmp_path,
        {
            "a/1.jpg": "same",
            "a/2.jpg": "same",
            "b/3.jpg": "same",
            "b/9.jpg": "none",
            "a/4.jpg": "",
            "a/5.jpg": "",
            "b/6.jpg": "long one",
            "b/7.jpg": "long two",
        },
    )
    assert dataset.copies.groups == ((("a/1.jpg", "a/2.jpg"), ("b/3.jpg",)),)
    assert dataset.copies.again == ["a/2.jpg"]
    assert copy_remarks(dataset) == [
        "1 image is a copy of others of the same class, byte for byte (a/2.jpg is a/1.jpg); each "
        "is used once.",
        "1 image is in several classes, byte for byte (a/1.jpg is b/3.jpg); one part of a split "
        "has all copies.",
    ]
    assert distinct(dataset).ids == tuple(name for name in dataset.ids if name != "a/2.jpg")


def test_files_that_differ_before_their_ends_are_no_copies(tmp_path):
    end = "x" * 5000
    dataset = write(tmp_path, {"a/1.jpg": "1" + end, "a/2.jpg": "2" + end, "b/1.jpg": "1" + end})
    assert dataset.copies.groups == ((("a/1.jpg",), ("b/1.jpg",)),)


def test_pages_under_an_image_s_name_are_no_copies(tmp_path):
    """They are unreadable, each of them."""
    page = "<!DOCTYPE html><html></html>"
    dataset = write(tmp_path, {"a/1.jpg": page, "a/2.jpg": page, "b/1.jpg": "", "b/2.jpg": ""})
    assert dataset.copies.groups == ()


def test_only_files_of_one_size_are_opened(tmp_path, monkeypatch):
    dataset = write(tmp_path, {"a/1.jpg": "1", "a/2.jpg": "22", "b/1.jpg": "333", "b/2.jpg": "444"})
    opened = []
    tail = FolderReader.tail
    monkeypatch.setattr(FolderReader, "tail", lambda *a: opened.append(a[1]) or tail(*a))
    monkeypatch.setattr(FolderReader, "__call__", None)
    assert dataset.copies.groups == ()
    assert opened == ["b/1.jpg", "b/2.jpg"]


def test_a_source_that_knows_no_sizes_is_not_read():
    assert find_copies(["a", "b"], np.zeros(2, int), lambda name: 1 / 0).groups == ()


@pytest.mark.parametrize("seed", range(4))
def test_each_image_is_on_one_side_and_once_in_a_class(seed, tmp_path):
    """Ants and bees share ten of thirty images; each of the ants' ten is there three times."""
    shared = {f"{c}/shared{n}.jpg": f"both {n:03}" for c in ("ants", "bees") for n in range(10)}
    again = {f"ants/again{k}_{n}.jpg": f"both {n:03}" for k in range(2) for n in range(10)}
    dataset = write(tmp_path, {**own("ants", 20), **own("bees", 20), **shared, **again})
    split = make_split(dataset, 8, 8, 8, seed)
    found = sides(split)
    for n in range(10):
        assert len({found.get(f"{c}/shared{n}.jpg") for c in ("ants", "bees")} - {None}) <= 1
    assert not any("again" in name and name.replace("again0_", "shared") in found for name in found)
    texts = [(tmp_path / name).read_text() for name in split.classes["ants"].train]
    assert len(texts) == len({*texts}) == 8
    for part in split.classes.values():
        assert [len(p) for p in (part.train, part.validation, part.test)] == [8, 8, 8]
    assert (
        make_split(dataset, 3, 8, 8, seed).classes["ants"].train
        == (split.classes["ants"].train[:3])
    )


def test_two_classes_that_are_the_same(tmp_path):
    """All of one is in the other: each image has one side, and no part is empty."""
    pairs = {f"{c}/{n}.jpg": f"image {n}" for c in ("ants", "bees") for n in range(8)}
    split = make_split(write(tmp_path, pairs), 2, 2, 2)
    ants, bees = split.classes["ants"], split.classes["bees"]
    for part in ("train", "validation", "test"):
        names = [{n.partition("/")[2] for n in getattr(one, part)} for one in (ants, bees)]
        assert names[0] == names[1]
        assert len(names[0]) == 2


def test_a_class_that_is_one_image(tmp_path):
    same = {f"bees/{n}.jpg": "all the same" for n in range(9)}
    dataset = write(tmp_path, {**own("ants", 9), **same})
    with pytest.raises(
        DataError, match=r"bees of .* has 1 image \(others are copies of one\), too"
    ):
        make_split(dataset, 4)


def test_classes_without_copies_are_split_as_ever(tmp_path):
    """Copies in one class change nothing in another."""
    clean = make_split(write(tmp_path / "a", {**own("ants", 30), **own("bees", 30)}), 8, 8, 8)
    same = {f"bees/{n:03}.jpg": "bees 000" for n in range(5)}
    other = make_split(write(tmp_path / "b", {**own("ants", 30), **own("bees", 30), **same}), 8, 8)
    assert other.classes["ants"].train == clean.classes["ants"].train
    assert other.classes["bees"].train != clean.classes["bees"].train


def test_a_stored_split_with_copies_on_two_sides_is_made_anew(tmp_path):
    images, path = tmp_path / "images", tmp_path / "split.json"
    stored = make_split(write(images, {**own("ants", 9), **own("bees", 9)}), 3, 3, 3)
    save_splits(path, [stored])
    assert reuse_or_make(path, load_folder(images), 3, 3, 3, [0], make=None) == [stored]
    ants = stored.classes["ants"]
    (images / ants.test[0]).write_bytes((images / ants.train[0]).read_bytes())
    (made,) = reuse_or_make(path, load_folder(images), 3, 3, 3, [0])
    assert not {ants.test[0], ants.train[0]} <= {*sides(made)}


def test_copies_between_the_folders_of_a_split(tmp_path):
    """The training folder has two of the test images; only the test part keeps them."""
    train = {f"train/{name}": text for c in ("ants", "bees") for name, text in own(c, 8).items()}
    test = {f"test/{name}": text for c in ("ants", "bees") for name, text in own(c, 4, 6).items()}
    dataset = write(tmp_path, {**train, **test})
    found = sides(make_split(dataset, 8, 2, 8))
    assert found["test/ants/006.jpg"] == "test"
    assert "train/ants/006.jpg" not in found
    assert copy_remarks(dataset)[-1] == (
        "4 images are in several parts of the split, byte for byte (test/ants/006.jpg is "
        "train/ants/006.jpg); only what is tested on keeps them."
    )
    for name, text in test.items():
        (tmp_path / name.replace("test", "train", 1)).write_text(text)
    for name in train:
        if name.replace("train", "test", 1) not in test:
            (tmp_path / name).unlink()
    with pytest.raises(DataError, match="no images left for train and validation, as 8 images are"):
        make_split(load_folder(tmp_path), 8, 2, 8)
