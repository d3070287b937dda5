"""VGG from plain Flax NNX layers, and that of the package flaxmodels."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from benchmarks.inputs import LAYER, Functions, Network
from benchmarks.measure import Skip, Timed
from benchmarks.ours import jax_gradient
from vggjax.model import Parameters, VGGConfig


def forward(network: Network, x: np.ndarray) -> Timed:
    """The output of plain NNX layers for preprocessed images (B, H, W, 3)."""
    params = jax.tree.map(jnp.asarray, network.params)
    step = jax.jit(partial(_apply, network))
    return lambda: np.asarray(step(params, x))


def input_gradient(network: Network, x: np.ndarray, channels: np.ndarray) -> Timed:
    """The gradient of one mean activation per image, with respect to RGB (B, H, W, 3)."""
    params = jax.tree.map(jnp.asarray, network.params)
    gradient = jax_gradient(partial(_apply, network), params, x, channels)
    return lambda: gradient()[..., ::-1]


def flaxmodels_forward(network: Network, x: np.ndarray) -> Timed:
    """The output of flaxmodels' VGG16 (0.1.3), with these weights instead of its download.

    Its sizes are fixed; its first dense layer expects (C, H, W) order, as PyTorch's.
    """
    import flaxmodels

    if network.config != VGGConfig() or network.layer != LAYER:
        raise Skip("its VGG16 has one size only")
    model = flaxmodels.VGG16(output="activations", pretrained=None, normalize=False)
    variables = {"params": _flaxmodels_parameters(network)}
    step = jax.jit(lambda variables, x: model.apply(variables, x, train=False)["relu7"])
    return lambda: np.asarray(step(variables, x))


def _apply(network: Network, params: Parameters, x: jax.Array) -> jax.Array:
    return network.apply(x, _FUNCTIONS, params)


def _layer(make: Callable[..., Any], x: jax.Array, kernel: jax.Array, bias: jax.Array) -> jax.Array:
    layer = make(
        *kernel.shape[-2:],
        kernel_init=lambda *_: kernel,
        bias_init=lambda *_: bias,
        rngs=nnx.Rngs(0),
    )
    return layer(x)


_FUNCTIONS: Functions = {
    "convolution": partial(_layer, partial(nnx.Conv, kernel_size=(3, 3))),
    "pool": partial(nnx.max_pool, window_shape=(2, 2), strides=(2, 2)),
    "flatten": lambda x: x.reshape(len(x), -1),
    "dense": partial(_layer, nnx.Linear),
    "relu": nnx.relu,
}


def _flaxmodels_parameters(network: Network) -> Parameters:
    """`block1_conv2` is conv1_2 there, `fc1` and `fc2` are fc6 and fc7."""
    params = {"fc8": {"kernel": jnp.zeros((4096, 1000)), "bias": jnp.zeros(1000)}}  # unused
    for name, arrays in network.params.items():
        theirs = name.replace("block", "conv").replace("_conv", "_")
        params[{"fc1": "fc6", "fc2": "fc7"}.get(name, theirs)] = jax.tree.map(jnp.asarray, arrays)
    rows = params["fc6"]["kernel"].reshape(7, 7, 512, -1)
    params["fc6"]["kernel"] = rows.transpose(2, 0, 1, 3).reshape(25088, -1)
    return params
