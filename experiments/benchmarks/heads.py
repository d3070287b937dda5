"""Workload `heads`: an epoch of training a softmax head on wide features, on disk and in memory."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.inputs import Sizes
from benchmarks.measure import Arm, Timed, compare
from benchmarks.pytorch import prepared_torch
from benchmarks.rates import memory_read_rate
from benchmarks.results import Comparison
from vggjax.features import Examples, Features
from vggjax.features.cache import FeatureStore
from vggjax.features.devices import data_mesh
from vggjax.model import softmax_head
from vggjax.training import FitConfig, cross_entropy, keras1_rmsprop, steady_rate
from vggjax.training.optimizer import layer_labels
from vggjax.training.run import Training

_TOLERANCE = 1e-3  # of the first epoch's mean loss
_SEED = 0
# Of the head's kernel in a step: read for the logits; its gradient written; gradient, kernel and
# mean square read by the optimizer, the latter two written.
_KERNEL_PASSES = 7
_ABOUT = (
    "one epoch in random order; output: its mean loss, compared for the first one",
    "all start at zero; RMSprop by PyTorch's formula (here: vggjax.training.keras1_rmsprop)",
    "files are in the system's memory: read once before",
)


def heads(sizes: Sizes) -> Iterator[Comparison]:
    """Some widths of features, in some batch sizes."""
    reading = memory_read_rate()
    for width, rows in sizes.heads:
        with TemporaryDirectory(prefix="vggjax-") as folder:
            files = Files.written(Path(folder), width, rows, sizes.classes)
            for batch in sizes.head_batches:
                yield _in_batches(sizes, files, batch, reading)


class Files:
    """The same features in memory, in our cache's form and as a NumPy file; and labels."""

    def __init__(self, array: np.ndarray, kept: Features, mapped: np.ndarray, labels: np.ndarray):
        self.array, self.kept, self.mapped, self.labels = array, kept, mapped, labels

    @classmethod
    def written(cls, folder: Path, width: int, rows: int, classes: int) -> "Files":
        """Features such as follow a ReLU (rows, width), one class after the other."""
        rng = np.random.default_rng(_SEED)
        array = np.maximum(rng.standard_normal((rows, width), np.float32), 0)
        store = FeatureStore(folder / "features", (width,), array.dtype)
        keys = np.zeros((rows, 32), np.uint8)
        keys[:, :4] = np.arange(rows, dtype="<u4")[:, None].view(np.uint8)
        writer = store.writer(keys)
        writer.write(array)
        writer.close()
        store.refresh()
        np.save(folder / "features.npy", array)
        mapped = np.load(folder / "features.npy", mmap_mode="r")
        return cls(array, store.select(keys), mapped, np.arange(rows, dtype=np.int32) % classes)


def _in_batches(sizes: Sizes, files: Files, batch: int, reading: float) -> Comparison:
    (rows, width), classes = files.array.shape, sizes.classes
    ours = partial(_our_epoch, files.labels, classes, batch)
    theirs = partial(_their_epoch, files.labels, classes, batch)
    arms = [
        Arm("this project, on disk", partial(ours, files.kept), ours=True),
        Arm("this project, in memory", partial(ours, files.array), _TOLERANCE, ours=True),
        Arm("PyTorch, on disk (mapped)", partial(theirs, files.mapped), _TOLERANCE),
        Arm("PyTorch, in memory", partial(theirs, files.array), _TOLERANCE),
    ]
    steps = -(-rows // batch)
    moved = files.array.nbytes + steps * _KERNEL_PASSES * 4 * width * classes
    title = (
        f"head on {rows:,} x {width:,} features, {classes} classes, batches of {batch}: an epoch"
    )
    notes = (
        f"an epoch moves {moved / 1e9:.2f} GB at least (features once, the kernel "
        f"{_KERNEL_PASSES} times a step); read at the {reading / 1e9:.1f} GB/s of this machine's "
        f"memory, that is {moved / reading:.3g} s",
    )
    return Comparison(
        f"heads {width} {batch}",
        title,
        compare(arms, sizes.rounds),
        units=round(files.array.nbytes / 1e6),
        unit="MB of features",
        notes=(*notes, *_ABOUT),
    )


def _our_epoch(labels: np.ndarray, classes: int, batch: int, inputs: Any) -> Timed:
    """The next epoch of `vggjax.fit`; it returns the mean loss."""
    (width,) = inputs.shape[1:]
    head = softmax_head((width,), classes)
    training = Training(
        head, Examples(inputs, labels), None, FitConfig(batch_size=batch, seed=_SEED),
        keras1_rmsprop(steady_rate(width)), layer_labels(head, ["head"]), cross_entropy,
        data_mesh(),
    )  # fmt: skip
    progress = training.begin()
    return lambda: training.run_epoch(progress).train.loss


def _their_epoch(labels: np.ndarray, classes: int, batch: int, inputs: np.ndarray) -> Timed:
    """The next epoch of a plain loop over the same batches in PyTorch."""
    torch = prepared_torch("cpu")
    layer = torch.nn.Linear(inputs.shape[1], classes)
    for parameter in layer.parameters():
        torch.nn.init.zeros_(parameter)
    rate = steady_rate(inputs.shape[1])
    optimizer = torch.optim.RMSprop(layer.parameters(), rate, alpha=0.9, eps=1e-8)
    rows, targets, epochs = _rows(torch, inputs), torch.from_numpy(labels).long(), count(1)

    def run() -> float:
        order = np.random.default_rng([_SEED, next(epochs)]).permutation(len(inputs))
        total = 0.0
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(layer(rows(chosen)), targets[chosen])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(chosen)
        return total / len(order)

    return run


def _rows(torch: Any, inputs: np.ndarray) -> Callable[[np.ndarray], Any]:
    """Rows by their numbers: NumPy reads a mapped file, PyTorch its own memory."""
    if isinstance(inputs, np.memmap):
        return lambda chosen: torch.from_numpy(inputs[chosen])
    tensor = torch.from_numpy(inputs)
    return lambda chosen: tensor[torch.from_numpy(chosen)]
