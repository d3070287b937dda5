"""VGG from plain Flax NNX layers, as a tutorial writes it, and that of the package flaxmodels."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from benchmarks.measure import Skip
from benchmarks.networks import Network, activation
from vggjax.model import VGGConfig


def forward(network: Network, x: np.ndarray) -> Callable[[], np.ndarray]:
    """The output of plain NNX layers for preprocessed images (B, H, W, 3)."""
    graph, state = nnx.split(_network(network))
    step = jax.jit(lambda state, x: nnx.merge(graph, state)(x))
    return lambda: np.asarray(step(state, x))


def input_gradient(
    network: Network, x: np.ndarray, channels: np.ndarray
) -> Callable[[], np.ndarray]:
    """The gradient of one mean activation per image, with respect to RGB (B, H, W, 3)."""
    graph, state = nnx.split(_network(network))
    step = jax.jit(jax.grad(lambda x, state: activation(nnx.merge(graph, state)(x), channels)))
    inputs = jnp.asarray(x)
    return lambda: np.asarray(step(inputs, state))[..., ::-1]


def flaxmodels_forward(network: Network, x: np.ndarray) -> Callable[[], np.ndarray]:
    """The output of flaxmodels' VGG16 (0.1.3), with these weights instead of its download.

    Its sizes are fixed; its first dense layer expects (C, H, W) order, as PyTorch's.
    """
    import flaxmodels

    if network.config != VGGConfig():
        raise Skip("its VGG16 has one size only")
    model = flaxmodels.VGG16(output="activations", pretrained=None, normalize=False)
    variables = {"params": _flaxmodels_parameters(network)}
    output = _flaxmodels_name(network.layer).replace("conv", "relu").replace("fc", "relu")
    step = jax.jit(lambda variables, x: model.apply(variables, x, train=False)[output])
    return lambda: np.asarray(step(variables, x))


def _network(network: Network) -> nnx.Sequential:
    layers: list[Callable[..., Any]] = []
    for spec in network.table:
        layers.append(_layer(spec.kind, network.params.get(spec.name, {})))
        layers += [nnx.relu] if spec.relu else []
    return nnx.Sequential(*layers)


def _layer(kind: str, arrays: dict[str, np.ndarray]) -> Callable[..., Any]:
    if kind == "pool":
        return partial(nnx.max_pool, window_shape=(2, 2), strides=(2, 2))
    if kind == "flatten":
        return lambda x: x.reshape(x.shape[0], -1)
    kernel = arrays["kernel"]
    options: dict[str, Any] = {
        "kernel_init": lambda *_: jnp.asarray(kernel),
        "bias_init": lambda *_: jnp.asarray(arrays["bias"]),
        "rngs": nnx.Rngs(0),
    }
    if kind == "convolution":
        return nnx.Conv(kernel.shape[2], kernel.shape[3], (3, 3), padding="SAME", **options)
    return nnx.Linear(*kernel.shape, **options)


def _flaxmodels_parameters(network: Network) -> dict[str, dict[str, Any]]:
    unused = {"kernel": jnp.zeros((4096, 1000)), "bias": jnp.zeros(1000)}
    params = {_flaxmodels_name(name): dict(arrays) for name, arrays in network.params.items()}
    if "fc6" in params:
        rows = params["fc6"]["kernel"].reshape(7, 7, 512, -1)
        params["fc6"]["kernel"] = rows.transpose(2, 0, 1, 3).reshape(25088, -1)
    params = jax.tree.map(jnp.asarray, params)
    return {"fc8": unused, **params}


def _flaxmodels_name(layer: str) -> str:
    """`block1_conv2` is conv1_2 there, `fc1` and `fc2` are fc6 and fc7."""
    if layer.startswith("fc"):
        return f"fc{int(layer[2:]) + 5}"
    return layer.replace("block", "conv").replace("_conv", "_")
