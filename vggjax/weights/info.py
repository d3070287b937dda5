"""What is known about a set of weights, and the checksums that identify them."""

import hashlib
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vggjax.model.chain import Parameters
from vggjax.model.config import VGGConfig
from vggjax.model.vgg import deepest_layer, table_until

Layers = str | Collection[str] | None  # a name, several, or all


@dataclass(frozen=True)
class WeightsInfo:
    """Where weights come from, what network they fit, and how to recognise them.

    `source` is a file name or an address, `source_sha256` that file's checksum ("" if there was no
    file); `config` includes the preprocessing the weights expect; `digests` gives each layer's
    checksum (see `layer_digest`); `notes` is free JSON, such as how they were trained.
    """

    name: str
    source: str
    source_sha256: str
    config: VGGConfig
    digests: dict[str, str]
    notes: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "WeightsInfo":
        """The description from its `asdict`; ValueError if it is none."""
        found = cls(**{**data, "config": VGGConfig.from_json(data["config"])})
        texts = (found.name, found.source, found.source_sha256, *found.digests.values())
        if not all(isinstance(text, str) for text in texts) or not isinstance(found.notes, dict):
            raise ValueError("it describes no weights")
        return found

    def identity(self, layers: Iterable[str]) -> str:
        """A hash of the parameters of `layers`, the preprocessing and the images' size: 16 digits.

        Names, sources and deeper layers don't matter: two files with the same layers are the same.
        """
        digests = {layer: self.digests.get(layer) for layer in layers}
        content = [self.config.preprocessing, self.config.image_size, digests]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def parameter_layers(config: VGGConfig, layers: Layers = None) -> tuple[str, ...]:
    """The layers with parameters until the deepest of `layers`; LayerError for an unknown one."""
    named = [layers] if isinstance(layers, str) else layers
    until = None if named is None else deepest_layer(config, named)
    return tuple(layer.name for layer in table_until(config, until) if layer.kernel)


def layer_digest(layer: dict[str, np.ndarray]) -> str:
    """SHA-256, in hex, of a layer's arrays (float32, C order): its kernel, then its bias, …"""
    digest = hashlib.sha256()
    for role in sorted(layer, reverse=True):
        digest.update(np.ascontiguousarray(layer[role], dtype="<f4").data)
    return digest.hexdigest()


def digest_layers(params: Parameters) -> dict[str, str]:
    """`layer_digest` of every layer."""
    return {name: layer_digest(layer) for name, layer in params.items()}
