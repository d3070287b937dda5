"""A labelled set of images, wherever they are: names and encoded bytes, decoded elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Dataset:
    """Labelled images, not decoded yet.

    `ids` are stable names such as `001.ak47/001_0001.jpg`, one per image, in a fixed order;
    `labels` (N,) int32 index `class_names`; `read(id)` returns an image's encoded bytes (JPEG,
    PNG, …) and raises DataError if it can't. `demo` marks the rendered set, so that every result
    on it can say so.
    """

    name: str
    class_names: tuple[str, ...]
    ids: tuple[str, ...]
    labels: np.ndarray
    read: Callable[[str], bytes]
    demo: bool = False

    def __len__(self) -> int:
        return len(self.ids)

    def counts(self) -> dict[str, int]:
        """How many images each class has."""
        counts = np.bincount(self.labels, minlength=len(self.class_names))
        return dict(zip(self.class_names, counts.tolist(), strict=True))
