"""Labelled examples, and batches of them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np

from vggjax.errors import DataError

Item = TypeVar("Item")


@dataclass(frozen=True)
class Examples:
    """Inputs and their labels.

    `inputs` is anything with a length that an array of integers indexes along its first axis to
    give a NumPy batch: an array, cached `Features`, a lazy `ImageArray`. `labels` is (N,) integers.
    Raises DataError if there are none, or not as many labels as inputs.

    >>> import vggjax
    >>> len(vggjax.Examples(np.zeros((3, 8)), np.array([0, 1, 1])))
    3
    """

    inputs: Any
    labels: np.ndarray

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.labels):
            raise DataError(f"There are {len(self.inputs)} inputs but {len(self.labels)} labels.")
        if len(self.labels) == 0:
            raise DataError("There are no examples.")

    def __len__(self) -> int:
        return len(self.labels)


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
        yield Batch(inputs, np.asarray(examples.labels[indices], np.int32), weights[part])


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items, each prepared in a thread while the one before it is in use."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        upcoming = pool.submit(next, items, None)
        while (item := upcoming.result()) is not None:
            upcoming = pool.submit(next, items, None)
            yield item
