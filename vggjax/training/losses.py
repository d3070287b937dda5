"""What training minimises: the cross-entropy, as it should be and as the reference had it."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

# Logits (B, classes) and labels (B,) → a loss for each example (B,), in nats.
Loss = Callable[[jax.Array, ArrayLike], jax.Array]
KERAS_EPSILON = 1e-7


def cross_entropy(logits: jax.Array, labels: ArrayLike) -> jax.Array:
    """−log softmax(logits)[label] for each example (B,), in nats."""
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels)


def keras_cross_entropy(logits: jax.Array, labels: ArrayLike) -> jax.Array:
    """The same, computed from probabilities clipped to [1e-7, 1 − 1e-7], as Keras does by default.

    So it is at most −log 1e-7 = 16.118, and an example whose class gets a smaller probability has
    no gradient: it can't be learned. This is what the reference's Table 2 shows (C5): to 0.4 %, its
    training losses are 16.118 · (1 − accuracy), that is, an example is either right or cut off.
    """
    probabilities = jnp.clip(jax.nn.softmax(logits), KERAS_EPSILON, 1 - KERAS_EPSILON)
    own = jnp.asarray(labels)[:, None]
    return -jnp.log(jnp.take_along_axis(probabilities, own, axis=-1)[:, 0])
