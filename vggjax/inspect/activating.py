"""Which images of a set excite a filter most."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from flax import nnx

from vggjax.errors import DataError
from vggjax.inspect.response import require_convolution
from vggjax.model import Chain, Parameters, freeze, parameters


@dataclass(frozen=True)
class Activating:
    """For each of n filters, the k images that excite it most, best first.

    `images` (n, k) are their places in the set, `activations` (n, k) the filter's mean activations.
    """

    filters: np.ndarray
    images: np.ndarray
    activations: np.ndarray


def mean_activations(
    chain: Chain,
    layer: str,
    images: Any,
    *,
    batch_size: int = 16,
    on_batch: Callable[[int], None] | None = None,
) -> np.ndarray:
    """The mean activation over its map of every filter of `layer` for every image, (N, filters).

    `images` (N, H, W, 3) are RGB in 0–255, an array or a `vggjax.data.ImageArray`; a batch of them
    is in memory at a time. `on_batch` is told how many were done. Raises LayerError if `layer` is
    no convolution of the chain, DataError if there are no images.
    """
    require_convolution(chain, layer)
    if not len(images):
        raise DataError("There are no images.")
    part = freeze(chain.until(layer))
    graph, tree = nnx.graphdef(part), parameters(part)
    rows = []
    for start in range(0, len(images), batch_size):
        batch = np.asarray(images[start : start + batch_size])
        padding = min(batch_size, len(images)) - len(batch)  # one program for all batches
        padded = np.pad(batch, ((0, padding), (0, 0), (0, 0), (0, 0)))
        rows.append(np.asarray(_means(graph, tree, padded))[: len(batch)])
        if on_batch:
            on_batch(len(batch))
    return np.concatenate(rows)


def most_activating(means: np.ndarray, filters: np.ndarray, count: int = 8) -> Activating:
    """The `count` images (at most all) with the highest of `means` (N, channels), by filter."""
    columns = means[:, filters].T
    order = np.argsort(-columns, axis=1, kind="stable")[:, :count]
    return Activating(np.asarray(filters), order, np.take_along_axis(columns, order, axis=1))


def _means_of(graph: Any, tree: Parameters, images: jax.Array) -> jax.Array:
    return nnx.merge(graph, tree)(images).mean((1, 2))


_means = jax.jit(_means_of, static_argnums=0)
