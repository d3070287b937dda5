"""What is put in the place of the part that was cut off."""

import math

import jax
from flax import nnx

from vggjax.errors import LayerError
from vggjax.model.chain import Chain
from vggjax.model.layers import Dense, Flatten


def softmax_head(feature_shape: tuple[int, ...], classes: int, seed: int = 0) -> Chain:
    """A new dense layer `head` that gives logits (B, classes) for features (B, *feature_shape).

    Features with more than one axis are flattened first, in a layer `head_flatten`. Initial
    values are Keras': Glorot-uniform kernel, zero bias. Raises LayerError for fewer than 2 classes.
    """
    if classes < 2:
        raise LayerError(f"A classifier needs at least 2 classes, not {classes}.")
    shape = (math.prod(feature_shape), classes)
    kernel = nnx.initializers.glorot_uniform()(jax.random.key(seed), shape)
    head = Dense(kernel, jax.numpy.zeros(classes))
    if len(feature_shape) > 1:
        return Chain({"head_flatten": Flatten(), "head": head})
    return Chain({"head": head})
