"""A trained classifier as a whole: from an image to the names of classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax import nn

from vggjax.data import decode_image
from vggjax.errors import DataError, LayerError, VggjaxError, WeightsError
from vggjax.model import Chain
from vggjax.transfer.digest import chain_digest
from vggjax.transfer.saved import ClassifierInfo, load_head, save_head
from vggjax.transfer.training import predict
from vggjax.weights import NAMES, load_vgg16


@dataclass(frozen=True)
class Classifier:
    """A frozen backbone, the head trained on it, and what its outputs are called.

    `resize` is the mode (see `vggjax.data.RESIZE_MODES`) in which the training images were brought
    to the network's size; it belongs to the classifier as the preprocessing belongs to the chain.
    `weights` names where the backbone came from (see `vggjax.load_vgg16`), for `load`.
    """

    backbone: Chain
    head: Chain
    class_names: tuple[str, ...]
    resize: str = "bilinear"
    weights: str = ""

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

    def save(
        self, folder: str | Path, *, overwrite: bool = False, digest: str | None = None
    ) -> None:
        """Write the head as the folder `folder`, with all but the backbone's parameters (R4).

        Of the backbone its identity is kept; `digest` is that identity where it is known, since
        to compute it (`chain_digest`) all of the parameters have to be read.
        Raises WeightsError if `folder` exists and `overwrite` is not set, or can't be written.
        """
        preprocess = self.backbone["preprocess"]
        info = ClassifierInfo(
            class_names=self.class_names,
            layer=self.backbone.names[-1],
            backbone=digest or chain_digest(self.backbone),
            preprocessing=preprocess.mode,
            image_size=preprocess.image_size,
            resize=self.resize,
            weights=_absolute(self.weights),
        )
        save_head(Path(folder), self.head, info, overwrite=overwrite)

    @classmethod
    def load(cls, folder: str | Path, weights: str | Path | Chain | None = None) -> "Classifier":
        """The classifier that `save` wrote: it gives the same numbers again.

        The backbone is loaded from `weights`, or cut off if that is a network, by default from
        where it came from. Raises WeightsError if it isn't there or isn't the one that the head
        was trained on, or if the folder is damaged.
        """
        folder = Path(folder)
        head, info = load_head(folder)
        name, backbone = _backbone(folder, info, weights)
        if chain_digest(backbone) != info.backbone:
            raise WeightsError(
                f"The weights {name or 'given'} are not those that the classifier {folder} was "
                f"trained on ({info.preprocessing}, until {info.layer}, {info.backbone[:16]}…)."
            )
        return cls(backbone, head, info.class_names, info.resize, name)

    def _ranked(self, probabilities: np.ndarray) -> dict[str, float]:
        order = np.argsort(-probabilities)
        return {self.class_names[i]: float(probabilities[i]) for i in order}


def _backbone(
    folder: Path, info: ClassifierInfo, weights: str | Path | Chain | None
) -> tuple[str, Chain]:
    """The frozen part of a saved classifier, and the name of its weights."""
    name = "" if isinstance(weights, Chain) else str(weights or info.weights)
    if not isinstance(weights, Chain) and not name:
        raise WeightsError(
            f"The classifier {folder} does not say which weights it was trained on; name them."
        )
    try:
        if isinstance(weights, Chain):
            return name, weights.until(info.layer)
        return name, load_vgg16(name, until=info.layer)
    except LayerError as error:
        raise WeightsError(
            f"The classifier {folder} needs a network with the layer {info.layer}."
        ) from error
    except VggjaxError as error:
        raise WeightsError(
            f"The weights of the classifier {folder} cannot be loaded: {error}"
        ) from error


def _absolute(weights: str) -> str:
    """A path that is found again from any folder; the names of weights stay as they are."""
    return weights if weights in ("", *NAMES) else str(Path(weights).expanduser().absolute())
