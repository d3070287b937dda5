"""A trained classifier as a whole: from an image to the names of classes."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import softmax

from vggjax.data import WHOLE
from vggjax.data.images import check_resize
from vggjax.data.views import view_called
from vggjax.errors import DataError, LayerError, VggjaxError, WeightsError, visible
from vggjax.features import branch_outputs, compute, outputs
from vggjax.files import user_path
from vggjax.model import (
    Chain,
    JointHead,
    chain_digest,
    dense_layers,
    in_precision,
    joint_head,
    output_shape,
)
from vggjax.training.photos import Photos, gather
from vggjax.training.prediction import Prediction
from vggjax.training.saved import ClassifierInfo, load_head, save_head
from vggjax.weights import NAMES, load_vgg, weights_identity

FEW = 16  # photos; fewer are computed one by one, more in batches of BATCH
BATCH, HEAD_BATCH = 32, 256


@dataclass(frozen=True, repr=False)
class Classifier:
    """A frozen backbone, the head trained on it, and what its outputs are called.

    A `JointHead` stands on several layers of the backbone, a `Chain` on its last. `resize` is the
    mode (see `vggjax.data.RESIZE_MODES`) in which the training images were brought to the
    network's size, `views` (see `vggjax.data.VIEWS`) are those whose logits are averaged; both
    belong to the classifier as the preprocessing belongs to the chain. `weights` names where the
    backbone came from (see `vggjax.load_vgg`), for `load`. A prediction is sure if its probability
    is `sure_above` (0–1) or more, and never if that is 1; `about` is what else is known, such as
    its test accuracy. Raises DataError for names that don't fit the head, LayerError for a head
    that doesn't fit the backbone.

    >>> import vggjax
    >>> backbone, head = vggjax.load_vgg("demo", until="fc2"), vggjax.softmax_head((512,), 2)
    >>> classifier = vggjax.Classifier(backbone, head, ("cat", "dog"), weights="demo")
    >>> classifier.predict(b"P5 2 1 255 AZ")  # the bytes of a PGM file
    Prediction(cat 50.0 %, dog 50.0 %)
    """

    backbone: Chain
    head: Chain | JointHead
    class_names: tuple[str, ...]
    resize: str = "crop"
    weights: str = ""
    views: tuple[str, ...] = (WHOLE,)
    sure_above: float = 0.0
    about: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "class_names", tuple(self.class_names))
        check_resize(self.image_size, self.resize)
        for view in self.views:
            view_called(view)
        outputs = _outputs(self.backbone, joint_head(self.head, self.backbone.names[-1]))
        check_names(self.class_names, outputs)

    def __repr__(self) -> str:
        names = ", ".join(map(visible, self.class_names[:3])) + ", …" * (len(self.class_names) > 3)
        layers = " + ".join(joint_head(self.head, self.backbone.names[-1]).layers)
        weights = f", {self.weights} weights" if self.weights else ""
        return f"Classifier({len(self.class_names)} classes: {names}; head on {layers}{weights})"

    @property
    def image_size(self) -> int:
        """The side of the images that the backbone expects, in pixels."""
        return self.backbone.image_size

    @cached_property
    def _dense(self) -> dict[int, dict[str, Chain]]:
        """The chains for larger images by their size, kept so that they are prepared once."""
        return {}

    def probabilities(self, images: Any, view: str = WHOLE) -> np.ndarray:
        """Class probabilities (N, classes) of `images`, (N, size, size, 3) RGB in 0–255.

        They are those of one `view`, at its size. Raises DataError for images of another shape.
        """
        return softmax(self.logits(images, view), axis=-1)

    def logits(self, images: Any, view: str = WHOLE) -> np.ndarray:
        """The same before the softmax."""
        size = view_called(view).side(self.image_size)
        if tuple(images.shape[1:]) != (size, size, 3):
            raise DataError(
                f"The classifier takes images (N, {size}, {size}, 3), not {tuple(images.shape)}."
            )
        batch = 1 if len(images) < FEW else BATCH
        head = joint_head(self.head, self.backbone.names[-1])
        rows = self._features(images, head.layers, size, batch)
        first, *others = (compute(head[name], rows[name], HEAD_BATCH) for name in head.layers)
        return sum(others, first)

    def predict(self, photos: Any) -> Any:
        """What the classifier says of one photo, a `Prediction`, or of several, a list of them.

        A photo is a path, an encoded image's bytes, a PIL image or a uint8 array (H, W, 3); several
        are a list, an array (N, H, W, 3), or the path of a folder with images. Raises DataError,
        naming the photo, for anything else and for what can't be decoded.
        """
        given = gather(photos)
        told = [each for batch in self.predictions(given) for each in batch]
        return told[0] if given.single else told

    def predictions(self, photos: Photos) -> Iterator[list[Prediction]]:
        """Those of some photos, batch by batch."""
        for start in range(0, len(photos), BATCH):
            part = photos[start : start + BATCH]
            logits = np.mean([self._seen(part, view) for view in self.views], axis=0)
            yield [self._prediction(row) for row in softmax(logits, axis=-1)]

    def _seen(self, photos: Photos, view: str) -> np.ndarray:
        """The logits of some photos in one view."""
        return self.logits(photos.decoded(self.image_size, self.resize, view), view)

    def _prediction(self, row: np.ndarray) -> Prediction:
        named = {self.class_names[i]: float(row[i]) for i in np.argsort(-row, kind="stable")}
        sure = self.sure_above < 1 and row.max() >= self.sure_above  # at 1, nothing is sure
        return Prediction(named, bool(sure))

    def _features(
        self, images: Any, layers: Sequence[str], size: int, batch: int
    ) -> dict[str, np.ndarray]:
        """The features (n, *shape) of each of the layers."""
        if size == self.image_size:
            passes = outputs(self.backbone, images, layers, batch_size=batch)
        else:
            if size not in self._dense:
                self._dense[size] = dense_layers(self.backbone, layers, size)
            passes = branch_outputs(self._dense[size], images, batch_size=batch)
        found = list(passes)
        return {name: np.concatenate([each[name] for each in found]) for name in layers}

    def save(
        self, folder: str | Path, *, overwrite: bool = False, digest: str | None = None
    ) -> None:
        """Write the head as the folder `folder`, with all but the backbone's parameters (R4).

        Of the backbone its identity is kept; `digest` is that identity where it is known, since
        to compute it (`chain_digest`) all of the parameters have to be read.
        Raises WeightsError if `folder` exists and `overwrite` is not set, if it can't be written,
        and if the backbone isn't, or is no longer, what `weights` names.
        """
        if digest is None:
            digest = chain_digest(self.backbone)
            self._require_named(digest)
        preprocess = self.backbone["preprocess"]
        info = ClassifierInfo(
            class_names=self.class_names,
            layer=self.backbone.names[-1],
            backbone=digest,
            preprocessing=preprocess.mode,
            image_size=preprocess.image_size,
            resize=self.resize,
            precision=self.backbone.dtype,
            weights=_absolute(self.weights),
            views=self.views,
            sure_above=self.sure_above,
            about=self.about,
        )
        save_head(Path(folder), self.head, info, overwrite=overwrite)

    def _require_named(self, digest: str) -> None:
        """Raise WeightsError if the weights that are named, where they are here, are others."""
        last, mode = self.backbone.names[-1], self.backbone["preprocess"].mode
        try:
            if not self.weights or weights_identity(self.weights, last) in (None, "random"):
                return
            named = _computing_in(self.backbone.dtype, _network(self.weights, last, mode))
        except VggjaxError:  # they are not here now
            return
        if chain_digest(named) != digest:
            raise WeightsError(
                f"The backbone is not what the weights {self.weights} give until {last}: leave "
                "`weights` out, and give the network itself to Classifier.load."
            )

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
        names, known = info.class_names, (info.views, info.sure_above, info.about)
        return cls(backbone, head, names, info.resize, name, *known)


def _network(weights: str, until: str, preprocessing: Any) -> Chain:
    """The network of that name or file; a file may not say itself what it expects of images."""
    is_file = weights not in NAMES and user_path(weights).is_file()
    return load_vgg(weights, until, preprocessing=preprocessing if is_file else None)


def check_names(names: Sequence[str], outputs: int) -> None:
    """Raise DataError unless there is a name for each of a head's outputs, and none twice."""
    if any(not isinstance(name, str) for name in names):
        raise DataError("The names of classes must be strings.")
    if len(names) != outputs:
        raise DataError(
            f"The head tells {outputs} classes apart, but there are {len(names)} names."
        )
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise DataError(f"Two classes are called {twice[0]!r}; give each its own name.")


