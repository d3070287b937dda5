"""Features of several layers and views of the same images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vggjax.features import compute
from vggjax.linear.rows import Rows
from vggjax.model import Chain

BATCH = 64


@dataclass(frozen=True)
class LayerFeatures:
    """Features of N images at some layers: one `{layer: (N, *shape)}` for each view of them.

    They are whatever is indexed by an array of integers, such as cached `vggjax.Features`. As the
    inputs of `vggjax.Examples`, a training image in several views is as many examples; a new
    image's logits are the mean over its views.
    """

    views: Sequence[Mapping[str, Any]]

    def __len__(self) -> int:
        return len(self.views[0][self.layers[0]])

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that there are features of."""
        return tuple(self.views[0])

    def subset(self, indices: np.ndarray) -> "LayerFeatures":
        """Those of the images at `indices`; cached ones are not read yet."""
        return LayerFeatures(
            [{layer: _at(own, indices) for layer, own in view.items()} for view in self.views]
        )

    def chains(self, layers: Sequence[str], recipe: Rows) -> dict[str, Chain]:
        """For each of the `layers`, what makes rows of its features by a recipe."""
        return {layer: recipe.chain(self.views[0][layer]) for layer in layers}

    def rows(self, chains: Mapping[str, Chain]) -> list[np.ndarray]:
        """For each view, what `chains` make of their layers, side by side: (N, D) float32."""
        return [_side_by_side(chains, view) for view in self.views]


def _at(features: Any, indices: np.ndarray) -> Any:
    return features.subset(indices) if hasattr(features, "subset") else features[indices]


def _side_by_side(chains: Mapping[str, Chain], features: Mapping[str, Any]) -> np.ndarray:
    rows = [compute(chain, features[layer], BATCH) for layer, chain in chains.items()]
    return rows[0] if len(rows) == 1 else np.concatenate(rows, axis=1)
