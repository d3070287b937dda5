"""Which images are wrong, which classes are taken for which, and which labels may be wrong."""

from dataclasses import dataclass

import numpy as np

from vggjax.evaluation.predictions import Predictions


@dataclass(frozen=True)
class Confused:
    """So many images (`count`) of the class `true` were taken for `guess`."""

    true: str
    guess: str
    count: int


@dataclass(frozen=True)
class Suspect:
    """An image (an index) whose label may be wrong: `suggested` is a class's number."""

    image: int
    suggested: int


def confusion_matrix(predictions: Predictions) -> np.ndarray:
    """How many images of each class (row) were taken for each (column), (C, C)."""
    classes = len(predictions.class_names)
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (predictions.labels, predictions.guesses), 1)
    return counts


def most_confused(predictions: Predictions, most: int = 5) -> list[Confused]:
    """The pairs of classes with the most mistakes, the worst first; at most so many."""
    counts = confusion_matrix(predictions)
    np.fill_diagonal(counts, 0)
    worst = np.argsort(-counts, axis=None, kind="stable")[:most]
    names = predictions.class_names
    pairs = zip(*np.unravel_index(worst, counts.shape), strict=True)
    return [Confused(names[t], names[g], int(counts[t, g])) for t, g in pairs if counts[t, g]]


def worst_errors(predictions: Predictions, most: int = 24) -> np.ndarray:
    """The wrong images (indices), those with the most probability for the wrong class first."""
    wrong = np.flatnonzero(~predictions.correct)
    return wrong[np.argsort(-predictions.confidence[wrong], kind="stable")][:most]


def suspects(predictions: Predictions) -> list[Suspect]:
    """Images whose labels may be wrong, the likeliest first: by confident learning.

    The probabilities must be those of heads that weren't fitted on the image. A class's threshold
    is the mean probability that its own images have for it. An image counts for the likeliest of
    the classes whose threshold it reaches; it is suspect if that isn't its label's. They are ranked
    by how much more probable the suggested class is (Northcutt et al., arXiv 1911.00068).
    """
    told, labels = predictions.probabilities, predictions.labels
    thresholds = np.full(told.shape[1], np.inf)
    for label in predictions.classes_here:
        thresholds[label] = told[labels == label, label].mean()
    reached = np.where(told >= thresholds, told, 0)
    suggested = reached.argmax(axis=1)
    images = np.flatnonzero((reached.max(axis=1) > 0) & (suggested != labels))
    margins = told[images, suggested[images]] - told[images, labels[images]]
    ranked = images[np.argsort(-margins, kind="stable")]
    return [Suspect(int(image), int(suggested[image])) for image in ranked]
