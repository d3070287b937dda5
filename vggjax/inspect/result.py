"""What gradient ascent is asked for, and what it gives."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from vggjax.errors import DataError


@dataclass(frozen=True)
class AscentConfig:
    """How to ascend; the defaults are the reference's (U4), from noise.

    `steps` of `step_size` (None: 1 in pixels, 0.05 for `fourier`) on images of `size` pixels
    (None: the network's own). `jitter`: the image is rolled at random by up to so many pixels in
    each step, so that no pattern depends on its position. `border`: so many positions along the
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
    activations before each step and at the end, `rescued` (n,) whether it ascended before ReLU.
    """

    layer: str
    filters: np.ndarray
    inputs: np.ndarray
    pictures: np.ndarray
    losses: np.ndarray
    rescued: np.ndarray

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

    @property
    def statuses(self) -> tuple[str, ...]:
        """Of each filter, "alive", "rescued" or "dead"."""
        living = np.where(self.rescued, "rescued", "alive")
        return tuple(np.where(self.last_losses > 0, living, "dead").tolist())

    def select(self, indices: np.ndarray) -> "Ascent":
        """The filters at `indices` (numbers, or n booleans), in that order."""
        return Ascent(self.layer, **{name: getattr(self, name)[indices] for name in _ARRAYS})

    def ranked(self) -> "Ascent":
        """The filters that aren't dead, the highest last loss first (U4)."""
        order = np.argsort(-self.last_losses, kind="stable")
        return self.select(order[self.last_losses[order] > 0])

    def replaced(self, other: "Ascent") -> "Ascent":
        """This result, with those of `other` in place of the same filters' own."""
        both = joined([self, other])
        rows = {number: row for row, number in enumerate(both.filters.tolist())}
        return both.select(np.array([rows[number] for number in self.filters.tolist()], int))


_ARRAYS = tuple(f.name for f in fields(Ascent) if f.type is np.ndarray)


def joined(parts: Sequence[Ascent]) -> Ascent:
    """Several results for the same layer as one."""
    arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _ARRAYS}
    return Ascent(parts[0].layer, **arrays)


def contrast_picture(image: np.ndarray) -> np.ndarray:
    """An ascended input (…, H, W, 3) as uint8: its mean is mid-gray, ± 5 deviations fill 0–255.

    The reference's transform (U4): (x − mean) / (std + 1e-5) · 0.1 + 0.5, clipped to [0, 1], · 255;
    mean and std are each image's own. Contrast is relative: a faint pattern looks as strong as a
    strong one.
    """
    axes = (-3, -2, -1)
    x = image - image.mean(axes, keepdims=True)
    x = x / (x.std(axes, keepdims=True) + 1e-5)
    return (np.clip(x * 0.1 + 0.5, 0, 1) * 255).astype(np.uint8)
