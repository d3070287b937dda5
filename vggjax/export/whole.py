"""What is exported: from images to an output, in one piece."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from vggjax.data import WHOLE
from vggjax.errors import LayerError
from vggjax.model import Chain, JointHead, joint_head
from vggjax.training import Classifier


@dataclass(frozen=True)
class Whole:
    """A `backbone`, and for a classifier the head on it: images (B, side, side, 3) → output.

    The output is that of the backbone, or the classifier's probabilities (B, classes). `about`
    goes into the file.
    """

    backbone: Chain
    head: JointHead | None
    about: Mapping[str, Any]

    @classmethod
    def of(cls, network: Chain | Classifier) -> "Whole":
        """What to export of a network; LayerError if it can't be run in one piece."""
        if isinstance(network, Chain):
            if "preprocess" not in network.names:
                raise LayerError(
                    "What is exported starts with the images: take the whole chain, "
                    "not what comes after a layer of it."
                )
            return cls(network, None, {})
        if tuple(network.views) != (WHOLE,):
            raise LayerError(
                f"The classifier looks at each image in several views ({', '.join(network.views)})"
                "; train one without views to export it."
            )
        head = joint_head(network.head, network.backbone.names[-1])
        about = {"class_names": list(network.class_names), "resize": network.resize}
        return cls(network.backbone, head, about)

    @property
    def side(self) -> int:
        """The side of the images, in pixels."""
        return self.backbone.image_size

    def __call__(self, images: jax.Array) -> jax.Array:
        """The output for images (B, side, side, 3), uint8 RGB."""
        if self.head is None:
            return self.backbone(images)
        found, x = {}, images
        for name in self.backbone.names:
            x = found[name] = self.backbone[name](x)
        return jax.nn.softmax(jnp.asarray(self.head(found), jnp.float32), axis=-1)
