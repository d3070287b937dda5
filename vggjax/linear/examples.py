"""Features of several layers and views of the same labelled images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vggjax.features import compute
from vggjax.linear.rows import Rows
from vggjax.model import Chain

BATCH = 64


@dataclass(frozen=True)
class LayerExamples:
    """Features of N labelled images at some layers: one `{layer: (N, *shape)}` for each view.

    Features are whatever is indexed by an array of integers, such as cached `vggjax.Features`;
    `labels` (N,) are integers. A training image in several views is as many examples; a new image's
    logits are the mean over its views.
    """

    views: Sequence[Mapping[str, Any]]
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that there are features of."""
        return tuple(self.views[0])

    def least(self, classes: int) -> int:
        """How many images the class with the fewest has."""
        return int(np.bincount(self.labels, minlength=classes).min())

    def chains(self, layers: Sequence[str], recipe: Rows) -> dict[str, Chain]:
        """For each of the `layers`, what makes rows of its features by a recipe."""
        return {layer: recipe.chain(self.views[0][layer]) for layer in layers}

    def rows(self, chains: Mapping[str, Chain]) -> list[np.ndarray]:
        """For each view, what `chains` make of their layers, side by side: (N, D) float32."""
        return [_side_by_side(chains, view) for view in self.views]

    def all_labels(self) -> np.ndarray:
        """The labels of the rows of all views, one view after the other."""
        return np.tile(self.labels, len(self.views))


def _side_by_side(chains: Mapping[str, Chain], features: Mapping[str, Any]) -> np.ndarray:
    rows = [compute(chain, features[layer], BATCH) for layer, chain in chains.items()]
    return rows[0] if len(rows) == 1 else np.concatenate(rows, axis=1)
