"""Which images of a set excite a filter most."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vggjax.errors import DataError
from vggjax.features import extract
from vggjax.inspect.response import require_convolution
from vggjax.model import Chain
from vggjax.model.layers import MeanMap


@dataclass(frozen=True)
class Activating:
    """For each of n filters, the k images that excite it most, best first.

    `images` (n, k) are their indices in the set, `activations` (n, k) the filter's mean
    activations.
    """

    filters: np.ndarray
    images: np.ndarray
    activations: np.ndarray


def mean_activations(
    chain: Chain, layer: str, images: Any, *, cache: Path | None = None
) -> np.ndarray:
    """The mean activation over its map of every filter of `layer` for every image, (N, filters).

    They are features like any other: `images` and `cache` are those of `vggjax.extract`. Raises
    LayerError if `layer` is no convolution of the chain, DataError if there are no images.
    """
    require_convolution(chain, layer)
    if not len(images):
        raise DataError("There are no images.")
    means = chain.until(layer).then(Chain({f"{layer}_mean": MeanMap()}))
    return np.asarray(extract(means, images, cache=cache))


def most_activating(means: np.ndarray, filters: np.ndarray, count: int = 8) -> Activating:
    """The `count` images (at most all) with the highest of `means` (N, channels), by filter."""
    columns = means[:, filters].T
    order = np.argsort(-columns, axis=1, kind="stable")[:, :count]
    return Activating(np.asarray(filters), order, np.take_along_axis(columns, order, axis=1))
