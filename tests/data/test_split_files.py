"""Splits in files: the same request gets them again, and nothing else than what was written."""

import json
from dataclasses import replace

import numpy as np
import pytest
from split_helpers import make_dataset

from vggjax.checked_json import write_checked_json
from vggjax.data import load_splits, make_split, reuse_or_make, save_splits
from vggjax.errors import DataError


def test_file_round_trip(tmp_path):
    splits = [make_split(make_dataset(), 4, 3, 3, seed) for seed in (0, 7)]
    path = tmp_path / "run" / "split.json"
    save_splits(path, splits)
    assert load_splits(path) == splits
    content = json.loads(path.read_text())
    assert content["version"] == 3
    assert content["splits"][1]["seed"] == 7
    assert content["splits"][0]["classes"]["tiny"]["test"] == list(splits[0].classes["tiny"].test)
    assert [entry.name for entry in path.parent.iterdir()] == ["split.json"]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "[" * 100_000, "{" * 9, '{"version": 3}', '{"version": 3, "splits": [3]}'],
)
def test_damaged_file(tmp_path, text):
    path = tmp_path / "split.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"split\.json is damaged; delete it"):
        load_splits(path)
    with pytest.raises(DataError, match="damaged"):
        reuse_or_make(path, make_dataset(), 4, 3, 3, [0])
    assert path.read_text() == text


def test_a_missing_file_and_one_of_another_version(tmp_path):
    path = tmp_path / "split.json"
    with pytest.raises(DataError, match="No such file"):
        load_splits(path)
    path.write_text('{"version": 99, "splits": []}')
    assert load_splits(path) == []


@pytest.fixture
def stored(tmp_path):
    """A file with one split, of seed 0, that nobody would draw: test images validate."""
    split = make_split(make_dataset({"a": 20, "b": 20}), 4, 3, 3)
    parts = {n: replace(p, validation=p.test, test=p.validation) for n, p in split.classes.items()}
    save_splits(tmp_path / "split.json", [replace(split, classes=parts)])
    return tmp_path / "split.json"


REQUEST = {"dataset": make_dataset({"a": 20, "b": 20}), "samples": 4, "val": 3, "test": 3}


def test_the_same_request_gets_the_stored_split(stored):
    first, second = reuse_or_make(stored, **REQUEST, seeds=[0, 1])
    assert [first] == load_splits(stored)
    assert second == make_split(**REQUEST, seed=1)


CHANGES = {
    "fewer samples": {"samples": 2},
    "more samples": {"samples": 8},
    "other val": {"val": 5},
    "other test": {"test": 5},
    "more images": {"dataset": make_dataset({"a": 25, "b": 20})},
    "missing images": {"dataset": make_dataset({"a": 20, "b": 9})},
    "other classes": {"dataset": make_dataset({"a": 20, "c": 20})},
    "swapped classes": {"dataset": make_dataset({"b": 20, "a": 20})},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_any_other_request_gets_its_own(stored, change):
    asked = {**REQUEST, **change}
    assert reuse_or_make(stored, **asked, seeds=[0]) == [make_split(**asked, seed=0)]


def two_parts(own):
    own["test"] = own["train"][:3]


def one_image_twice(own):
    own["train"][1] = own["train"][0]


def joint_once(own):
    own["validation"] = own["test"]


def emptied(own):
    own["train"] = []


def too_many(own):
    own["test"] = own["test"] + own["train"]


def a_number(own):
    own["train"][0] = 7


def no_list(own):
    own["train"] = 7


def unknown(own):
    own["train"][0] = "a/none.jpg"


def of_the_other_class(own):
    own["train"][0] = "b/019.jpg"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (two_parts, "an image of the class a is in two parts"),
        (one_image_twice, "a train image of the class a is there twice"),
        (joint_once, "the same images validate and test in some of the classes"),
        (emptied, "0 train images of the class a"),
        (too_many, "test images of the class a"),
        (a_number, "images of the class a are not named by strings"),
        (no_list, "not iterable"),
        (unknown, r"a/none\.jpg is no image of the class a of things"),
        (of_the_other_class, r"b/019\.jpg is (no image of the class a of things|in two classes)"),
    ],
)
def test_what_makes_no_sense_is_said_even_with_the_right_checksum(tmp_path, change, words):
    path = tmp_path / "split.json"
    save_splits(path, [make_split(**REQUEST)])
    content = json.loads(path.read_text())
    change(content["splits"][0]["classes"]["a"])
    write_checked_json(path, content)
    with pytest.raises(DataError, match=rf"is damaged; delete it .*{words}"):
        reuse_or_make(path, **REQUEST, seeds=[0])


@pytest.mark.parametrize(
    "change",
    [{"seed": -1}, {"seed": True}, {"samples": 0}, {"val": "3"}, {"dataset": 1}, {"more": 1}],
)
def test_numbers_and_names_of_a_split_are_checked(tmp_path, change):
    path = tmp_path / "split.json"
    save_splits(path, [make_split(**REQUEST)])
    content = json.loads(path.read_text())
    content["splits"][0] |= change
    write_checked_json(path, content)
    with pytest.raises(DataError, match="is damaged; delete it"):
        load_splits(path)


def test_classes_in_another_order_are_refused(tmp_path):
    """Training follows their order, which the checksum doesn't see."""
    path = tmp_path / "split.json"
    save_splits(path, [make_split(**REQUEST)])
    content = json.loads(path.read_text())
    split = content["splits"][0]
    split["classes"] = dict(reversed(split["classes"].items()))
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match="its classes are not those of things"):
        reuse_or_make(path, **REQUEST, seeds=[0])


def test_no_flipped_bit_gives_another_split(tmp_path):
    path, rng = tmp_path / "split.json", np.random.default_rng(0)
    save_splits(path, [make_split(**REQUEST)])
    text, splits, refused = path.read_bytes(), load_splits(path), 0
    for _ in range(300):
        data = bytearray(text)
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        path.write_bytes(data)
        try:
            assert load_splits(path) in (splits, [])
        except DataError as error:
            refused += "is damaged" in str(error)
    assert refused > 200
