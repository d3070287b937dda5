"""VGG as this project runs it."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from benchmarks.measure import Timed
from vggjax.features.forward import forward_step
from vggjax.model import Chain, optimize_inference, parameters


def forward(chain: Chain, images: np.ndarray) -> Timed:
    """The features of one batch of uint8 images (B, H, W, 3), run as `extract` does."""
    chain = optimize_inference(chain)
    graph, tree = nnx.graphdef(chain), parameters(chain)
    return lambda: np.asarray(forward_step(graph, tree, images))


def input_gradient(chain: Chain, images: np.ndarray, channels: np.ndarray) -> Timed:
    """The gradient of one mean activation per image, with respect to RGB (B, H, W, 3)."""
    graph, state = nnx.split(optimize_inference(chain, gradient=True))
    return jax_gradient(lambda state, x: nnx.merge(graph, state)(x), state, images, channels)


def jax_gradient(
    apply: Callable[[Any, jax.Array], jax.Array],
    params: Any,
    inputs: np.ndarray,
    channels: np.ndarray,
) -> Timed:
    """The same for any function `apply(params, x)`, with respect to its inputs (B, H, W, 3)."""

    def activation(x: jax.Array, params: Any) -> jax.Array:
        means = apply(params, x).mean((1, 2))
        return means[np.arange(len(channels)), channels].sum()

    step = jax.jit(jax.grad(activation))
    x = jnp.asarray(inputs, jnp.float32)
    return lambda: np.asarray(step(x, params))
