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
    """Features of N images at some layers, in some views: `{view: {layer: (N, *shape)}}`.

    That is what `vggjax.features.extract_views` gives; the features are whatever is indexed by an
    array of integers, such as cached ones. As the inputs of `vggjax.Examples`, a training image in
    several views is as many examples; a new image's logits are the mean over its views.
    """

    views: Mapping[Any, Mapping[str, Any]]

    def __len__(self) -> int:
        return len(self.first[self.layers[0]])

    @property
    def first(self) -> Mapping[str, Any]:
        """The features of the first view, by layer."""
        return next(iter(self.views.values()))

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that there are features of."""
        return tuple(self.first)

    def subset(self, indices: np.ndarray) -> "LayerFeatures":
        """Those of the images at `indices`; cached ones are not read yet."""
        return LayerFeatures(
            {
                view: {layer: _at(rows, indices) for layer, rows in own.items()}
                for view, own in self.views.items()
            }
        )

    def chains(self, layers: Sequence[str], recipe: Rows) -> dict[str, Chain]:
        """For each of the `layers`, what makes rows of its features by a recipe."""
        return {layer: recipe.chain(self.first[layer]) for layer in layers}

    def rows(self, chains: Mapping[str, Chain]) -> list[np.ndarray]:
        """For each view, what `chains` make of their layers, side by side: (N, D) float32."""
        return [_side_by_side(chains, own) for own in self.views.values()]


def _at(features: Any, indices: np.ndarray) -> Any:
    return features.subset(indices) if hasattr(features, "subset") else features[indices]


def _side_by_side(chains: Mapping[str, Chain], features: Mapping[str, Any]) -> np.ndarray:
    rows = [compute(chain, features[layer], BATCH) for layer, chain in chains.items()]
    return rows[0] if len(rows) == 1 else np.concatenate(rows, axis=1)
