"""Each class of a data set divided at random into images that train, validate and test."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from vggjax.data.dataset import Dataset
from vggjax.errors import DataError
from vggjax.files import name_hash

SMALLEST_CLASS = 3
Part = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class ClassSplit:
    """The ids of one class's images in each part; `train` in the order in which it is used up."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


def divided(
    dataset: Dataset, samples: int, val: int, test: int, seed: int
) -> dict[str, ClassSplit]:
    """The classes divided as `make_split` says, by their names; DataError if one is too small."""
    classes, counts = {}, dataset.counts()
    for name, members in _members(dataset).items():
        orders = {part: _permuted(sorted(ids), name, seed) for part, ids in members.items()}
        _check_class(dataset.name, name, orders, counts[name])
        divide = _given if dataset.parts else _drawn
        classes[name] = divide(orders, samples, val, test)
    return classes


def _members(dataset: Dataset) -> dict[str, dict[str, list[str]]]:
    """The ids that a split may use of each class, by the part they are given for, "" if none is."""
    kinds = sorted(set(dataset.parts)) or [""]
    members = {name: {kind: list[str]() for kind in kinds} for name in dataset.class_names}
    unused = dataset.copies.unused
    given = dataset.parts or [""] * len(dataset)
    for name, label, part in zip(dataset.ids, dataset.labels.tolist(), given, strict=True):
        if name not in unused:
            members[dataset.class_names[label]][part].append(name)
    return members


def _permuted(ids: list[str], class_name: str, seed: int) -> list[str]:
    digest = name_hash(class_name).digest()
    generator = np.random.default_rng([seed, int.from_bytes(digest[:8], "big")])
    return [ids[i] for i in generator.permutation(len(ids))]


def _drawn(orders: Mapping[str, list[str]], samples: int, val: int, test: int) -> ClassSplit:
    (order,) = orders.values()
    train = min(samples, len(order) - 2)
    rest = len(order) - train
    if rest < val + test:
        val = min(max(1, rest * val // (val + test)), rest - 1)
        test = rest - val
    middle, last = len(order) - test - val, len(order) - test
    return ClassSplit(tuple(order[:train]), tuple(order[middle:last]), tuple(order[last:]))


def _given(orders: Mapping[str, list[str]], samples: int, val: int, test: int) -> ClassSplit:
    """A class whose images are given for parts; without any to validate, training images do."""
    order = orders["train"]
    train = min(samples, len(order) - ("validation" not in orders))
    validation = orders.get("validation", order[max(train, len(order) - val) :])
    return ClassSplit(tuple(order[:train]), tuple(validation[:val]), tuple(orders["test"][:test]))


def _check_class(
    dataset: str, class_name: str, orders: Mapping[str, list[str]], count: int
) -> None:
    usable = sum(map(len, orders.values()))
    copies = f" {'that are no copies' if usable != 1 else 'that is no copy'}" * (usable < count)
    if usable < SMALLEST_CLASS:
        raise DataError(
            f"The class {class_name} of {dataset} has {usable} image{'s' * (usable != 1)}{copies}, "
            f"too few to train, validate and test; add some, at least {SMALLEST_CLASS}, "
            "or remove the class."
        )
    for part, ids in orders.items():
        least = 2 if part == "train" and "validation" not in orders else 1
        if part and len(ids) < least:
            raise DataError(
                f"The class {class_name} of {dataset} has {len(ids)} images{copies} in its {part} "
                f"folder; add some, at least {least}."
            )
