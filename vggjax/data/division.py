"""Each class of a data set divided at random into images that train, validate and test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from vggjax.data.dataset import Dataset
from vggjax.errors import DataError, listed
from vggjax.files import name_hash

SMALLEST_CLASS = 3
Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")


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
    twins, counts, placed = dataset.copies.twins, dataset.counts(), dict[int, str]()
    classes = {}
    for name, ids in _members(dataset).items():
        _check_size(dataset.name, name, len(ids), counts[name])
        order = _permuted(sorted(ids), name, seed)
        if dataset.parts:
            own = _as_given({part: [n for n in order if ids[n] == part] for part in PARTS},
                            samples, val, test)  # fmt: skip
        else:
            fixed = {n: placed[twins[n]] for n in order if twins.get(n) in placed}
            own = _drawn(order, fixed, samples, val, test)
        _check_parts(dataset, name, own)
        placed |= {twins[n]: part for n, part in _parts_of(own).items() if n in twins}
        classes[name] = own
    return classes


def copies_apart(dataset: Dataset, classes: Mapping[str, ClassSplit]) -> bool:
    """Whether two parts have the same image, or a class has one twice."""
    parts = {name: part for own in classes.values() for name, part in _parts_of(own).items()}
    twins = {(number, parts[n]) for n, number in dataset.copies.twins.items() if n in parts}
    several = len(twins) > len({number for number, _ in twins})
    return several or not parts.keys().isdisjoint(_unused(dataset))


def distinct(dataset: Dataset) -> Dataset:
    """The data set with one image of those that are the same in a class."""
    unused = _unused(dataset)
    kept = [index for index, name in enumerate(dataset.ids) if name not in unused]
    return dataset.subset(np.array(kept, int)) if unused else dataset


def copy_remarks(dataset: Dataset) -> list[str]:
    """What is to be said of byte-identical images that a split is made of."""
    part = dict(zip(dataset.ids, dataset.parts, strict=False))
    groups = [[name for own in group for name in own] for group in dataset.copies.groups]
    across = [g for g in groups if part and len({part[name] for name in g}) > 1]
    if not across:
        return dataset.copies.sentences
    first, *others = across[0]
    other = next(name for name in others if part[name] != part[first])
    sentence = (
        f"{len(across):,} image{'s are' if len(across) > 1 else ' is'} in several parts of the "
        f"split, byte for byte ({first} is {other}); only what is tested on keeps them."
    )
    return [*dataset.copies.sentences, sentence]


def _parts_of(own: ClassSplit) -> dict[str, str]:
    """The part of each image of a class that has one; the last if it is in two."""
    return {name: part for part in PARTS for name in getattr(own, part)}


def _members(dataset: Dataset) -> dict[str, dict[str, str]]:
    """Of each class the ids that a split may use, and the part each is given for, "" if none is."""
    members: dict[str, dict[str, str]] = {name: {} for name in dataset.class_names}
    given = dataset.parts or [""] * len(dataset)
    unused = _unused(dataset)
    for name, label, part in zip(dataset.ids, dataset.labels.tolist(), given, strict=True):
        if name not in unused:
            members[dataset.class_names[label]][name] = part
    return members


def _unused(dataset: Dataset) -> set[str]:
    """Of images that are the same, all but one a class, in the part that comes last."""
    rank: dict[str, int] = {part: number for number, part in enumerate(PARTS)}
    places = dict(zip(dataset.ids, (rank[part] for part in dataset.parts), strict=False))
    unused = set[str]()
    for group in dataset.copies.groups:
        last = max(places.get(name, 0) for own in group for name in own)
        for own in group:
            kept = [name for name in own if places.get(name, 0) == last][:1]
            unused |= {*own} - {*kept}
    return unused


def _permuted(ids: list[str], class_name: str, seed: int) -> list[str]:
    digest = name_hash(class_name).digest()
    generator = np.random.default_rng([seed, int.from_bytes(digest[:8], "big")])
    return [ids[i] for i in generator.permutation(len(ids))]


def _drawn(
    order: Sequence[str], fixed: Mapping[str, str], samples: int, val: int, test: int
) -> ClassSplit:
    """The first of the images in `order` train, the last test; but some are `fixed` in a part.

    Those are in another class, too; they come first in their part, and in no other.
    """
    own = {part: [name for name in order if fixed.get(name) == part] for part in PARTS}
    free = [name for name in order if name not in fixed]
    needed = sum(not own[part] for part in ("validation", "test"))
    train = (own["train"] + free)[: max(0, min(samples, len(own["train"] + free) - needed))]
    left = _without(free, train)
    rest = len(left) + len(own["validation"]) + len(own["test"])
    if rest < val + test:
        val = min(max(1, rest * val // (val + test)), rest - 1)
        test = rest - val
    tested = _last(left + own["test"], test)
    left = _without(left, tested)
    return ClassSplit(tuple(train), _last(left + own["validation"], val), tested)


def _as_given(orders: Mapping[str, list[str]], samples: int, val: int, test: int) -> ClassSplit:
    """Images of the part each is given for; without any to validate, training images do."""
    train, validation, tested = orders.values()
    count = min(samples, len(train) - (not validation))
    validation = validation or train[max(count, len(train) - val) :]
    return ClassSplit(tuple(train[:count]), tuple(validation[:val]), tuple(tested[:test]))


def _without(names: Sequence[str], others: Sequence[str]) -> list[str]:
    taken = {*others}
    return [name for name in names if name not in taken]


def _last(names: Sequence[str], count: int) -> tuple[str, ...]:
    return tuple(names[max(0, len(names) - count) :])


def _check_size(dataset: str, class_name: str, usable: int, count: int) -> None:
    if usable < SMALLEST_CLASS:
        copies = " (others are copies of one)" * (usable < count)
        raise DataError(
            f"The class {class_name} of {dataset} has {usable} image{'s' * (usable != 1)}{copies}, "
            f"too few to train, validate and test; add some, at least {SMALLEST_CLASS}, "
            "or remove the class."
        )


def _check_parts(dataset: Dataset, class_name: str, own: ClassSplit) -> None:
    lacking = [part for part in PARTS if not getattr(own, part)]
    if lacking:
        why = "".join(f", as {remark.rstrip('.')}" for remark in copy_remarks(dataset)[-1:])
        raise DataError(
            f"The class {class_name} of {dataset.name} has no images left for {listed(lacking)}"
            f"{why}; add some."
        )
