"""The question of the report's row C1: how good is a new head, given n images per class?"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from vggjax.data import Dataset, ImageArray, Split
from vggjax.model import Chain, count_parameters, output_shape, softmax_head
from vggjax.transfer.examples import Examples
from vggjax.transfer.features import extract
from vggjax.transfer.training import Epoch, FitConfig, evaluate, fit


@dataclass(frozen=True)
class Run:
    """One head, trained on `samples` images per class: accuracies in 0–1, losses in nats."""

    samples: int
    seed: int
    train_images: int
    test_accuracy: float
    test_loss: float
    val_accuracy: float
    val_loss: float
    epochs: int
    kept_epoch: int
    trainable_parameters: int
    frozen_parameters: int
    seconds: float


@dataclass(frozen=True)
class Parts:
    """The training, validation and test examples of one run."""

    train: Examples
    validation: Examples
    test: Examples

    @classmethod
    def of(cls, inputs: Any, labels: np.ndarray, *indices: np.ndarray) -> "Parts":
        """The parts at three arrays of `indices` of `inputs`, which needs a method `subset`."""
        return cls(*(Examples(inputs.subset(part), labels[part]) for part in indices))


@dataclass(frozen=True)
class Trained:
    """A run, the head that it trained, and how the training went."""

    run: Run
    head: Chain
    history: tuple[Epoch, ...]


def train_sizes(
    backbone: Chain,
    dataset: Dataset,
    split: Split,
    sizes: Iterable[int],
    config: FitConfig,
    *,
    resize: str = "bilinear",
    end_to_end: bool = False,
    on_epoch: Callable[[int, Epoch], None] | None = None,
) -> list[Trained]:
    """One head for each number of training images per class in `sizes`, each from scratch (C3).

    Features of all images that the split uses are extracted once, and shared by the sizes.
    `on_epoch` gets the number of training images per class, and the epoch that has ended.
    """
    held_out = [split.indices(dataset, part) for part in ("validation", "test")]
    train = {samples: split.indices(dataset, "train", samples) for samples in sorted(set(sizes))}
    used = np.unique(np.concatenate([*held_out, *train.values()]))
    images = ImageArray(dataset, used, backbone["preprocess"].image_size, resize)
    inputs = images if end_to_end else extract(backbone, images)
    results = []
    for samples, indices in train.items():
        places = [np.searchsorted(used, part) for part in (indices, *held_out)]
        parts = Parts.of(inputs, images.labels, *places)
        trained = train_head(
            backbone,
            parts,
            len(dataset.class_names),
            samples,
            config,
            end_to_end=end_to_end,
            on_epoch=partial(on_epoch, samples) if on_epoch else None,
        )
        results.append(trained)
    return results


def train_head(
    backbone: Chain,
    parts: Parts,
    classes: int,
    samples: int,
    config: FitConfig,
    *,
    end_to_end: bool = False,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> Trained:
    """Train a softmax head of `classes` outputs behind the frozen `backbone`, and test it.

    `parts` hold the backbone's features, or with `end_to_end` the images themselves: then the
    backbone is part of every step. Both give the same result up to rounding. The head's initial
    values and the order of the examples follow `config.seed`.
    """
    start = time.perf_counter()
    input_shape = parts.train.inputs.shape[1:]
    if end_to_end:
        head = softmax_head(output_shape(backbone, input_shape, np.uint8), classes, config.seed)
        chain = backbone.then(head)
    else:
        head = chain = softmax_head(input_shape, classes, config.seed)
    result = fit(chain, parts.train, parts.validation, config, trained=["head"], on_epoch=on_epoch)
    batch_size = config.evaluation_batch or config.batch_size
    validation = evaluate(result.chain, parts.validation, batch_size)
    test = evaluate(result.chain, parts.test, batch_size)
    run = Run(
        samples=samples,
        seed=config.seed,
        train_images=len(parts.train),
        test_accuracy=test.accuracy,
        test_loss=test.loss,
        val_accuracy=validation.accuracy,
        val_loss=validation.loss,
        epochs=len(result.history),
        kept_epoch=result.kept_epoch,
        trainable_parameters=count_parameters(head),
        frozen_parameters=count_parameters(backbone),
        seconds=round(time.perf_counter() - start, 3),
    )
    trained = result.chain.after(backbone.names[-1]) if end_to_end else result.chain
    return Trained(run, trained, result.history)
