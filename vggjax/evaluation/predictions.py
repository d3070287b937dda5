"""What a classifier said of labelled images: the one thing that all judging starts from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from vggjax.errors import DataError

SUM_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Predictions:
    """Probabilities (N, C) of C classes for N images, whose true `labels` (N,) are 0 … C − 1.

    `ids` name the images. Raises DataError where these don't fit together or there is no image, for
    labels that aren't whole numbers, and for probabilities that aren't 0–1 or don't sum to 1.

    >>> told = Predictions(("a", "b"), np.array([0, 1]), np.array([[0.9, 0.1], [0.6, 0.4]]), "xy")
    >>> told.guesses.tolist(), told.accuracy
    ([0, 0], 0.5)
    """

    ids: Sequence[str]
    labels: np.ndarray
    probabilities: np.ndarray
    class_names: Sequence[str]

    def __post_init__(self) -> None:
        shape = len(self.ids), len(self.class_names)
        if not shape[0]:
            raise DataError("There are no images to judge a classifier by.")
        if self.probabilities.shape != shape or self.labels.shape != shape[:1]:
            raise DataError(
                f"Probabilities {self.probabilities.shape} and labels {self.labels.shape} don't "
                f"fit {shape[0]} images of {shape[1]} classes."
            )
        inside = (self.probabilities >= 0) & (self.probabilities <= 1 + SUM_TOLERANCE)  # not NaN
        off = abs(self.probabilities.sum(axis=1) - 1) if inside.all() else np.ones(1)
        if off.max() > SUM_TOLERANCE:
            raise DataError("The probabilities of an image must be finite, 0 to 1, and sum to 1.")
        if not np.issubdtype(self.labels.dtype, np.integer):
            raise DataError(f"Labels must be whole numbers, not {self.labels.dtype}.")
        if self.labels.min() < 0 or self.labels.max() >= shape[1]:
            raise DataError(f"Labels must be between 0 and {shape[1] - 1}.")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def guesses(self) -> np.ndarray:
        """The likeliest class of each image, (N,)."""
        return self.probabilities.argmax(axis=1)

    @property
    def correct(self) -> np.ndarray:
        """Whether that is its true one, (N,) bool."""
        return self.guesses == self.labels

    @property
    def confidence(self) -> np.ndarray:
        """The probability of the likeliest class, (N,)."""
        return self.probabilities.max(axis=1)

    @property
    def accuracy(self) -> float:
        """The share of images that are right, 0–1."""
        return float(self.correct.mean())

    @property
    def balanced_accuracy(self) -> float:
        """The mean over the classes of the share that is right: each class counts alike, 0–1."""
        return float(np.mean([self.correct[self.labels == c].mean() for c in self.classes_here]))

    @property
    def classes_here(self) -> np.ndarray:
        """The classes that have an image, ascending."""
        return np.unique(self.labels)

    def subset(self, indices: np.ndarray) -> "Predictions":
        """Those of some of the images."""
        return replace(
            self,
            ids=tuple(self.ids[index] for index in indices),
            labels=self.labels[indices],
            probabilities=self.probabilities[indices],
        )
