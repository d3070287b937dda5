"""Heads: what follows the frozen part instead of the layers that were cut off."""

from typing import Literal, get_args

import jax
import jax.numpy as jnp
from flax import nnx

from vggjax.errors import LayerError
from vggjax.model.chain import Chain, output_shape, parameters
from vggjax.model.layers import Dense, Flatten, MaxPool, Temperature, as_layer

# A dense layer's values before training: its kernel 0, or Keras' Glorot-uniform. What no training
# example spans never moves: there a random start stays as noise in every new image's logits.
Start = Literal["zero", "glorot"]
STARTS: tuple[Start, ...] = get_args(Start)


def softmax_head(
    feature_shape: tuple[int, ...],
    classes: int,
    seed: int = 0,
    *,
    pool: bool = False,
    start: Start = "zero",
) -> Chain:
    """A new dense layer `head` that gives logits (B, classes) for features (B, *feature_shape).

    Features with more than one axis are flattened first, in a layer `head_flatten` (C5); with
    `pool`, maps (B, H, W, C) are reduced to their 2×2 maxima before, in `head_pool` (U5). It starts
    at `start`: `zero`, or `glorot` for Keras' Glorot-uniform kernel (the reference's), drawn by
    `seed`; the bias is 0 in both. Raises LayerError for fewer than 2 classes or another start, and
    with `pool` for features that are no maps of at least 2×2.

    >>> import vggjax
    >>> vggjax.softmax_head((14, 14, 512), classes=256, pool=True).names
    ('head_pool', 'head_flatten', 'head')
    """
    rows = flattening(feature_shape, pool=pool)
    return rows.then(dense_head(flat_width(feature_shape, pool=pool), classes, seed, start=start))


def temperature_head(
    source_classes: int,
    classes: int,
    temperature: float = 1.0,
    seed: int = 0,
    *,
    start: Start = "zero",
) -> Chain:
    """A head on logits (B, source_classes): `temperature`, then dense `head` (B1).

    `temperature` gives the source classes' probabilities softmax(a / T), which the dense layer
    weighs; its `start` is as in `softmax_head`. Raises LayerError for a temperature that isn't
    above zero, and as `softmax_head` does.
    """
    softened = Chain({"temperature": Temperature(temperature)})
    return softened.then(dense_head(source_classes, classes, seed, start=start))


def flattening(feature_shape: tuple[int, ...], *, pool: bool = False) -> Chain:
    """The layers that turn features (B, *feature_shape) into rows; LayerError as `softmax_head`."""
    if pool and (len(feature_shape) != 3 or min(feature_shape[:2]) < 2):
        size = " by ".join(map(str, feature_shape))
        raise LayerError(
            f"A pooled head needs maps of at least 2 by 2, but this layer's output is {size}; "
            "choose an earlier layer, or no pooling."
        )
    layers: dict[str, nnx.Module] = {"head_pool": MaxPool()} if pool else {}
    if len(feature_shape) > 1:
        layers["head_flatten"] = Flatten()
    return Chain(layers)


def flat_width(feature_shape: tuple[int, ...], *, pool: bool = False) -> int:
    """How many features `flattening` gives for each example."""
    return output_shape(flattening(feature_shape, pool=pool), feature_shape)[0]


def dense_head(width: int, classes: int, seed: int = 0, *, start: Start = "zero") -> Chain:
    """The dense layer `head` alone, (B, width) → (B, classes); otherwise as `softmax_head`.

    >>> from vggjax.model.heads import dense_head
    >>> dense_head(3, 2)(jnp.ones((1, 3), jnp.float32)).tolist()
    [[0.0, 0.0]]
    """
    if start not in STARTS:
        raise LayerError(f"A head starts at {' or '.join(STARTS)}, not {start!r}.")
    if classes < 2:
        raise LayerError(f"A classifier needs at least 2 classes, not {classes}.")
    glorot = nnx.initializers.glorot_uniform()
    shape = (width, classes)
    # The type is said: in JAX's 64-bit mode the same seed would give other values.
    zeros, drawn = jnp.zeros(shape, jnp.float32), jax.random.key(seed)
    kernel = glorot(drawn, shape, jnp.float32) if start == "glorot" else zeros
    return Chain({"head": Dense(kernel, jnp.zeros(classes, jnp.float32))})


def learned_layers(chain: Chain) -> tuple[str, ...]:
    """The layers whose parameters training moves: all that have any, but statistics of the data."""
    return tuple(name for name in parameters(chain) if as_layer(chain[name]).learned)
