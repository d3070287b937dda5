"""Features in as few coordinates as the training images span.

A linear head with an L2 penalty never leaves the span of its training rows: any part of a weight
outside of it changes no training logit and costs something. So N rows of D features are rotated
into r ≤ min(N, D) coordinates z = (x − mean) V, with orthonormal columns V, once. There every head
is small, whatever the width of the features was, and its weights are those in the coordinates,
rotated back: W = V w.

    N < D:  G = X Xᵀ = Q Λ Qᵀ,  V = Xᵀ Q Λ^-½   (the dual)
    N ≥ D:  C = Xᵀ X = V Λ Vᵀ                   (the primal)

In both, the columns of Z = X V are orthogonal, ZᵀZ = Λ: that is what makes ridge regression a
division, for all strengths at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy

COLUMNS = 4096  # of a wide matrix, in float64 at a time
LEAST = 1e-10  # directions with less of the largest's energy are rounding errors


@dataclass(frozen=True)
class Coordinates:
    """Training rows (N, D) in the coordinates that they span.

    `train` (N, r) are the rows, of mean 0 and with orthogonal columns whose squared lengths are
    `energy` (r,); `mean` (D,) was subtracted from them. All in float64.
    """

    train: np.ndarray
    energy: np.ndarray
    mean: np.ndarray
    _rows: np.ndarray | None  # the training rows (N, D), where the basis is made of them
    _basis: np.ndarray  # (N, r) if it is, or else (D, r)

    def project(self, rows: np.ndarray) -> np.ndarray:
        """Other rows (n, D) in these coordinates, (n, r)."""
        if self._rows is None:
            return (rows - self.mean) @ self._basis
        return _products(rows, self._rows, self.mean) @ self._basis

    def expand(self, weights: np.ndarray) -> np.ndarray:
        """Weights (r, C) in these coordinates as weights of the features, (D, C)."""
        if self._rows is None:
            return self._basis @ weights
        own = self._basis @ weights
        parts = [_centered(self._rows, self.mean, part).T @ own for part in _parts(self.mean)]
        return np.concatenate(parts)


def coordinates(rows: np.ndarray) -> Coordinates:
    """The coordinates that `rows` (N, D) span.

    >>> found = coordinates(np.array([[0.0, 1.0, 5.0], [2.0, 1.0, 5.0], [4.0, 1.0, 5.0]]))
    >>> found.train.shape, round(float(found.energy[0]), 6)
    ((3, 1), 8.0)
    """
    mean = rows.mean(axis=0, dtype=np.float64)
    dual = len(rows) < len(mean)
    gram = _products(rows, rows, mean) if dual else _covariance(rows, mean)
    energy, vectors = scipy.linalg.eigh(gram, overwrite_a=True, check_finite=False, driver="evd")
    kept = energy > LEAST * max(energy[-1], np.finfo(np.float64).tiny)
    energy, vectors = energy[kept][::-1], vectors[:, kept][:, ::-1]
    if dual:
        return Coordinates(vectors * energy**0.5, energy, mean, rows, vectors * energy**-0.5)
    return Coordinates((rows - mean) @ vectors, energy, mean, None, vectors)


def _products(rows: np.ndarray, others: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """The inner products (n, m) of two sets of rows minus `mean`, in float64."""
    total = np.zeros((len(rows), len(others)))
    for part in _parts(mean):
        right = _centered(others, mean, part)
        left = right if rows is others else _centered(rows, mean, part)
        total += left @ right.T
    return total


def _covariance(rows: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """(D, D): the rows' products, column by column."""
    total = np.zeros((len(mean), len(mean)))
    for start in range(0, len(rows), COLUMNS):
        block = rows[start : start + COLUMNS] - mean
        total += block.T @ block
    return total


def _parts(mean: np.ndarray) -> Iterator[slice]:
    return (slice(start, start + COLUMNS) for start in range(0, len(mean), COLUMNS))


def _centered(rows: np.ndarray, mean: np.ndarray, part: slice) -> np.ndarray:
    own = rows[:, part].astype(np.float64)
    own -= mean[part]
    return own
