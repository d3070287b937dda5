"""The training, validation and test examples that a split makes of some inputs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vggjax.data import Dataset, Split
from vggjax.data.splits import Part
from vggjax.features import Examples

PARTS: tuple[Part, ...] = ("train", "validation", "test")


@dataclass(frozen=True)
class Parts:
    """The training, validation and test examples of one head.

    `tested` names the test images and `class_names` the classes, for whoever asks which they were.
    """

    train: Examples
    validation: Examples
    test: Examples
    tested: Sequence[str] = ()
    class_names: Sequence[str] = ()

    def images(self) -> dict[str, int]:
        """How many images each part has, `{part: number}`."""
        return {part: len(getattr(self, part)) for part in PARTS}

    def least_per_class(self, classes: int) -> dict[str, int]:
        """How many images of each part the class with the fewest has, `{part: number}`."""
        labels = {part: getattr(self, part).labels for part in PARTS}
        return {p: int(np.bincount(own, minlength=classes).min()) for p, own in labels.items()}


def used_images(dataset: Dataset, splits: Sequence[Split]) -> np.ndarray:
    """The images of `dataset` that any of the `splits` uses: ascending indices, (n,)."""
    used = [split.indices(dataset, part) for split in splits for part in PARTS]
    return np.unique(np.concatenate(used))


def split_parts(
    inputs: Any, dataset: Dataset, used: np.ndarray, split: Split, samples: int | None = None
) -> Parts:
    """What `split` makes of `inputs`, the images `used` of `dataset` or features of them.

    `used` are ascending indices, as `used_images` gives them; `inputs` needs a method `subset`, as
    `Features` and `ImageArray` have it. With `samples`, so many training images per class.
    Raises DataError as `Split.indices` does.
    """
    indices = [split.indices(dataset, "train", samples)]
    indices += [split.indices(dataset, part) for part in ("validation", "test")]
    rows = [np.searchsorted(used, part) for part in indices]
    labels = dataset.labels[used]
    train, validation, test = (Examples(inputs.subset(part), labels[part]) for part in rows)
    tested = [dataset.ids[index] for index in indices[-1]]
    return Parts(train, validation, test, tested, dataset.class_names)
