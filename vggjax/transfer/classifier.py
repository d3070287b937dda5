"""A trained classifier as a whole: from an image to the names of classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax import nn

from vggjax.data import decode_image
from vggjax.errors import DataError
from vggjax.model import Chain
from vggjax.transfer.training import predict


@dataclass(frozen=True)
class Classifier:
    """A frozen backbone, the head trained on it, and what its outputs are called.

    `resize` is the mode (see `vggjax.data.RESIZE_MODES`) in which the training images were brought
    to the network's size; it belongs to the classifier as the preprocessing belongs to the chain.
    """

    backbone: Chain
    head: Chain
    class_names: tuple[str, ...]
    resize: str = "bilinear"

    @property
    def image_size(self) -> int:
        """The side of the images that the backbone expects, in pixels."""
        return self.backbone["preprocess"].image_size

    def probabilities(self, images: Any, batch_size: int = 32) -> np.ndarray:
        """Class probabilities (N, classes) of `images`, (N, size, size, 3) RGB in 0–255.

        Raises DataError for images of another shape.
        """
        size = self.image_size
        if tuple(images.shape[1:]) != (size, size, 3):
            raise DataError(
                f"The classifier takes images (N, {size}, {size}, 3), not {tuple(images.shape)}."
            )
        logits = predict(self.backbone.then(self.head), images, batch_size)
        return np.asarray(jax.device_get(nn.softmax(logits, axis=-1)))

    def predict(self, photos: Sequence[str | Path | bytes]) -> list[dict[str, float]]:
        """For each photo (a path, or an encoded image's bytes), `{class: probability}`, best first.

        Raises DataError, naming the photo, if one can't be decoded.
        """
        sources = [Path(photo) if isinstance(photo, str) else photo for photo in photos]
        images = np.stack([decode_image(s, self.image_size, self.resize) for s in sources])
        return [self._ranked(row) for row in self.probabilities(images)]

    def _ranked(self, probabilities: np.ndarray) -> dict[str, float]:
        order = np.argsort(-probabilities)
        return {self.class_names[i]: float(probabilities[i]) for i in order}
