"""What the answers of a trained head are worth, and its probabilities made to mean something."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import jax
import numpy as np
import scipy

from vggjax.evaluation import (
    Predictions,
    calibration_error,
    confident_errors,
    fit_temperature,
    sure_above,
)
from vggjax.model import Chain, JointHead, parameters, with_parameters

HeadT = TypeVar("HeadT", Chain, JointHead)


@dataclass(frozen=True)
class Judgement:
    """Predictions for the test images, `before` and after calibration (`tested`).

    `temperature` divides the logits; it and `sure_above`, the confidence from which on a prediction
    is sure, come from held-out images, never from test images.
    """

    before: Predictions
    tested: Predictions
    temperature: float
    sure_above: float

    def summary(self) -> dict[str, float]:
        """In numbers: temperature, expected calibration error, and errors above 95 %, of errors."""
        return {
            "temperature": self.temperature,
            "sure above": self.sure_above,
            "error before": calibration_error(self.before),
            "error": calibration_error(self.tested),
            "confident errors before": confident_errors(self.before),
            "confident errors": confident_errors(self.tested),
        }


def judge(
    held_out: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    ids: Sequence[str] = (),
    class_names: Sequence[str] = (),
    temperature: float | None = None,
) -> Judgement:
    """What a head's logits (n, C) and labels (n,), of held-out and of test images, say.

    The temperature is that of the held-out images, unless it is given.
    """
    logits, labels = held_out
    chosen = temperature or fit_temperature(logits, labels)
    names = class_names or [str(number) for number in range(logits.shape[1])]
    ids = ids or [str(number) for number in range(len(test[1]))]
    before, tested = (Predictions(ids, test[1], _told(test[0], t), names) for t in (1.0, chosen))
    if not len(labels):
        return Judgement(before, tested, chosen, 1.0)
    known = Predictions([""] * len(labels), labels, _told(logits, chosen), names)
    return Judgement(before, tested, chosen, sure_above(known))


def _told(logits: np.ndarray, temperature: float) -> np.ndarray:
    """The probabilities (n, C) of logits at a temperature, in double precision."""
    return scipy.special.softmax(logits.astype(np.float64) / temperature, axis=1)


def calibrated(head: HeadT, temperature: float) -> HeadT:
    """The head with its logits divided by `temperature`: in its last, dense layers."""
    if isinstance(head, JointHead):
        return JointHead({layer: _divided(head[layer], temperature) for layer in head.layers})
    return _divided(head, temperature)


def _divided(head: Chain, temperature: float) -> Chain:
    tree, last = parameters(head), head.names[-1]
    tree[last] = jax.tree.map(lambda leaf: leaf / np.float32(temperature), tree[last])
    return with_parameters(head, tree)
