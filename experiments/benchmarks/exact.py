"""The network in NumPy and float64: what every arm's output should be."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from benchmarks.inputs import Functions, Network


def exact_features(network: Network, x: np.ndarray) -> np.ndarray:
    """The output for preprocessed images (B, H, W, 3), by direct convolution."""
    return network.apply(x.astype(np.float64), _FUNCTIONS, network.params)


def _convolution(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = sliding_window_view(padded, (3, 3), axis=(1, 2))  # (B, H, W, C, 3, 3)
    return np.tensordot(windows, kernel, ((4, 5, 3), (0, 1, 2))) + bias


def _pool(x: np.ndarray) -> np.ndarray:
    return sliding_window_view(x, (2, 2), axis=(1, 2))[:, ::2, ::2].max((4, 5))


_FUNCTIONS: Functions = {
    "convolution": _convolution,
    "pool": _pool,
    "flatten": lambda x: x.reshape(len(x), -1),
    "dense": lambda x, kernel, bias: x @ kernel + bias,
    "relu": lambda x: np.maximum(x, 0),
}
