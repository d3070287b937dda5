"""Heads on several layers of one network, whose logits are added up."""

from collections.abc import Mapping

import jax
from flax import nnx

from vggjax.errors import LayerError
from vggjax.model.chain import Chain


class JointHead(nnx.Module):
    """A head for each of some layers: (B, *shape) of each → the sum of their logits (B, classes).

    For linear heads that is one head on the layers' features side by side. Raises LayerError if
    there is none.

    >>> import numpy as np, vggjax
    >>> joint = JointHead({name: vggjax.softmax_head((4,), 3) for name in ("fc1", "fc2")})
    >>> rows = np.ones((2, 4), np.float32)
    >>> joint({"fc1": rows, "fc2": rows}).shape
    (2, 3)
    """

    def __init__(self, heads: Mapping[str, Chain]):
        if not heads:
            raise LayerError("A head needs a layer to stand on.")
        self.layers = tuple(heads)
        for layer, head in heads.items():
            setattr(self, layer, head)

    def __call__(self, features: Mapping[str, jax.Array]) -> jax.Array:
        first, *others = (self[layer](features[layer]) for layer in self.layers)
        return sum(others, first)

    def __repr__(self) -> str:
        heads = ", ".join(f"{layer}: {self[layer]!r}" for layer in self.layers)
        return f"{type(self).__name__}({heads})"

    __str__ = __repr__

    def __getitem__(self, layer: str) -> Chain:
        """The head on `layer`; raises LayerError if there is none."""
        if layer not in self.layers:
            raise LayerError(
                f"There is no head on '{layer}'; there is on {', '.join(self.layers)}."
            )
        return getattr(self, layer)


def joint_head(head: "Chain | JointHead", layer: str) -> JointHead:
    """`head` itself if it is joint already, or the only one, on `layer`."""
    return head if isinstance(head, JointHead) else JointHead({layer: head})