def _outputs(backbone: Chain, head: JointHead) -> int:
    """How many classes a head tells apart; LayerError if it doesn't fit the backbone."""
    size = backbone.image_size
    for layer in head.layers:
        shape = output_shape(backbone.until(layer), (size, size, 3), np.uint8)
        try:
            (classes,) = output_shape(head[layer], shape)
        except (TypeError, ValueError, LayerError) as error:
            given = " by ".join(map(str, shape))
            raise LayerError(
                f"The head does not fit the layer {layer}, whose output is {given} for images of "
                f"{size} pixels; was it trained on another layer or at another size?"
            ) from error
    return int(classes)


def _backbone(folder: Path, info: ClassifierInfo, weights: str | Path | Chain) -> Chain:
    """The frozen part of a saved classifier, from weights or from a network that has it."""
    if not weights:
        raise WeightsError(
            f"The classifier {folder} does not say which weights it was trained on; name them."
        )
    try:
        if isinstance(weights, Chain):
            return weights.until(info.layer)
        named = _network(str(weights), info.layer, info.preprocessing)
        return _computing_in(info.precision, named)
    except LayerError as error:
        raise WeightsError(
            f"The classifier {folder} needs a network with the layer {info.layer}."
        ) from error
    except VggjaxError as error:
        raise WeightsError(
            f"The weights of the classifier {folder} cannot be loaded: {error}"
        ) from error


def _computing_in(precision: str, chain: Chain) -> Chain:
    return chain if precision == chain.dtype else in_precision(chain, precision)


def _absolute(weights: str) -> str:
    """A path that is found again from any folder; the names of weights stay as they are."""
    return weights if weights in ("", *NAMES) else str(user_path(weights).absolute())
