"""Splits in a file: written with a checksum, and used only if they are what they claim to be."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vggjax.checked_json import ContentError, MissingError, read_json, unchanged, write_checked_json
from vggjax.data.dataset import Dataset
from vggjax.data.division import PARTS, ClassSplit, copies_apart
from vggjax.data.splits import Split, make_split
from vggjax.errors import DataError

FORMAT_VERSION = 3
_NUMBERS = {"seed": 0, "samples": 1, "val": 1, "test": 1}  # each with the least it can be
_ASKED = {"train": "samples", "validation": "val", "test": "test"}


def save_splits(path: Path, splits: Sequence[Split]) -> None:
    """Write splits as JSON with a checksum, atomically."""
    entries = [asdict(split) for split in splits]
    write_checked_json(path, {"version": FORMAT_VERSION, "splits": entries})


def load_splits(path: Path) -> list[Split]:
    """The splits that `save_splits` wrote; DataError if the file is missing, damaged or changed.

    Those of another version of vggjax are left out.
    """
    try:
        content = read_json(path)
        if content.get("version") != FORMAT_VERSION:
            return []  # made by another version of vggjax: like none
        if not unchanged(content):
            raise ContentError(path, "its checksum differs")
        return [_from_json(entry) for entry in content["splits"]]
    except MissingError as error:
        raise DataError(f"Cannot read the split file {path}: {error.cause}.") from error
    except OSError as error:
        raise DataError(f"Cannot read the split file {path}: {error.strerror}.") from error
    except ContentError as error:
        raise _damaged(path, error.cause) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _damaged(path, str(error) or type(error).__name__) from error


def reuse_or_make(
    path: Path,
    dataset: Dataset,
    samples: int,
    val: int,
    test: int,
    seeds: Sequence[int],
    make: Callable[[Dataset, int, int, int, int], Split] = make_split,
) -> list[Split]:
    """One split for each seed: that in the file `path` if it was made for the same, or a new one.

    A stored split serves only the request that it was made for: the same images, `samples`, `val`,
    `test` and seed, and only if copies are on one side (see `make_split`). `make` makes
    new ones, with the arguments of `make_split`; a file belongs to one such function. Nothing is
    written. Raises DataError if the file is damaged, and as
    `make` does.
    """
    images, stored = dataset.digest(), load_splits(path) if path.exists() else []
    usable = {}
    for split in stored:
        if (split.images, split.samples, split.val, split.test) != (images, samples, val, test):
            continue
        if problem := _misfit(split, dataset):
            raise _damaged(path, problem)
        if not copies_apart(dataset, split.classes):
            usable[split.seed] = split
    return [usable.get(seed) or make(dataset, samples, val, test, seed) for seed in seeds]


def _damaged(path: Path, how: str) -> DataError:
    return DataError(f"The split file {path} is damaged; delete it to make a new one ({how}).")


def _from_json(entry: Mapping[str, Any]) -> Split:
    """A split of the stored content; ValueError, which says why, if that makes none.

    TypeError, KeyError or AttributeError if it is of another form.
    """
    for name, least in _NUMBERS.items():
        if type(entry[name]) is not int or entry[name] < least:
            raise ValueError(f"{name} is {entry[name]!r}")
    if not all(isinstance(entry[name], str) for name in ("dataset", "images")):
        raise ValueError("the data set is not named by strings")
    classes = {
        name: ClassSplit(**{part: tuple(ids) for part, ids in parts.items()})
        for name, parts in entry["classes"].items()
    }
    split = Split(**{**entry, "classes": classes})
    seen = set[str]()
    for name, own in classes.items():
        _check_parts(name, own, {part: entry[asked] for part, asked in _ASKED.items()})
        images = {*own.train, *own.validation, *own.test}
        if both := seen & images:
            raise ValueError(f"the image {min(both)} is in two classes")
        seen |= images
    if len({own.validation == own.test for own in classes.values()}) != 1:
        raise ValueError("the same images validate and test in some of the classes")
    return split


def _check_parts(name: str, own: ClassSplit, most: Mapping[str, int]) -> None:
    """Raise ValueError unless each part of the class `name` has images, once, and no other's."""
    for part in PARTS:
        images = getattr(own, part)
        if not all(isinstance(image, str) for image in images):
            raise ValueError(f"images of the class {name} are not named by strings")
        if not 0 < len(images) <= most[part]:
            raise ValueError(f"{len(images)} {part} images of the class {name}")
        if len({*images}) < len(images):
            raise ValueError(f"a {part} image of the class {name} is there twice")
    held_out = [own.test] if own.validation == own.test else [own.validation, own.test]
    images = [image for part in (own.train, *held_out) for image in part]
    if len({*images}) < len(images):
        raise ValueError(f"an image of the class {name} is in two parts")


def _misfit(split: Split, dataset: Dataset) -> str:
    """What of a split is not in the `dataset` it was made of, in words; "" if all is."""
    if [*split.classes] != [*dataset.class_names]:
        return f"its classes are not those of {dataset.name}"
    names = dataset.class_names
    labels = dict(zip(dataset.ids, dataset.labels.tolist(), strict=True))
    for name, own in split.classes.items():
        for image in (*own.train, *own.validation, *own.test):
            if image not in labels or names[labels[image]] != name:
                return f"{image} is no image of the class {name} of {dataset.name}"
    return ""
