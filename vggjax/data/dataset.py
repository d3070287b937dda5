"""A labelled set of images, wherever they are: names and encoded bytes, decoded elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from vggjax.data.copies import Copies, find_copies
from vggjax.errors import visible
from vggjax.files import name_hash


@dataclass(frozen=True, repr=False)
class Dataset:
    """Labelled images, not decoded yet.

    `ids` are stable names such as `001.ak47/001_0001.jpg`, one per image, in a fixed order;
    `labels` (N,) int32 index `class_names`; `read(id)` returns an image's encoded bytes (JPEG,
    PNG, …) and raises DataError if it can't. `demo` marks the rendered set, so that every result
    on it can say so. `notes` say in a few words each what else is to be known, such as what was
    left out. Where the source says which images train, validate and test, `parts` names each
    image's part, and splits keep to that.
    """

    name: str
    class_names: tuple[str, ...]
    ids: tuple[str, ...]
    labels: np.ndarray
    read: Callable[[str], bytes]
    demo: bool = False
    notes: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()

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

    def subset(self, indices: np.ndarray) -> "Dataset":
        """The images at `indices` (n,), in that order."""
        ids, labels = tuple(self.ids[index] for index in indices), self.labels[indices]
        parts = tuple(self.parts[index] for index in indices) if self.parts else ()
        return replace(self, ids=ids, labels=labels, parts=parts)

    @cached_property
    def copies(self) -> Copies:
        """The byte-identical images: see `find_copies`."""
        return find_copies(self.ids, self.labels, self.read)

    def counts(self) -> dict[str, int]:
        """How many images each class has."""
        counts = np.bincount(self.labels, minlength=len(self.class_names))
        return dict(zip(self.class_names, counts.tolist(), strict=True))


def summary(dataset: Dataset) -> str:
    """Name, numbers of classes and images, notes; and the count of each class, one a line."""
    counts = dataset.counts()
    rows = [(visible(name), count) for name, count in counts.items()]
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join(
        [headline(dataset), *(f"  {name:<{width}}  {count:>6}" for name, count in rows)]
    )


def headline(dataset: Dataset) -> str:
    """In a line: name, numbers of classes and images, the smallest and largest class, notes."""
    counts = dataset.counts()
    kinds = f"{len(counts)} classes, " * (len(counts) > 1)  # a single one only joins the images
    head = f"{dataset.name}: {kinds}{len(dataset):,} images"
    if dataset.demo:
        head += " (demo: rendered images)"
    least, most = (choose(counts, key=counts.__getitem__, default="") for choose in (min, max))
    if counts and counts[least] < counts[most]:
        head += f", {counts[least]:,} ({least}) to {counts[most]:,} ({most}) a class"
    elif kinds:
        head += f", {counts[least]:,} a class"
    return visible("; ".join([head, *dataset.notes]))
