"""Probabilities that mean what they say (Guo et al., arXiv 1706.04599)."""

from dataclasses import dataclass

import numpy as np
import scipy

from vggjax.evaluation.predictions import Predictions

BINS = 15
SURE = 0.95  # what should be right of the images that a classifier is sure of
FEWEST_SURE = 20  # images that such a statement rests on


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature T > 0 at which softmax(logits / T) has the least mean cross-entropy.

    `logits` (N, C) and `labels` (N,) are of images that the head wasn't fitted on. As in Platt's
    scaling (1999), 1 / (N + 2) of each label counts for all classes alike: of a few images that all
    are right, no certainty follows. T is 1 where there is no image, or no logit differs.

    >>> round(fit_temperature(np.array([[2.0, 0.0]] * 3 + [[0.0, 2.0]]), np.zeros(4, int)), 3)
    2.254
    """
    wide = logits.astype(np.float64)
    spread = abs(wide - wide.mean(axis=1, keepdims=True))
    if not spread.any():
        return 1.0
    own, share, scale = np.arange(len(labels)), 1 / (len(labels) + 2), float(spread.mean())
    scaled = wide / scale

    def loss(log_temperature: float) -> float:
        told = scipy.special.log_softmax(scaled * np.exp(-log_temperature), axis=1)
        return float(-((1 - share) * told[own, labels] + share * told.mean(axis=1)).mean())

    bound = np.log(1000)
    found = scipy.optimize.minimize_scalar(loss, bounds=(-bound, bound), method="bounded")
    return scale * float(np.exp(found.x))


def log_loss(logits: np.ndarray, labels: np.ndarray, temperature: float = 1.0) -> float:
    """The mean cross-entropy (nats) of softmax(logits / temperature), (N, C), with labels (N,).

    >>> round(log_loss(np.zeros((1, 2)), np.array([1])), 4)  # log 2
    0.6931
    """
    told = scipy.special.log_softmax(logits.astype(np.float64) / temperature, axis=1)
    return float(-told[np.arange(len(labels)), labels].mean())


@dataclass(frozen=True)
class Bin:
    """Images of similar confidence: how many, their mean confidence, the share that is right."""

    count: int
    confidence: float
    accuracy: float


def reliability(predictions: Predictions, bins: int = BINS) -> list[Bin]:
    """The images in `bins` of equal width by their confidence, (0, 1]; empty ones are left out."""
    number = np.ceil(predictions.confidence * bins).astype(int).clip(1, bins)
    found = []
    for one in np.unique(number):
        own = number == one
        confidence = float(predictions.confidence[own].mean())
        found.append(Bin(int(own.sum()), confidence, float(predictions.correct[own].mean())))
    return found


def calibration_error(predictions: Predictions, bins: int = BINS) -> float:
    """The expected calibration error (ECE), 0–1: how far confidence and accuracy lie apart.

    The mean over the bins of `reliability`, by their numbers of images, of |accuracy − confidence|.
    """
    parts = reliability(predictions, bins)
    gaps = [each.count * abs(each.accuracy - each.confidence) for each in parts]
    return sum(gaps) / len(predictions)


def confident_errors(predictions: Predictions, above: float = 0.95) -> float:
    """Of the wrong answers, the share with more than that probability, 0–1; 0 if none is wrong."""
    wrong = ~predictions.correct
    return float((predictions.confidence[wrong] > above).mean()) if wrong.any() else 0.0


def sure_above(predictions: Predictions, share: float = SURE) -> float:
    """The least confidence from which on a `share` of the images are right; below is "unsure".

    Images are taken from the most confident on, as many as can be so that this share of them is
    right; of equally confident ones all or none, and FEWEST_SURE in all at least. If there is no
    such confidence, nothing is sure: it is 1.

    >>> told = np.linspace(0.5, 1, 101)
    >>> both = np.stack([told, 1 - told], axis=1)
    >>> labels = (told < 0.7).astype(int)  # right from 0.7 on
    >>> round(sure_above(Predictions([str(t) for t in told], labels, both, "ab")), 3)
    0.685
    """
    order = np.argsort(-predictions.confidence, kind="stable")
    confidence, right = predictions.confidence[order], predictions.correct[order]
    shares = np.cumsum(right) / np.arange(1, len(right) + 1)
    last = np.append(confidence[1:] < confidence[:-1], True)  # of those equally confident
    last[: FEWEST_SURE - 1] = False
    good = np.flatnonzero(last & (shares >= share))
    return float(confidence[good[-1]]) if len(good) else 1.0
