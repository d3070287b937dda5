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
    own = _own_probabilities(logits, labels)
    return -jnp.log(jnp.clip(own, KERAS_EPSILON, 1 - KERAS_EPSILON))


def beyond_clip(logits: jax.Array, labels: ArrayLike) -> jax.Array:
    """1 for each example (B,) that `keras_cross_entropy` cuts off, at probabilities below 1e-7.

    As a loss for `vggjax.evaluate`, it gives the share of such examples.

    >>> beyond_clip(jnp.array([[0.0, 20.0], [0.0, 1.0]]), jnp.array([0, 0])).tolist()
    [1.0, 0.0]
    """
    return jnp.asarray(_own_probabilities(logits, labels) < KERAS_EPSILON, jnp.float32)


def _own_probabilities(logits: jax.Array, labels: ArrayLike) -> jax.Array:
    own = jnp.asarray(labels)[:, None]
    return jnp.take_along_axis(jax.nn.softmax(logits), own, axis=-1)[:, 0]
