"""Workload b: the whole few-shot job, from JPEG files to test accuracy."""

import os
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks import keras
from benchmarks.inputs import Network, Sizes, rendered_tree
from benchmarks.measure import Timed, checked_error, take_turns
from benchmarks.results import Comparison, Row
from vggjax.data import ImageArray, load_folder, make_split
from vggjax.features import compute, extract
from vggjax.model import softmax_head
from vggjax.training import FitConfig, Parts, split_parts, train_head, used_images

_OURS, _KERAS = "this project", "Keras 3 on JAX"
_NOTES = {
    "cold": (
        "decoding, features, training and test, compilation included, importing not; once",
        "Keras: `fit` on the frozen network, end to end, validating each epoch, on images already "
        "decoded; its compilation is not counted",
    ),
    "warm": ("the features are found in the cache, the programs are compiled",),
}


class Job:
    """A data set with its split, and the network in front of the new head."""

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes
        self.network = Network.random(sizes.network)
        self.backbone = self.network.chain()
        self.head = softmax_head((sizes.network.hidden,), sizes.classes, start="glorot")
        folder = rendered_tree(sizes.classes, sizes.samples + 2 * sizes.held_out)
        self.dataset = load_folder(folder, name="rendered", demo=True)
        counts = sizes.samples, sizes.held_out, sizes.held_out
        self.split = make_split(self.dataset, *counts, seed=0)
        self.used = used_images(self.dataset, [self.split])

    def images(self) -> ImageArray:
        """The images that the split uses, at the network's size."""
        return ImageArray(self.dataset, self.used, self.network.config.image_size, "nearest")

    def parts(self, inputs: Any) -> Parts:
        """The split's parts of these images, or of `inputs` made from them."""
        return split_parts(inputs, self.dataset, self.used, self.split)

    def run(self) -> None:
        """The job as `experiments/caltech.py` does it."""
        parts = self.parts(extract(self.backbone, self.images()))
        config = FitConfig(self.sizes.epochs, self.sizes.batch, evaluation_batch=256)
        train_head(self.head, parts, config, {}, backbone=self.backbone)


def few_shot(sizes: Sizes) -> list[Comparison]:
    """With a cold cache and a warm one, against an estimate of Keras' loop from parts of it."""
    job = Job(sizes)
    try:
        pieces, skipped = keras_pieces(job), ""
    except ImportError as error:
        pieces, skipped = {}, f"can't run here: {error}"
    with (
        TemporaryDirectory(prefix="vggjax-") as folder,
        patch.dict(os.environ, VGGJAX_CACHE=folder),
    ):
        cold = take_turns({_OURS: job.run}, rounds=1)[_OURS]
        job.run()
        seconds = take_turns({_OURS: job.run, **pieces}, sizes.rounds)
    theirs = Row(_KERAS, skipped=skipped) if skipped else _keras_row(sizes, seconds)
    counts = f"{sizes.samples} + {sizes.held_out} + {sizes.held_out}"
    work = f"{sizes.classes} classes x {counts}, {sizes.epochs} epochs"
    comparisons = []
    for cache, own in (("cold", cold), ("warm", seconds[_OURS])):
        title = f"few-shot job, {cache} cache: {work}"
        rows = Row(_OURS, own, ours=True), theirs
        comparisons.append(Comparison(f"b {cache}", title, rows, notes=_NOTES[cache]))
    return comparisons


def keras_pieces(job: Job) -> dict[str, Timed]:
    """A few steps of Keras' training and of its evaluation, compiled, checked and ready to time."""
    parts, count = job.parts(job.images()), job.sizes.batch * job.sizes.keras_batches
    model = keras.classifier(job.network, np.asarray(job.head["head"].kernel[...]))
    images, held_out = parts.train.inputs[:count], parts.validation.inputs[:count]
    x, held_out_x = job.network.prepared(images), job.network.prepared(held_out)
    options: dict[str, Any] = {"batch_size": job.sizes.batch, "verbose": 0}
    ours = compute(job.backbone.then(job.head), images[: job.sizes.batch])
    checked_error(_KERAS, model.predict(x[: job.sizes.batch], **options), ours, 1e-4)
    labels, held_out_labels = parts.train.labels[:count], parts.validation.labels[:count]
    pieces = {
        "fit": lambda: model.fit(x, labels, epochs=1, **options),
        "evaluate": lambda: model.evaluate(held_out_x, held_out_labels, **options),
    }
    for piece in pieces.values():  # compiles
        piece()
    return pieces


def _keras_row(sizes: Sizes, seconds: dict[str, tuple[float, ...]]) -> Row:
    """The whole of Keras' job, from the seconds per image of its pieces."""
    train, held_out = sizes.samples * sizes.classes, sizes.held_out * sizes.classes
    timed = [min(sizes.batch * sizes.keras_batches, images) for images in (train, held_out)]
    whole = tuple(
        sizes.epochs * train * fit / timed[0] + (sizes.epochs + 1) * held_out * evaluate / timed[1]
        for fit, evaluate in zip(seconds["fit"], seconds["evaluate"], strict=True)
    )
    note = (
        f"timed on {timed[0]} + {timed[1]} images, multiplied to {sizes.epochs} epochs of "
        f"{train} + {held_out} and {held_out} tested"
    )
    return Row(_KERAS, whole, note=note)
