"""Which images of each class train, validate and test (row C): seeded and nested."""

from dataclasses import dataclass

import numpy as np

from vggjax.data.dataset import Dataset
from vggjax.data.division import ClassSplit, Part, divided
from vggjax.errors import DataError


@dataclass(frozen=True, repr=False)
class Split:
    """A partition of a data set, for all numbers of training images up to `samples` a class.

    `dataset` is its name, `images` its digest; `samples`, `val` and `test` are the numbers a class
    that were asked for, which a small class falls short of.
    """

    dataset: str
    images: str
    seed: int
    samples: int
    val: int
    test: int
    classes: dict[str, ClassSplit]

    def __repr__(self) -> str:
        return (
            f"Split({self.dataset}, seed {self.seed}, {len(self.classes)} classes, up to "
            f"{self.samples} train, {self.val} validation and {self.test} test images each)"
        )

    @property
    def joint(self) -> bool:
        """Whether the same images validate and test (see `vggjax.data.make_reference_split`)."""
        return any(part.validation == part.test for part in self.classes.values())

    def indices(self, dataset: Dataset, part: Part, samples: int | None = None) -> np.ndarray:
        """Where the images of `part` are in `dataset`, (n,) int64, class by class.

        For `train`, the first `samples` images of each class, all by default. Raises DataError
        if the split was made for fewer, or if an image isn't in `dataset`.
        """
        if samples is not None and not 1 <= samples <= self.samples:
            raise DataError(
                f"This split is for 1 to {self.samples} training images a class, not {samples}."
            )
        count = samples if part == "train" else None
        ids = [name for split in self.classes.values() for name in getattr(split, part)[:count]]
        positions = {name: index for index, name in enumerate(dataset.ids)}
        try:
            return np.array([positions[name] for name in ids], np.int64)
        except KeyError as error:
            raise DataError(
                f"The split names the image {error.args[0]}, which {dataset.name} doesn't have; "
                "make a new split."
            ) from error


def make_split(
    dataset: Dataset, samples: int, val: int = 24, test: int = 24, seed: int = 0
) -> Split:
    """Split each class at random into at most `samples` train, `val` and `test` images.

    Each class's sorted ids are permuted by a generator seeded with `seed` and the class's name, so
    a class's split doesn't depend on the other classes. Training images are taken from the front
    of the permutation, so that fewer samples are a part of more; test images are its last, and
    validation images those before. The reference takes "the next 24 and 24" after the training
    images instead: the same distribution, but here every number of samples is validated and
    tested on the same images.

    Of byte-identical images of a class only the first takes part, and those of several classes
    are in the same part of each: no image is on two sides (see `Dataset.copies`). Where the data
    set says which images train, validate and test (`Dataset.parts`), each part is drawn from its
    own; if none validate, the last of the training images do.

    A class that is too small trains on min(samples, size − 2) images, and validation and test
    share the rest in the proportion asked for, at least one each. Raises DataError for a class of
    fewer than 3 images, numbers below 1 and a negative seed.

    >>> import vggjax
    >>> from vggjax.data import load_demo
    >>> dataset = load_demo(per_class=4)  # of 32 classes
    >>> split = vggjax.make_split(dataset, samples=2, val=1, test=1)
    >>> [len(split.indices(dataset, part)) for part in ("train", "validation", "test")]
    [64, 32, 32]
    """
    _check_sizes(samples=samples, val=val, test=test)
    if seed < 0:
        raise DataError(f"The seed must be at least 0, not {seed}.")
    classes = divided(dataset, samples, val, test, seed)
    return Split(dataset.name, dataset.digest(), seed, samples, val, test, classes)


def _check_sizes(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise DataError(f"The number of {name} images a class must be at least 1, not {size}.")
