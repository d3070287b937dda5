"""VGG networks as chains: the table of `config.py`, filled with parameters."""

from typing import Any

import jax.numpy as jnp
from flax import nnx

from vggjax.errors import LayerError
from vggjax.model.chain import Chain, Parameters
from vggjax.model.config import LayerSpec, VGGConfig, layer_table
from vggjax.model.layers import Convolution, Dense, Flatten, MaxPool, Preprocess


def build_vgg(config: VGGConfig, tree: Parameters, until: str | None = None) -> Chain:
    """The VGG that `config` describes, from `preprocess` to `predictions` or to the layer `until`.

    `tree` holds the parameters `{layer: {"kernel": …, "bias": …}}`; layers after `until` need none.
    The chain maps RGB images in 0–255, (B, H, W, 3), to that layer's output; `predictions` gives
    logits (Keras' layer of that name applies a softmax to them).
    Raises LayerError for an unknown layer.
    """
    layers = {spec.name: spec for spec in table_until(config, until)}
    return Chain({name: _layer(spec, config, tree.get(name, {})) for name, spec in layers.items()})


def table_until(config: VGGConfig, until: str | None) -> tuple[LayerSpec, ...]:
    """The layer table up to and including `until` (None: all of it); LayerError if unknown."""
    table = layer_table(config)
    names = [spec.name for spec in table]
    if until is None:
        return table
    if until not in names:
        raise LayerError(f"There is no layer '{until}'; the layers are {', '.join(names)}.")
    return table[: names.index(until) + 1]


def _layer(spec: LayerSpec, config: VGGConfig, arrays: dict[str, Any]) -> nnx.Module:
    if spec.kind == "preprocess":
        return Preprocess(config.preprocessing, config.image_size)
    if spec.kind == "pool":
        return MaxPool()
    if spec.kind == "flatten":
        return Flatten()
    kernel, bias = jnp.asarray(arrays["kernel"]), jnp.asarray(arrays["bias"])
    if spec.kind == "convolution":
        return Convolution(kernel, bias)
    return Dense(kernel, bias, relu=spec.relu)
