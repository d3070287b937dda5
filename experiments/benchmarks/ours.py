"""VGG as this project runs it."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from benchmarks.measure import Timed
from vggjax.features import compute
from vggjax.features.forward import forward_step
from vggjax.model import COMPILER_OPTIONS, Chain, in_precision, optimize_inference, parameters

# The options of reduced precision that are measured beside float32: what `in_precision` takes.
PRECISIONS = ("bfloat16",)


def forward(chain: Chain, images: np.ndarray, precision: str = "float32") -> Timed:
    """The features of one batch of uint8 images (B, H, W, 3), as its users get them."""
    return partial(compute, _chosen(chain, precision), images, batch_size=len(images))


def forward_on_device(chain: Chain, images: np.ndarray, precision: str = "float32") -> Timed:
    """The same of images that are in the accelerator's memory already."""
    chain = optimize_inference(_chosen(chain, precision))
    graph, tree = nnx.graphdef(chain), parameters(chain)
    there = jax.device_put(images)
    return lambda: np.asarray(forward_step(graph, tree, there))


def _chosen(chain: Chain, precision: str) -> Chain:
    return chain if precision == "float32" else in_precision(chain, precision)


def input_gradient(chain: Chain, images: np.ndarray, channels: np.ndarray) -> Timed:
    """The gradient of one mean activation per image, with respect to RGB (B, H, W, 3)."""
    graph, state = nnx.split(optimize_inference(chain, gradient=True))

    def apply(state: Any, x: jax.Array) -> jax.Array:
        return nnx.merge(graph, state)(x)

    return jax_gradient(apply, state, images, channels, COMPILER_OPTIONS)


def jax_gradient(
    apply: Callable[[Any, jax.Array], jax.Array],
    params: Any,
    inputs: np.ndarray,
    channels: np.ndarray,
    options: dict[str, Any] | None = None,
) -> Timed:
    """The same for any function `apply(params, x)`, with XLA's `options`, if any."""

    def activation(x: jax.Array, params: Any) -> jax.Array:
        means = apply(params, x).mean((1, 2))
        return means[np.arange(len(channels)), channels].sum()

    step = jax.jit(jax.grad(activation), compiler_options=options)
    x = jnp.asarray(inputs, jnp.float32)
    return lambda: np.asarray(step(x, params))
