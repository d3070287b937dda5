"""Workload b: the whole few-shot job, from JPEG files to test accuracy."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks import keras_arm, networks
from benchmarks.distances import largest_error
from benchmarks.measure import Skip, check_error, take_turns
from benchmarks.networks import Network
from benchmarks.pictures import rendered_tree
from benchmarks.results import Comparison, Row
from benchmarks.sizes import Sizes
from vggjax.data import Dataset, ImageArray, Split, load_folder, make_split
from vggjax.model import Chain, output_shape, softmax_head
from vggjax.transfer import FitConfig, train_sizes

_RESIZE = "nearest"
_OURS, _KERAS = "this project", "Keras 3 on JAX"
_NOTES = {
    "cold": (
        "decoding, features, training and test, compilation included, importing not; once",
        "Keras: `fit` on the frozen network, end to end, validating each epoch, on images already "
        "decoded; its compilation is not counted",
    ),
    "warm": ("the features are found in the cache, the programs are compiled",),
}


@dataclass(frozen=True)
class Job:
    """A data set with its split, and the network in front of the new head."""

    sizes: Sizes
    network: Network
    backbone: Chain
    dataset: Dataset
    split: Split

    def images(self, part: str) -> ImageArray:
        """The images of a part of the split."""
        chosen = self.split.indices(self.dataset, part)
        return ImageArray(self.dataset, chosen, self.network.config.image_size, _RESIZE)

    def run(self) -> None:
        """The job as `experiments/caltech.py` does it."""
        sizes = self.sizes
        config = FitConfig(epochs=sizes.epochs, batch_size=sizes.batch, evaluation_batch=256)
        sample = [sizes.samples]
        train_sizes(self.backbone, self.dataset, self.split, sample, config, resize=_RESIZE)


def few_shot(sizes: Sizes) -> list[Comparison]:
    """With a cold cache and a warm one, against an estimate of Keras' loop from parts of it."""
    job = _job(sizes)
    try:
        pieces = keras_pieces(job)
        skipped = ""
    except (ImportError, Skip) as error:
        pieces, skipped = {}, f"can't run here: {error}"
    with TemporaryDirectory(prefix="vggjax-") as scratch, _cache(Path(scratch)):
        cold = take_turns({_OURS: job.run}, rounds=1)[_OURS]
        job.run()
        seconds = take_turns({_OURS: job.run, **pieces}, sizes.rounds)
    keras = Row(_KERAS, skipped=skipped) if skipped else _keras_row(job, seconds)
    return [
        _comparison(job, "cold", Row(_OURS, cold, ours=True), keras),
        _comparison(job, "warm", Row(_OURS, seconds[_OURS], ours=True), keras),
    ]


def keras_pieces(job: Job) -> dict[str, Callable[[], Any]]:
    """A few steps of Keras' training and of its evaluation, compiled, checked and ready to time."""
    shape = output_shape(job.backbone, job.images("test").shape[1:], np.uint8)
    head = softmax_head(shape, job.sizes.classes)
    model = keras_arm.classifier(job.network, np.asarray(head["head"].kernel[...]))
    images, labels = _first(job, "train")
    x = networks.prepared(job.backbone, images)
    ours = networks.forward(job.backbone.then(head), images[: job.sizes.batch])()
    theirs = model.predict(x[: job.sizes.batch], batch_size=job.sizes.batch, verbose=0)
    check_error(_KERAS, largest_error(theirs, ours), 1e-4)
    held_out, held_out_labels = _first(job, "validation")
    held_out = networks.prepared(job.backbone, held_out)
    options = {"batch_size": job.sizes.batch, "verbose": 0}
    pieces = {
        "fit": lambda: model.fit(x, labels, epochs=1, **options),
        "evaluate": lambda: model.evaluate(held_out, held_out_labels, **options),
    }
    for piece in pieces.values():  # compiles
        piece()
    return pieces


def _job(sizes: Sizes) -> Job:
    per_class = sizes.samples + 2 * sizes.held_out
    folder = rendered_tree(sizes.classes, per_class)
    dataset = load_folder(folder, name="rendered", demo=True)
    split = make_split(dataset, sizes.samples, sizes.held_out, sizes.held_out, seed=0)
    network = Network.random(sizes.network, sizes.layer)
    return Job(sizes, network, network.chain(), dataset, split)


def _first(job: Job, part: str) -> tuple[np.ndarray, np.ndarray]:
    """The first images of a part, as many whole batches as there are to time, and their labels."""
    images = job.images(part)
    count = min(job.sizes.batch * job.sizes.keras_batches, len(images))
    return images[:count], images.labels[:count]


def _keras_row(job: Job, seconds: dict[str, tuple[float, ...]]) -> Row:
    """The whole of Keras' job, from the seconds per image of its pieces."""
    sizes = job.sizes
    train, held_out = sizes.samples * sizes.classes, sizes.held_out * sizes.classes
    timed = len(_first(job, "train")[0]), len(_first(job, "validation")[0])
    whole = tuple(
        sizes.epochs * (train * fit / timed[0] + held_out * evaluate / timed[1])
        + held_out * evaluate / timed[1]
        for fit, evaluate in zip(seconds["fit"], seconds["evaluate"], strict=True)
    )
    note = (
        f"timed on {timed[0]} + {timed[1]} images, multiplied to {sizes.epochs} epochs of "
        f"{train} + {held_out} and {held_out} tested"
    )
    return Row(_KERAS, whole, note=note)


def _comparison(job: Job, cache: str, ours: Row, keras: Row) -> Comparison:
    sizes = job.sizes
    counts = f"{sizes.samples} + {sizes.held_out} + {sizes.held_out}"
    title = (
        f"few-shot job, {cache} cache: {sizes.classes} classes x {counts}, {sizes.epochs} epochs"
    )
    return Comparison(f"b {cache}", title, (ours, keras), notes=_NOTES[cache])


@contextmanager
def _cache(folder: Path) -> Iterator[None]:
    """A cache of its own for the features, empty at first."""
    with patch.dict(os.environ, VGGJAX_CACHE=str(folder)):
        yield
