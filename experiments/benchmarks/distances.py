"""How far an output is from what it should be."""

from collections.abc import Callable
from typing import Any

import numpy as np

Distance = Callable[[np.ndarray, np.ndarray], float]


def largest_error(output: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference, over the largest expected value; infinite for another shape."""
    return _ratio(output, expected, lambda x: np.abs(x).max())


def overall_error(output: np.ndarray, expected: np.ndarray) -> float:
    """The Euclidean length of the difference, over that of what is expected."""
    return _ratio(output, expected, np.linalg.norm)


def _ratio(output: np.ndarray, expected: np.ndarray, size: Callable[[np.ndarray], Any]) -> float:
    if output.shape != expected.shape:
        return float("inf")
    expected = expected.astype(np.float64)
    return float(size(output.astype(np.float64) - expected) / max(size(expected), 1e-30))
