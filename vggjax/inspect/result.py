"""What gradient ascent is asked for, and what it gives."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np

from vggjax.errors import DataError

Status = Literal["alive", "rescued", "dead"]


@dataclass(frozen=True)
class AscentConfig:
    """How to ascend; the defaults are the report's (U4), from noise.

    `steps` of `step_size` (None: 1 in pixels, 0.05 for `fourier`) on images of `size` pixels
    (None: the network's own). `jitter`: the image is rolled at random by up to so many pixels in
    each step, so that no pattern depends on its place. `border`: so many positions along the
    edges of the layer's map don't count, where padding is seen. `fourier`: move the image's
    spectrum in decorrelated colours instead of its pixels; takes more steps, some 100. `rescue`:
    ascend dead filters before ReLU. Raises DataError for numbers that make no sense.
    """

    steps: int = 20
    step_size: float | None = None
    size: int | None = None
    seed: int = 0
    jitter: int = 0
    border: int = 0
    fourier: bool = False
    rescue: bool = False

    def __post_init__(self) -> None:
        least = {"steps": 1, "size": 1, "seed": 0, "jitter": 0, "border": 0}
        for name, bound in least.items():
            value = getattr(self, name)
            if value is not None and value < bound:
                raise DataError(f"The {name} must be at least {bound}, not {value}.")
        if self.step_size is not None and not 0 < self.step_size < float("inf"):
            raise DataError(f"The step size must be above 0, not {self.step_size}.")


@dataclass(frozen=True)
class Ascent:
    """The result for n filters of a layer.

    `filters` (n,) are their numbers, `inputs` (n, size, size, 3) float32 the inputs found (see
    `InputSpace`), `pictures` the same as uint8 RGB to look at, `losses` (n, steps + 1) the mean
    activations before each step and at the end. A status is "alive", "rescued" or "dead".
    """

    layer: str
    filters: np.ndarray
    inputs: np.ndarray
    pictures: np.ndarray
    losses: np.ndarray
    statuses: tuple[Status, ...]

    def __len__(self) -> int:
        return len(self.filters)

    @property
    def first_losses(self) -> np.ndarray:
        """The mean activation that each filter started with, (n,)."""
        return self.losses[:, 0]

    @property
    def last_losses(self) -> np.ndarray:
        """The mean activation for each final picture, (n,)."""
        return self.losses[:, -1]

    def select(self, places: np.ndarray) -> "Ascent":
        """The filters at `places` (numbers, or n booleans), in that order."""
        rows = np.arange(len(self))[places]
        arrays = {name: getattr(self, name)[rows] for name in _ARRAYS}
        return Ascent(self.layer, statuses=tuple(self.statuses[row] for row in rows), **arrays)

    def ranked(self) -> "Ascent":
        """The filters that aren't dead, the highest last loss first (U4)."""
        order = np.argsort(-self.last_losses, kind="stable")
        return self.select(order[self.last_losses[order] > 0])

    def replaced(self, other: "Ascent") -> "Ascent":
        """This result, with those of `other` in place of the same filters' own."""
        both = joined([self, other])
        place = {number: row for row, number in enumerate(both.filters.tolist())}
        return both.select(np.array([place[number] for number in self.filters.tolist()], int))


_ARRAYS = tuple(f.name for f in fields(Ascent) if f.type is np.ndarray)


def joined(parts: Sequence[Ascent]) -> Ascent:
    """Several results for the same layer as one."""
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in _ARRAYS
    }
    statuses = tuple(status for part in parts for status in part.statuses)
    return Ascent(parts[0].layer, statuses=statuses, **arrays)
