"""The kinds of linear head: what each makes of training rows, for a grid of strengths."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from vggjax.errors import LayerError
from vggjax.linear.coordinates import Coordinates, coordinates
from vggjax.linear.logistic import ROUGH, logistic
from vggjax.linear.means import class_means
from vggjax.linear.ridge import ridge, ridge_held_out
from vggjax.linear.solution import Solution

Solve = Callable[[Coordinates, np.ndarray, int, Sequence[float]], list[Solution]]
FOLDS = 5


@dataclass(frozen=True)
class Kind:
    """A kind of head: how it is solved, and the strengths of its penalty to choose from.

    The strengths are relative to the mean squared length of the training rows, so that they mean
    the same for all features. `rough` solves it well enough to choose by. `usual` is the strength
    to take where there is nothing to choose by, and `temperature` the logits' then: both as they
    were on photographs. One that `iterates` takes long with many images.
    """

    solve: Solve
    rough: Solve
    strengths: tuple[float, ...]
    usual: float
    temperature: float
    iterates: bool = False

    def solutions(
        self,
        at: Coordinates,
        labels: np.ndarray,
        classes: int,
        strengths: Sequence[float],
        *,
        rough: bool = False,
    ) -> list[Solution]:
        """One for each of the relative `strengths`."""
        solve = self.rough if rough else self.solve
        return solve(at, labels, classes, absolute(at, strengths))


def absolute(at: Coordinates, strengths: Sequence[float]) -> list[float]:
    """Relative strengths as those of the penalty, for the training rows behind `at`."""
    return [float(strength * at.energy.sum() / len(at.train)) for strength in strengths]


def _means(
    at: Coordinates, labels: np.ndarray, classes: int, strengths: Sequence[float]
) -> list[Solution]:
    return [class_means(at, labels, classes) for _ in strengths]


def _grid(low: float, high: float, count: int) -> tuple[float, ...]:
    return tuple(np.geomspace(low, high, count).tolist())


KINDS = {
    "mean": Kind(_means, _means, (0.0,), 0.0, 0.05),
    "ridge": Kind(ridge, ridge, _grid(1e-3, 10, 9), 0.1, 0.025),
    "logistic": Kind(
        logistic,
        partial(logistic, tolerance=ROUGH),
        _grid(1e-5, 1e-2, 7),
        usual=1e-3,
        temperature=0.2,
        iterates=True,
    ),
}


def kind_of(name: str) -> Kind:
    """The kind called `name`; LayerError if there is none."""
    if name not in KINDS:
        raise LayerError(f"A linear head is {', '.join(KINDS)}, not {name!r}.")
    return KINDS[name]


def held_out(
    name: str,
    at: Coordinates,
    labels: np.ndarray,
    classes: int,
    views: int = 1,
    strengths: Sequence[float] | None = None,
) -> list[np.ndarray]:
    """Logits (N, classes) of each image by a head that was fitted without it.

    A list of them, one for each of the kind's `strengths` (None: its own).
    The images are left out in stratified `folds`, one image of each class at least; for `ridge` in
    closed form. With several `views` of each image, the rows of one view after those of the other,
    all of an image are left out together, and its logits are their mean. Each class must have two
    images or more.
    """
    kind, images = kind_of(name), labels[: len(labels) // views]
    fold, strengths = np.tile(folds(images), views), strengths or kind.strengths
    if kind.solve is ridge:
        logits = list(ridge_held_out(at, labels, classes, absolute(at, strengths), fold))
    else:
        logits = _refitted(kind, strengths, at.train, labels, classes, fold)
    return [own.reshape(views, len(images), classes).mean(axis=0) for own in logits]


def _refitted(
    kind: Kind,
    strengths: Sequence[float],
    rows: np.ndarray,
    labels: np.ndarray,
    classes: int,
    fold: np.ndarray,
) -> list[np.ndarray]:
    """For each strength, the logits of each fold's rows by a head that is fitted on the others."""
    logits = [np.empty((len(rows), classes)) for _ in strengths]
    for number in np.unique(fold):
        own, others = fold == number, fold != number
        at = coordinates(rows[others])
        found = kind.solutions(at, labels[others], classes, strengths, rough=True)
        for row, solution in zip(logits, found, strict=True):
            row[own] = solution.logits(at.project(rows[own]))
    return logits


def folds(labels: np.ndarray, most: int = FOLDS) -> np.ndarray:
    """A fold (N,) for each image, 0 … k − 1, with each class spread evenly over them.

    k is `most`, or the number of images of the smallest class.

    >>> folds(np.array([0, 0, 0, 1, 1])).tolist()
    [0, 1, 0, 0, 1]
    """
    counts = np.bincount(labels)
    count = min(most, int(counts[counts > 0].min()))
    places = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        places[own] = np.arange(len(own)) % count
    return places
