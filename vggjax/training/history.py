"""What training says of itself: losses and accuracies, epoch by epoch."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import jax
import numpy as np

from vggjax.model import Chain
from vggjax.progress import progress
from vggjax.training.config import FitConfig
from vggjax.training.step import Sums

QUIET_SECONDS = 2  # a training that ends before shows no bar


@dataclass(frozen=True)
class Metrics:
    """Mean cross-entropy (nats) and accuracy (0–1) over a set of examples."""

    loss: float
    accuracy: float


@dataclass(frozen=True)
class Epoch:
    """One row of the history; `train` is averaged over the epoch while the parameters moved."""

    number: int
    train: Metrics
    validation: Metrics | None


@dataclass(frozen=True, repr=False)
class FitResult:
    """A trained chain, its history, and the epoch (from 1) whose parameters it has."""

    chain: Chain
    history: tuple[Epoch, ...]
    kept_epoch: int

    def __repr__(self) -> str:
        epochs = f"epoch {self.kept_epoch} of {len(self.history)}"
        return f"FitResult({self.chain!r}, {epochs}: {self.history[self.kept_epoch - 1]})"


def mean_metrics(sums: Iterable[Sums]) -> Metrics:
    """Loss and accuracy from the sums of all batches."""
    # Summed on the host in float64: a float32 sum of many batches would lose digits.
    loss, correct, count = np.asarray(jax.device_get(list(sums)), np.float64).sum(axis=0)
    return Metrics(float(loss / count), float(correct / count))


def best_epoch(history: Sequence[Epoch], min_delta: float) -> int:
    """The epoch whose validation loss last fell by more than `min_delta` below the best before."""
    best, number = math.inf, 1
    for epoch in history:
        if epoch.validation and epoch.validation.loss < best - min_delta:
            best, number = epoch.validation.loss, epoch.number
    return number


def has_ended(history: Sequence[Epoch], config: FitConfig) -> bool:
    """Whether the epochs so far are all, by their number or by early stopping."""
    if not history:
        return False
    waited = len(history) - best_epoch(history, config.min_delta)
    return len(history) >= config.epochs or config.ends_after(waited)


@contextmanager
def shown(
    epochs: int, on_epoch: Callable[[Epoch], None] | None
) -> Iterator[Callable[[Epoch], None]]:
    """What is to be called for each epoch: `on_epoch`, or else a bar, if it takes a while."""
    if on_epoch is not None:
        yield on_epoch
        return
    with progress("training", epochs, "epoch", delay=QUIET_SECONDS) as bar:
        yield lambda epoch: bar.update()
