"""Labelled examples, and batches of them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import numpy as np

from vggjax.errors import DataError
from vggjax.features.checked import checked_inputs, checked_labels, require_finite

Item = TypeVar("Item")
_ROWS = 1024  # up to so many, a batch is padded to any size


@dataclass(frozen=True, repr=False)
class Examples:
    """Inputs and their labels, checked when they are made.

    `inputs` is anything with a length that an array of integers indexes along its first axis to
    give a NumPy batch: an array, cached `Features`, a lazy `ImageArray`. Lists, tables and JAX
    arrays become NumPy arrays. `labels` is (N,) whole numbers from 0 on, by position, as an array,
    a list or a pandas Series; here they are int32. Raises DataError if there are none, not as many
    labels as inputs, names or one-hot rows for labels, or inputs that aren't finite numbers; those
    that are read lazily are searched when a loss isn't finite.

    >>> import vggjax
    >>> vggjax.Examples(np.zeros((3, 8), np.float32), [0, 1, 1])
    Examples(3 of (8,) float32, labels 0 to 1)
    """

    inputs: Any
    labels: np.ndarray

    def __post_init__(self) -> None:
        for name, check in (("inputs", checked_inputs), ("labels", checked_labels)):
            object.__setattr__(self, name, check(getattr(self, name)))
        if len(self.inputs) != len(self.labels):
            raise DataError(f"There are {len(self.inputs)} inputs but {len(self.labels)} labels.")
        if len(self.labels) == 0:
            raise DataError("There are no examples.")

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        shape, dtype = (getattr(self.inputs, name, None) for name in ("shape", "dtype"))
        what = f"{shape[1:]} {dtype}" if shape else type(self.inputs).__name__
        low, high = self.labels.min(), self.labels.max()
        return f"Examples({len(self):,} of {what}, labels {low} to {high})"

    @cached_property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one input; where the inputs don't tell, one is read."""
        shape = getattr(self.inputs, "shape", None)
        return self.sample(1).shape[1:] if shape is None else tuple(shape[1:])

    def sample(self, count: int) -> np.ndarray:
        """Up to `count` inputs (n, *input_shape), from the first to the last at even distances."""
        indices = np.linspace(0, len(self) - 1, min(count, len(self))).astype(np.int64)
        return np.asarray(self.inputs[indices])

    def require_finite(self, size: int = 32) -> None:
        """Read all inputs, `size` at a time; DataError if one isn't finite."""
        for start in range(0, len(self), size):
            indices = np.arange(start, min(start + size, len(self)))
            require_finite(np.asarray(self.inputs[indices]), start)


class Batch(NamedTuple):
    """One batch: inputs (B, …), labels (B,) int32, and weights (B,): 1, or 0 for padding."""

    inputs: np.ndarray
    labels: np.ndarray
    weights: np.ndarray


def batches(
    examples: Examples,
    size: int,
    order: np.ndarray | None = None,
    *,
    padded: int | None = None,
    part: slice = slice(None),
) -> Iterator[Batch]:
    """All examples once, in `order` (None: as they come), `size` at a time.

    Each batch is filled up to `padded` (None: `size`) with repeated examples of weight 0, so that
    all have the same shape and no example is left out. Only its rows `part` are read and handed
    on, which is how processes share a batch.
    """
    order = np.arange(len(examples)) if order is None else order
    rows = padded or size
    for start in range(0, len(order), size):
        indices = order[start : start + size]
        weights = np.zeros(rows, np.float32)
        weights[: len(indices)] = 1
        indices = np.pad(indices, (0, rows - len(indices)), mode="edge")[part]
        inputs = np.asarray(examples.inputs[indices])
        yield Batch(inputs, examples.labels[indices], weights[part])


def within(size: int, count: int) -> int:
    """A batch's `size`, but not much larger than all `count` examples: the rest is only padding.

    >>> within(32, 5), within(10**12, 5000)
    (32, 5120)
    """
    return min(size, -(-count // _ROWS) * _ROWS)


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items, each prepared in a thread while the one before it is in use."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        upcoming = pool.submit(next, items, None)
        while (item := upcoming.result()) is not None:
            upcoming = pool.submit(next, items, None)
            yield item
