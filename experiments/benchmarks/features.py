"""Workload a: the frozen network's features of one batch, which is where the time goes."""

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from benchmarks import flax, keras, ours, pytorch
from benchmarks.inputs import LAYER, Functions, Network, Sizes, photo
from benchmarks.measure import Arm, checked_error, compare
from benchmarks.results import Comparison

TOLERANCE = 1e-5  # of a float32 forward pass against float64, relative to the largest value
_CHECKED = 2  # images computed in float64, which takes a second each
_NOTES = (
    "error: largest difference / largest value; of this project, from NumPy in float64; of the "
    "others, from this project",
    "PyTorch runs channels-last; this project alone preprocesses within its time",
)


def frozen_features(sizes: Sizes) -> list[Comparison]:
    """One batch of images until `LAYER`, in every library; float32 but for one arm."""
    network = Network.random(sizes.network)
    side = sizes.network.image_size
    images = np.stack([photo(number, (side, side)) for number in range(sizes.batch)])
    x = network.prepared(images)
    run = ours.forward(network.chain(), images)
    exact = exact_features(network, x[:_CHECKED])
    error = checked_error("this project", run()[:_CHECKED], exact, TOLERANCE)
    arms = [
        Arm("this project", lambda: run, ours=True),
        Arm("PyTorch", partial(pytorch.forward, network, x)),
        Arm("PyTorch bfloat16", partial(pytorch.forward, network, x, dtype="bfloat16"), None),
        Arm("Keras 3 on JAX", partial(keras.forward, network, x)),
        Arm("plain Flax NNX", partial(flax.forward, network, x)),
        Arm("flaxmodels", partial(flax.flaxmodels_forward, network, x)),
    ]
    own, *others = compare(arms, sizes.rounds)
    rows = (replace(own, error=error), *others)
    title = f"frozen features: {sizes.batch} images of {side} px until {LAYER}"
    return [Comparison("a", title, rows, units=sizes.batch, notes=_NOTES)]


def exact_features(network: Network, x: np.ndarray) -> np.ndarray:
    """The output for preprocessed images (B, H, W, 3): NumPy, float64, direct convolution."""
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
