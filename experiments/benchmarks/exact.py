"""VGG in NumPy with float64 throughout and direct convolution: the reference for the others."""

import numpy as np

from benchmarks.networks import Network

TOLERANCE = 1e-5  # how far a float32 forward pass may be from it, relative to the largest value


def exact_features(network: Network, x: np.ndarray) -> np.ndarray:
    """The output of `network` for preprocessed images (B, H, W, 3), in float64."""
    x = x.astype(np.float64)
    for spec in network.table:
        arrays = network.params.get(spec.name, {})
        x = _LAYERS[spec.kind](x, **{k: np.asarray(v, np.float64) for k, v in arrays.items()})
        x = np.maximum(x, 0) if spec.relu else x
    return x


def _convolution(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Each of the nine taps is one product of matrices."""
    height, width = x.shape[1:3]
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    y = np.tile(bias, (*x.shape[:3], 1))
    for i, j in np.ndindex(3, 3):
        tap = padded[:, i : i + height, j : j + width].reshape(-1, x.shape[3])
        y += (tap @ kernel[i, j]).reshape(y.shape)
    return y


def _pool(x: np.ndarray) -> np.ndarray:
    height, width = (side // 2 * 2 for side in x.shape[1:3])
    corners = [x[:, i:height:2, j:width:2] for i in (0, 1) for j in (0, 1)]
    return np.maximum.reduce(corners)


def _flatten(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), -1)


def _dense(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    return x @ kernel + bias


_LAYERS = {"convolution": _convolution, "pool": _pool, "flatten": _flatten, "dense": _dense}
