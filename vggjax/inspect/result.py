"""What gradient ascent is asked for, and what it gives."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from vggjax.errors import DataError


@dataclass(frozen=True)
class AscentConfig:
    """How to ascend; the defaults give pictures to look at, `reference` those of the reference.

    `steps` of `step_size` (None: what suits the parametrization) on images of `size` pixels (None:
    the network's own). `jitter`: the image is rolled at random by up to so many pixels in each
    step, so that no pattern depends on its position. `border`: so many positions along the edges
    of the layer's map don't count, where padding is seen. `leak`: what a value below 0 counts for
    in the loss: 0 is the activation after ReLU, which can't rise where it is 0 at the start; 1 the
    value before it, whose mean is linear in the first layer, so that only colour counts there.
    `fourier`: move the image's spectrum in decorrelated colours instead of its pixels.
    Raises DataError for numbers that make no sense.
    """

    steps: int = 64
    step_size: float | None = None
    size: int | None = 128
    seed: int = 0
    jitter: int = 6
    border: int = 1
    leak: float = 0.1
    fourier: bool = True

    def __post_init__(self) -> None:
        least = {"steps": 1, "size": 1, "seed": 0, "jitter": 0, "border": 0}
        for name, bound in least.items():
            value = getattr(self, name)
            if value is not None and value < bound:
                raise DataError(f"The {name} must be at least {bound}, not {value}.")
        if self.step_size is not None and not 0 < self.step_size < float("inf"):
            raise DataError(f"The step size must be above 0, not {self.step_size}.")
        if not 0 <= self.leak <= 1:
            raise DataError(f"The leak must be between 0 and 1, not {self.leak}.")

    @classmethod
    def reference(cls, **changes: Any) -> "AscentConfig":
        """The reference's recipe (U4): 20 steps on pixels, after ReLU, at the network's size."""
        plain = {"steps": 20, "size": None, "jitter": 0, "border": 0, "leak": 0, "fourier": False}
        return cls(**{**plain, **changes})


@dataclass(frozen=True)
class Ascent:
    """The result for n filters of a layer.

    `filters` (n,) are their numbers, `inputs` (n, size, size, 3) float32 the inputs found (see
    `InputSpace`), `pictures` the same as uint8 RGB to look at. `losses` (n, steps + 1) are the mean
    activations, after ReLU, before each step and at the end; `before_relu` those before ReLU.
    """

    layer: str
    filters: np.ndarray
    inputs: np.ndarray
    pictures: np.ndarray
    losses: np.ndarray
    before_relu: np.ndarray

    def __len__(self) -> int:
        return len(self.filters)

    @property
    def steps(self) -> int:
        """How many steps were taken."""
        return self.losses.shape[1] - 1

    @property
    def last_losses(self) -> np.ndarray:
        """The mean activation for each final picture, (n,)."""
        return self.losses[:, -1]

    @property
    def statuses(self) -> tuple[str, ...]:
        """Of each filter, "alive"; "dead": no positive activation; "diverged": no finite number."""
        finite = np.isfinite(self.before_relu[:, -1]) & np.isfinite(self.inputs).all((1, 2, 3))
        living = np.where(self.last_losses > 0, "alive", "dead")
        return tuple(np.where(finite, living, "diverged").tolist())

    def select(self, indices: np.ndarray) -> "Ascent":
        """The filters at `indices` (numbers, or n booleans), in that order."""
        return Ascent(self.layer, **{name: getattr(self, name)[indices] for name in _ARRAYS})

    def alive(self) -> "Ascent":
        """The filters that are alive, as they come."""
        return self.select(np.array([status == "alive" for status in self.statuses], bool))

    def ranked(self) -> "Ascent":
        """The filters that are alive, the highest last loss first (U4)."""
        living = self.alive()
        return living.select(np.argsort(-living.last_losses, kind="stable"))


_ARRAYS = tuple(f.name for f in fields(Ascent) if f.type is np.ndarray)


def joined(parts: Sequence[Ascent]) -> Ascent:
    """Several results for the same layer, of as many steps, as one."""
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
