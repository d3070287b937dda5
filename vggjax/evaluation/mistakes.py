"""Which images are wrong, which classes are taken for which, and which labels may be wrong."""

from dataclasses import dataclass

import numpy as np

from vggjax.evaluation.predictions import Predictions
from vggjax.evaluation.statistics import wilson_interval

ROUNDING = 1e-6  # of probabilities that equal their mean


@dataclass(frozen=True)
class ClassAccuracy:
    """Of the `images` of class `name`, the share that is right (0–1), with its 95 % interval.

    `taken_for` is the class that most of the others were taken for, or "" if none is wrong.
    """

    name: str
    images: int
    accuracy: float
    low: float
    high: float
    taken_for: str


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


def class_accuracies(predictions: Predictions) -> list[ClassAccuracy]:
    """How each class that has images fares, the worst first; equal ones by name.

    >>> sure = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])
    >>> told = Predictions(("a", "b", "c"), np.array([0, 0, 1]), sure, ("cat", "dog"))
    >>> [(each.name, each.accuracy, each.taken_for) for each in class_accuracies(told)]
    [('cat', 0.5, 'dog'), ('dog', 1.0, '')]
    """
    counts, found = confusion_matrix(predictions), []
    for label in predictions.classes_here:
        wrong, images = counts[label].copy(), int(counts[label].sum())
        share = float(wrong[label] / images)
        wrong[label] = 0
        taken_for = predictions.class_names[wrong.argmax()] if wrong.any() else ""
        interval = wilson_interval(share, images)
        name = predictions.class_names[label]
        found.append(ClassAccuracy(name, images, share, *interval, taken_for))
    return sorted(found, key=lambda each: (each.accuracy, each.name))


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
    the classes whose threshold it reaches; it is suspect if that isn't its label's, nor its label
    the likeliest of all. They are ranked by the normalised margin: how much more probable than its
    label the likeliest other class is (Northcutt et al., arXiv 1911.00068).

    >>> said = [[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.1, 0.9]]
    >>> suspects(Predictions("abcde", np.array([0, 0, 0, 1, 1]), np.array(said), ("cat", "dog")))
    [Suspect(image=2, suggested=1)]
    """
    told, labels = predictions.probabilities, predictions.labels
    thresholds = np.full(told.shape[1], np.inf)
    for label in predictions.classes_here:
        thresholds[label] = told[labels == label, label].mean()
    reached = np.where(told >= thresholds - ROUNDING, told, 0)
    suggested = reached.argmax(axis=1)
    wrong = (suggested != labels) & ~predictions.correct
    images = np.flatnonzero((reached.max(axis=1) > 0) & wrong)
    margins = predictions.confidence[images] - told[images, labels[images]]
    ranked = images[np.argsort(-margins, kind="stable")]
    return [Suspect(int(image), int(suggested[image])) for image in ranked]
