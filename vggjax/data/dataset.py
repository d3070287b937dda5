"""A labelled set of images, wherever they are: names and encoded bytes, decoded elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vggjax.errors import visible
from vggjax.files import name_hash


@dataclass(frozen=True, repr=False)
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

    def __repr__(self) -> str:
        demo = ", demo" if self.demo else ""
        return f"Dataset({self.name}, {len(self.class_names)} classes, {len(self):,} images{demo})"

    def digest(self) -> str:
        """SHA-256 (64 hex digits) of the images' names and classes, in order."""
        rows = zip(self.ids, self.labels.tolist(), strict=True)
        text = "\n".join([*self.class_names, *(f"{label} {name}" for name, label in rows)])
        return name_hash(text).hexdigest()

    def counts(self) -> dict[str, int]:
        """How many images each class has."""
        counts = np.bincount(self.labels, minlength=len(self.class_names))
        return dict(zip(self.class_names, counts.tolist(), strict=True))


def summary(dataset: Dataset) -> str:
    """Name, number of classes and images, and the count of each class, one a line."""
    counts = dataset.counts()
    rows = [(visible(name), count) for name, count in counts.items()]
    width = max((len(name) for name, _ in rows), default=0)
    head = f"{visible(dataset.name)}: {len(counts)} classes, {len(dataset):,} images"
    if dataset.demo:
        head += " (demo: rendered images)"
    if counts:
        least, most = min(counts.values()), max(counts.values())
        head += f", {least} to {most} a class" if least < most else f", {least} a class"
    return "\n".join([head, *(f"  {name:<{width}}  {count:>6}" for name, count in rows)])
