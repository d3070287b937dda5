"""A trained classifier as a whole: from an image to the names of classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jax import nn

from vggjax.data import decode_image
from vggjax.errors import DataError, LayerError, VggjaxError, WeightsError
from vggjax.features import compute, outputs
from vggjax.model import Chain, JointHead, chain_digest, in_precision, joint_head
from vggjax.training.saved import ClassifierInfo, load_head, save_head
from vggjax.weights import NAMES, load_vgg


@dataclass(frozen=True)
class Classifier:
    """A frozen backbone, the head trained on it, and what its outputs are called.

    A `JointHead` stands on several layers of the backbone, a `Chain` on its last. `resize` is the
    mode (see `vggjax.data.RESIZE_MODES`) in which the training images were brought to the
    network's size; it belongs to the classifier as the preprocessing belongs to the chain.
    `weights` names where the backbone came from (see `vggjax.load_vgg`), for `load`.

    >>> import vggjax
    >>> backbone, head = vggjax.load_vgg("demo", until="fc2"), vggjax.softmax_head((512,), 2)
    >>> classifier = vggjax.Classifier(backbone, head, ("cat", "dog"), weights="demo")
    >>> sorted(classifier.predict([b"P5 2 1 255 AZ"])[0])  # of a PGM file
    ['cat', 'dog']
    """

    backbone: Chain
    head: Chain | JointHead
    class_names: tuple[str, ...]
    resize: str = "crop"
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
        head = joint_head(self.head, self.backbone.names[-1])
        features = outputs(self.backbone, images, head.layers, batch_size=batch_size)
        logits = [_logits(head, rows, batch_size) for rows in features]
        return np.asarray(nn.softmax(np.concatenate(logits), axis=-1))

    def predict(self, photos: Sequence[str | Path | bytes]) -> list[dict[str, float]]:
        """For each photo (a path, or an encoded image's bytes), `{class: probability}`, best first.

        Raises DataError, naming the photo, if one can't be decoded.
        """
        sources = [Path(photo) if isinstance(photo, str) else photo for photo in photos]
        images = np.stack([decode_image(s, self.image_size, self.resize) for s in sources])
        return [
            {self.class_names[i]: float(row[i]) for i in np.argsort(-row)}
            for row in self.probabilities(images)
        ]

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
            precision=self.backbone.dtype,
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
        weights = weights or info.weights
        backbone = _backbone(folder, info, weights)
        name = "" if isinstance(weights, Chain) else str(weights)
        if chain_digest(backbone) != info.backbone:
            raise WeightsError(
                f"The weights {name or 'given'} are not those that the classifier {folder} was "
                f"trained on ({info.preprocessing}, until {info.layer}, {info.backbone[:16]}…)."
            )
        return cls(backbone, head, info.class_names, info.resize, name)


def _logits(head: JointHead, features: dict[str, np.ndarray], batch_size: int) -> np.ndarray:
    """Logits (n, classes) of rows of features of each layer."""
    first, *others = (compute(head[name], features[name], batch_size) for name in head.layers)
    return sum(others, first)


def _backbone(folder: Path, info: ClassifierInfo, weights: str | Path | Chain) -> Chain:
    """The frozen part of a saved classifier, from weights or from a network that has it."""
    if not weights:
        raise WeightsError(
            f"The classifier {folder} does not say which weights it was trained on; name them."
        )
    try:
        if isinstance(weights, Chain):
            return weights.until(info.layer)
        backbone = load_vgg(str(weights), until=info.layer)
        cast = info.precision != backbone.dtype
        return in_precision(backbone, info.precision) if cast else backbone
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
