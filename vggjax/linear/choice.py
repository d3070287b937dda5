"""Which linear head is best: decided by images that it wasn't fitted on, never by test images."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from vggjax.evaluation import fit_temperature, log_loss
from vggjax.linear.rows import Rows

TOLERANCE = 0.5  # standard errors of the best accuracy


@dataclass(frozen=True)
class Choice:
    """What may be chosen: a kind of head on some layers, how they become rows, and a strength.

    The strength of the penalty is relative to the mean squared length of the rows.
    """

    kind: str
    layers: tuple[str, ...]
    rows: Rows
    strength: float

    @property
    def text(self) -> str:
        """In words, such as `ridge 0.1 on block5_pool (pyramid, unit length)`."""
        strength = f" {self.strength:.2g}" if self.strength else ""
        return f"{self.kind}{strength} on {' + '.join(self.layers)} ({self.rows.text})"


@dataclass(frozen=True)
class Tried:
    """How a choice did on the images that judge: `logits` (n, C) and their `labels` (n,).

    `accuracy` is in 0–1; `loss`, in nats, is the cross-entropy of logits / `temperature`, the
    temperature being the best one. Where no image could judge (n = 0) they say nothing.
    """

    choice: Choice
    accuracy: float
    loss: float
    temperature: float
    logits: np.ndarray
    labels: np.ndarray


def judged(choice: Choice, logits: np.ndarray, labels: np.ndarray) -> Tried:
    """A choice with what its logits are worth."""
    if not len(labels):
        return Tried(choice, 0.0, 0.0, 1.0, logits, labels)
    temperature = fit_temperature(logits, labels)
    accuracy = float((logits.argmax(axis=1) == labels).mean())
    loss = log_loss(logits, labels, temperature)
    return Tried(choice, accuracy, loss, temperature, logits, labels)


def best(tried: Sequence[Tried]) -> Tried:
    """Of those whose accuracy is as good as the best's, the one with the lowest loss.

    As good is what lies within TOLERANCE standard errors: there, the loss tells more than the few
    images by which accuracies differ.
    """
    most = max(each.accuracy for each in tried)
    error = sqrt(most * (1 - most) / max(1, len(tried[0].labels)))
    return min(
        (each for each in tried if each.accuracy >= most - TOLERANCE * error),
        key=lambda each: each.loss,
    )
