"""What holds of any split: of classes of any sizes, with copies, for any numbers and seed."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vggjax.data import Dataset, load_splits, make_reference_split, make_split, save_splits
from vggjax.errors import DataError

SIZES = st.dictionaries(st.sampled_from("abcdefg"), st.integers(3, 40), min_size=1, max_size=5)
ASKED = {
    "samples": st.integers(1, 20),
    "val": st.integers(1, 12),
    "test": st.integers(1, 12),
    "seed": st.integers(0, 2**40),
}
PARTS = ("train", "validation", "test")


class Contents(dict):
    """Images in memory, whose sizes are known as those of files are."""

    __call__ = dict.__getitem__

    def size(self, name):
        return len(self[name])

    def tail(self, name, length):
        return self[name][-length:]


def dataset_of(sizes, copies=()):
    """Classes of `sizes`; the images of each pair in `copies`, by their numbers, are the same."""
    ids = tuple(f"{name}/{n:03}" for name, size in sizes.items() for n in range(size))
    content = Contents({name: name.encode() for name in ids})
    for first, second in copies:
        content[ids[second % len(ids)]] = content[ids[first % len(ids)]]
    labels = np.repeat(np.arange(len(sizes), dtype=np.int32), list(sizes.values()))
    return Dataset("any", tuple(sizes), ids, labels, content)


def sides(split):
    """Each image's part, for all parts that it is in."""
    return [
        (image, part)
        for own in split.classes.values()
        for part in PARTS
        for image in getattr(own, part)
    ]


@given(SIZES, st.fixed_dictionaries(ASKED))
def test_parts_are_disjoint_within_their_classes_and_as_large_as_asked(sizes, asked):
    dataset = dataset_of(sizes)
    split = make_split(dataset, **asked)
    assert list(split.classes) == list(sizes)
    images = [image for image, _ in sides(split)]
    assert len(images) == len(set(images))
    for name, own in split.classes.items():
        assert all(image.startswith(f"{name}/") for part in PARTS for image in getattr(own, part))
        assert len(own.train) == min(asked["samples"], sizes[name] - 2)
        assert 1 <= len(own.validation) <= asked["val"]
        assert 1 <= len(own.test) <= asked["test"]
    assert make_split(dataset, **asked) == split


@given(SIZES, st.fixed_dictionaries(ASKED), st.integers(1, 20))
def test_fewer_samples_are_a_part_of_more(sizes, asked, fewer):
    assume(fewer <= asked["samples"])
    dataset = dataset_of(sizes)
    more, less = make_split(dataset, **asked), make_split(dataset, **{**asked, "samples": fewer})
    for name in sizes:
        assert less.classes[name].train == more.classes[name].train[:fewer]
        if sizes[name] >= sum(asked[part] for part in ("samples", "val", "test")):
            assert less.classes[name].test == more.classes[name].test
            assert less.classes[name].validation == more.classes[name].validation


@given(SIZES, SIZES, st.fixed_dictionaries(ASKED), st.randoms(use_true_random=False))
def test_a_class_hangs_on_no_other_and_on_no_order(sizes, others, asked, random):
    alone = make_split(dataset_of(sizes), **asked)
    more = list({**others, **sizes}.items())
    random.shuffle(more)
    dataset = dataset_of(dict(more))
    order = random.sample(range(len(dataset)), len(dataset))
    shuffled = replace(
        dataset, ids=tuple(dataset.ids[n] for n in order), labels=dataset.labels[order]
    )
    for name in sizes:
        assert make_split(shuffled, **asked).classes[name] == alone.classes[name]


PAIRS = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)), max_size=12)


@given(SIZES, PAIRS, st.fixed_dictionaries(ASKED))
def test_copies_are_on_one_side(sizes, pairs, asked):
    dataset = dataset_of(sizes, pairs)
    try:
        split = make_split(dataset, **asked)
    except DataError:  # too many of a class are copies
        assume(False)
    parts = {}
    for image, part in sides(split):
        parts.setdefault(dataset.read(image), set()).add(part)
    assert all(len(own) == 1 for own in parts.values())
    for own in split.classes.values():
        contents = [dataset.read(image) for part in PARTS for image in getattr(own, part)]
        assert len(contents) == len(set(contents)), "of a class, each image once"


@settings(max_examples=30)
@given(SIZES, PAIRS, st.fixed_dictionaries(ASKED), st.booleans())
def test_any_split_comes_back_from_its_file(tmp_path_factory, sizes, pairs, asked, joint):
    path = tmp_path_factory.mktemp("split") / "split.json"
    if joint:
        asked = {**asked, "val": asked["test"] + 1, "test": asked["test"] + 1}
    try:
        make = make_reference_split if joint else make_split
        split = make(dataset_of(sizes, pairs), **asked)
    except DataError:
        assume(False)
    save_splits(path, [split])
    assert load_splits(path) == [split]
    assert split.joint == joint


def test_the_strategies_draw_what_they_should():
    """Classes too small, and pairs that are copies, are among them."""
    with pytest.raises(DataError, match="too few"):
        make_split(dataset_of({"a": 3}, [(0, 1)]), 1)
    assert dataset_of({"a": 9}, [(0, 1)]).copies.again == ["a/001"]
    assert dataset_of({"a": 9, "b": 9}, [(0, 9)]).copies.twins == {"a/000": 0, "b/000": 0}
