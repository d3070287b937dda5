"""How images pass through the prepared layers of a network, on a CPU."""

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from vggjax.model import kernels, winograd
from vggjax.model.layers import Convolution, MaxPool
from vggjax.model.prepared import FastConvolution
from vggjax.model.strips import in_strips


def through(layers: Sequence[Any], x: jax.Array, strip_bytes: int) -> jax.Array:
    """Inputs (B, …) through some layers.

    Of images whose activations take more than `strip_bytes`, strips of about that size pass
    through several convolutions before the next one starts.
    """
    for part in _parts(layers):
        if _convolves(part[0]):
            *first, last = filter(_convolves, part)
            x = _convolved(first, last, isinstance(part[-1], MaxPool), x, strip_bytes)
        else:
            x = part[0](x)
    return x


def largest_bytes(layer: Any, x: Any) -> int:
    """Bytes of one example of a layer's input `x` or output, whichever is larger."""
    pair = x, jax.eval_shape(layer, x)
    return max(math.prod(each.shape[1:]) * each.dtype.itemsize for each in pair)


def _parts(layers: Sequence[Any]) -> Iterator[list[Any]]:
    """Convolutions in a row, with the maximum that may follow them; each other layer alone."""
    part: list[Any] = []
    for layer in layers:
        if part and not (_convolves(layer) or isinstance(layer, MaxPool)):
            yield part
            part = []
        part.append(layer)
        if not _convolves(layer):
            yield part
            part = []
    if part:
        yield part


def _convolves(layer: Any) -> bool:
    return isinstance(layer, Convolution | FastConvolution)


def _convolved(
    first: Sequence[Any], last: Any, pools: bool, x: jax.Array, strip_bytes: int
) -> jax.Array:
    rows = _rows([*first, last], x, strip_bytes)
    if rows < x.shape[1]:
        stages = [partial(_on_strip, layer) for layer in first]
        return in_strips([*stages, partial(_on_strip, last, pools=pools)], x, rows)
    for layer in first:
        x = layer(x)
    if pools and isinstance(last, FastConvolution):
        return last.pooled(jnp.pad(x, ((0, 0), (1, 1), (0, 0), (0, 0))))
    x = last(x)
    return kernels.max_pool(x) if pools else x


def _on_strip(layer: Any, x: jax.Array, pools: bool = False) -> jax.Array:
    if isinstance(layer, FastConvolution):
        return layer.pooled(x) if pools else layer.on_strip(x)
    y = layer(x)[:, 1:-1]
    return kernels.max_pool(y) if pools else y


def _rows(convolutions: Sequence[Any], x: jax.Array, strip_bytes: int) -> int:
    """How many rows of each image to work on at a time: whole tiles, alike in all strips."""
    height, largest, tile = x.shape[1], 0, winograd.TILE
    for layer in convolutions:
        largest = max(largest, largest_bytes(layer, x))
        x = jax.eval_shape(layer, x)
    if largest <= strip_bytes:
        return height
    tiles = -(-height // tile)
    strips = -(-tiles // max(1, strip_bytes * height // (largest * tile)))
    return tile * -(-tiles // strips)
