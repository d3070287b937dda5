import time
from itertools import pairwise

import numpy as np
import pytest
from split_helpers import make_dataset

from vggjax.data.dataset import Dataset
from vggjax.data.splits import Split, make_split
from vggjax.errors import DataError


def parts(split: Split, kind: str) -> tuple[int, int, int]:
    part = split.classes[kind]
    return len(part.train), len(part.validation), len(part.test)


def test_sizes_of_the_reference():
    split = make_split(make_dataset(), 32)
    assert parts(split, "big") == (32, 24, 24)
    assert parts(split, "fits") == (32, 24, 24)
    assert parts(split, "tight") == (32, 23, 24)
    assert parts(split, "small") == (28, 1, 1)
    assert parts(split, "tiny") == (3, 1, 1)
    assert parts(split, "least") == (1, 1, 1)


def test_every_small_size_and_proportion():
    for count in range(3, 40):
        for samples, val, test in [(1, 1, 1), (4, 24, 24), (8, 3, 10), (10, 10, 3), (32, 1, 9)]:
            split = make_split(make_dataset({"a": count, "b": 50}), samples, val, test)
            train, validation, tested = parts(split, "a")
            assert train == min(samples, count - 2)
            assert 1 <= validation <= val
            assert 1 <= tested <= test
            assert validation + tested == min(count - train, val + test)


@pytest.mark.parametrize("seed", range(5))
def test_parts_are_disjoint_and_fewer_samples_are_a_part_of_more(seed):
    dataset = make_dataset()
    split = make_split(dataset, 32, seed=seed)
    chosen = [split.indices(dataset, part) for part in ("train", "validation", "test")]
    together = np.concatenate(chosen)
    assert len(np.unique(together)) == len(together)
    for kind, part in split.classes.items():
        names = (*part.train, *part.validation, *part.test)
        assert all(name.startswith(f"{kind}/") for name in names)
    trained = [set(split.indices(dataset, "train", n).tolist()) for n in (2, 4, 8, 16, 32)]
    for less, more in pairwise(trained):
        assert less < more
    first = dataset.labels[split.indices(dataset, "train", 2)]
    np.testing.assert_array_equal(np.bincount(first), [2, 2, 2, 2, 2, 1])
    np.testing.assert_array_equal(split.indices(dataset, "test", 2), chosen[2])


def test_splits_are_what_they_ever_were():
    """Stored runs are found again: these were drawn by the first version."""
    split = make_split(make_dataset({"a": 9, "b": 4}), 3, 2, 2, seed=5)
    drawn = {
        kind: [[name[2:5] for name in part] for part in (own.train, own.validation, own.test)]
        for kind, own in split.classes.items()
    }
    assert drawn == {
        "a": [["001", "000", "005"], ["008", "007"], ["006", "003"]],
        "b": [["000", "001"], ["003"], ["002"]],
    }


def test_large_classes_keep_their_parts_when_more_are_trained_on():
    four, many = (make_split(make_dataset(), samples) for samples in (4, 32))
    assert four.classes["big"].test == many.classes["big"].test
    assert four.classes["big"].validation == many.classes["big"].validation
    assert four.classes["big"].train == many.classes["big"].train[:4]


def test_a_class_does_not_depend_on_the_others_or_on_the_order():
    alone = make_split(make_dataset({"big": 90, "new": 40}), 8, seed=3)
    dataset = make_dataset()
    backwards = Dataset("b", dataset.class_names, dataset.ids[::-1], dataset.labels[::-1], bytes)
    assert make_split(dataset, 8, seed=3).classes["big"] == alone.classes["big"]
    assert make_split(backwards, 8, seed=3).classes == make_split(dataset, 8, seed=3).classes


def test_seeds_and_classes_are_shuffled_differently():
    orders = set()
    for seed in range(5):
        split = make_split(make_dataset({"a": 60, "b": 60}), 10, seed=seed)
        orders |= {
            tuple(name.split("/")[1] for name in part.train) for part in split.classes.values()
        }
    assert len(orders) == 10
    assert tuple(f"{n:03d}.jpg" for n in range(10)) not in orders


def test_every_image_is_tested_on_about_equally_often():
    dataset = make_dataset({"a": 20, "b": 20})
    seen = np.zeros(40)
    for seed in range(300):
        seen[make_split(dataset, 4, 4, 4, seed).indices(dataset, "test")] += 1
    assert seen.sum() == 300 * 8
    assert np.abs(seen - 60).max() < 28  # standard deviation 6.9


def test_mistakes_are_named():
    with pytest.raises(DataError, match="class b of things has 2 images, too few"):
        make_split(make_dataset({"a": 9, "b": 2}), 4)
    with pytest.raises(DataError, match="class b of things has 0 images"):
        make_split(make_dataset({"a": 9, "b": 0}), 4)
    for sizes in [{"samples": 0}, {"val": 0}, {"test": -1}]:
        with pytest.raises(DataError, match=f"number of {next(iter(sizes))} images"):
            make_split(make_dataset(), **{"samples": 4, **sizes})
    with pytest.raises(DataError, match="seed"):
        make_split(make_dataset(), 4, seed=-1)
    split = make_split(make_dataset(), 4)
    with pytest.raises(DataError, match="1 to 4 training images a class, not 8"):
        split.indices(make_dataset(), "train", 8)
    with pytest.raises(DataError, match="which other doesn't have"):
        split.indices(make_dataset({"x": 5, "y": 5}, "other"), "test")


def test_a_large_class_is_split_in_linear_time():
    """20,000 images a class: 0.1 s; a set made anew for each image took 10."""
    ids = tuple(f"{name}/{number}" for name in "ab" for number in range(20_000))
    dataset = Dataset("large", ("a", "b"), ids, np.repeat([0, 1], 20_000), lambda name: b"")
    start = time.process_time()
    split = make_split(dataset, samples=16_000, val=2_000, test=2_000)
    assert time.process_time() - start < 2
    assert [len(split.indices(dataset, part)) for part in ("train", "validation", "test")] == [
        *(32_000, 4_000, 4_000),
    ]
