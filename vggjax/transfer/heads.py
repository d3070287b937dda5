"""Heads on the features of any layer: made, trained and measured (report rows C5, U5, B1)."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from vggjax.data import Dataset, ImageArray, Split
from vggjax.model import Chain, count_parameters
from vggjax.model.heads import dense_head, flat_width, flattening
from vggjax.transfer.few_shot import Parts
from vggjax.transfer.losses import Loss, cross_entropy
from vggjax.transfer.statistics import standardizing
from vggjax.transfer.training import Epoch, FitConfig, Metrics, evaluate, fit

# Without it, heads on the demo set and on photographs have a higher loss on new images.
DEVIATION_FLOOR = 0.3


@dataclass(frozen=True)
class FittedHead:
    """A trained head, how its training went, and how good it is on each part."""

    head: Chain
    history: tuple[Epoch, ...]
    kept_epoch: int
    train: Metrics
    validation: Metrics
    test: Metrics
    trainable_parameters: int
    learning_rate: float
    seconds: float

    def summary(self) -> dict[str, float | int]:
        """All that a table needs, as JSON-compatible data: accuracies in 0–1, losses in nats."""
        parts = {"train": self.train, "val": self.validation, "test": self.test}
        measured = {f"{part}_accuracy": metrics.accuracy for part, metrics in parts.items()}
        measured |= {f"{part}_loss": metrics.loss for part, metrics in parts.items()}
        return {
            **measured,
            "epochs": len(self.history),
            "kept_epoch": self.kept_epoch,
            "learning_rate": self.learning_rate,
            "trainable_parameters": self.trainable_parameters,
            "seconds": self.seconds,
        }


def split_images(
    dataset: Dataset, split: Split, samples: int, size: int, resize: str
) -> tuple[ImageArray, list[np.ndarray]]:
    """The images that a split uses, and where its train, validation and test images are in them.

    `samples` is the number of training images per class, `size` and `resize` as for `ImageArray`.
    The places are what `Parts.of` takes; DataError as `Split.indices`.
    """
    indices = [split.indices(dataset, "train", samples)]
    indices += [split.indices(dataset, part) for part in ("validation", "test")]
    used = np.unique(np.concatenate(indices))
    places = [np.searchsorted(used, part) for part in indices]
    return ImageArray(dataset, used, size, resize), places


def layer_head(
    features: Any, classes: int, *, pool: bool = False, standardize: bool = False, seed: int = 0
) -> Chain:
    """A new head for a layer's training `features` (N, *shape): flattened, or pooled first.

    Layers `head_pool` (with `pool`), `head_flatten`, `head_standardize` (with `standardize`: mean
    and deviation of these very features, streamed; see `standardizing`, floor DEVIATION_FLOOR) and
    the dense `head`, the only one to train.
    Raises LayerError if the features can't be pooled, or for fewer than 2 classes.
    """
    shape = features.shape[1:]
    rows = flattening(shape, pool=pool)
    dense = dense_head(flat_width(shape, pool=pool), classes, seed)
    if not standardize:
        return rows.then(dense)
    standardize_layer = standardizing(features, rows, floor=DEVIATION_FLOOR)
    return rows.then(Chain({"head_standardize": standardize_layer})).then(dense)


def steady_rate(width: int, step: float = 0.5) -> float:
    """A learning rate of RMSprop for a dense layer of `width` standardised inputs.

    Each of RMSprop's steps moves every weight by about the rate, and all of them together move a
    logit by up to rate × width: that should be about `step`, whatever the width.
    """
    return step / width


def fit_head(
    head: Chain,
    parts: Parts,
    config: FitConfig,
    loss: Loss = cross_entropy,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> FittedHead:
    """Train the layer `head` of the chain `head` on cached features, and measure it on all parts.

    `train` metrics are those of the finished head; the history has the averages while it moved.
    """
    start = time.perf_counter()
    result = fit(
        head, parts.train, parts.validation, config, trained=["head"], loss=loss, on_epoch=on_epoch
    )
    size = config.evaluation_batch or config.batch_size
    train, validation, test = (
        evaluate(result.chain, part, size, loss)
        for part in (parts.train, parts.validation, parts.test)
    )
    return FittedHead(
        result.chain,
        result.history,
        result.kept_epoch,
        train,
        validation,
        test,
        trainable_parameters=count_parameters(Chain({"head": head["head"]})),
        learning_rate=config.learning_rate,
        seconds=round(time.perf_counter() - start, 3),
    )
