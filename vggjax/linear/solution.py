"""A linear head in the coordinates of its training rows."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Solution:
    """Logits z W + b of rows z: `weights` (r, C) and `bias` (C,), float64."""

    weights: np.ndarray
    bias: np.ndarray

    @property
    def classes(self) -> int:
        """C."""
        return len(self.bias)

    def logits(self, rows: np.ndarray) -> np.ndarray:
        """(n, C), for rows (n, r)."""
        return rows @ self.weights + self.bias

    def scaled(self, factor: float) -> "Solution":
        """The same classes with logits `factor` times as large."""
        return Solution(self.weights * factor, self.bias * factor)


def one_hot(labels: np.ndarray, classes: int) -> np.ndarray:
    """(N, classes) float64: 1 for each row's class, otherwise 0."""
    return np.eye(classes)[labels]
