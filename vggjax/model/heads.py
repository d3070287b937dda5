"""What is put in the place of the part that was cut off."""

import math

import jax
from flax import nnx

from vggjax.errors import LayerError
from vggjax.model.chain import Chain
from vggjax.model.layers import Dense, Flatten, MaxPool, Temperature


def softmax_head(feature_shape: tuple[int, ...], classes: int, seed: int = 0) -> Chain:
    """A new dense layer `head` that gives logits (B, classes) for features (B, *feature_shape).

    Features with more than one axis are flattened first, in a layer `head_flatten` (C5). Initial
    values are Keras': Glorot-uniform kernel, zero bias. Raises LayerError for fewer than 2 classes.
    """
    flat = flattening(feature_shape)
    return flat.then(dense_head(math.prod(feature_shape), classes, seed))


def pooled_head(feature_shape: tuple[int, ...], classes: int, seed: int = 0) -> Chain:
    """A head on maps (B, H, W, C): 2×2 maximum `head_pool`, `head_flatten`, dense `head` (U5).

    Raises LayerError for features that are no maps of at least 2×2, and as `softmax_head` does.
    """
    return flattening(feature_shape, pool=True).then(
        dense_head(flat_width(feature_shape, pool=True), classes, seed)
    )


def temperature_head(
    source_classes: int, classes: int, temperature: float = 1.0, seed: int = 0
) -> Chain:
    """A head on logits (B, source_classes): `temperature`, then dense `head` (B1).

    `temperature` gives the source classes' probabilities softmax(a / T), which the dense layer
    weighs. Raises LayerError for a temperature that isn't above zero, and as `softmax_head` does.
    """
    start = Chain({"temperature": Temperature(temperature)})
    return start.then(dense_head(source_classes, classes, seed))


def flattening(feature_shape: tuple[int, ...], *, pool: bool = False) -> Chain:
    """The layers that turn features (B, *feature_shape) into rows; LayerError as `pooled_head`."""
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
    if not pool:
        return math.prod(feature_shape)
    height, width, channels = feature_shape
    return (height // 2) * (width // 2) * channels


def dense_head(width: int, classes: int, seed: int = 0) -> Chain:
    """The dense layer `head` alone, (B, width) → (B, classes); LayerError as `softmax_head`."""
    if classes < 2:
        raise LayerError(f"A classifier needs at least 2 classes, not {classes}.")
    kernel = nnx.initializers.glorot_uniform()(jax.random.key(seed), (width, classes))
    return Chain({"head": Dense(kernel, jax.numpy.zeros(classes))})
