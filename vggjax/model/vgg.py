"""VGG networks as chains: the table of `config.py`, filled with parameters."""

from collections.abc import Collection
from typing import Any

from vggjax.model.chain import Chain, Parameters
from vggjax.model.config import LayerSpec, VGGConfig, layer_position, layer_table
from vggjax.model.layers import make_layer


def build_vgg(config: VGGConfig, tree: Parameters, until: str | None = None) -> Chain:
    """The VGG that `config` describes, from `preprocess` to `predictions` or to the layer `until`.

    `tree` holds the parameters `{layer: {"kernel": …, "bias": …}}`; layers after `until` need none.
    The chain maps RGB images in 0–255, (B, H, W, 3), to that layer's output; `predictions` gives
    logits (Keras' layer of that name applies a softmax to them).
    Raises LayerError for an unknown layer.
    """
    preprocess = {"mode": config.preprocessing, "image_size": config.image_size}
    layers = {}
    for spec in table_until(config, until):
        settings: dict[str, Any] = {"preprocess": preprocess, "dense": {"relu": spec.relu}}
        arrays = tree.get(spec.name, {})
        layers[spec.name] = make_layer(spec.kind, settings.get(spec.kind, {}), arrays)
    return Chain(layers)


def table_until(config: VGGConfig, until: str | None) -> tuple[LayerSpec, ...]:
    """The layer table up to and including `until` (None: all of it); LayerError if unknown."""
    table = layer_table(config)
    if until is None:
        return table
    return table[: layer_position(until, [spec.name for spec in table]) + 1]


def deepest_layer(config: VGGConfig, layers: Collection[str]) -> str:
    """The last of `layers` in the network; LayerError for an unknown one."""
    return max(layers, key=lambda name: len(table_until(config, name)))
