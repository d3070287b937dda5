"""Turns another library's tensors into this project's parameters, or says what doesn't fit."""

from collections.abc import Collection
from math import isqrt

import numpy as np

from vggjax.errors import WeightsError
from vggjax.model import Parameters
from vggjax.weights.formats import ForeignWeights
from vggjax.weights.found import FoundLayer, folded
from vggjax.weights.match import Match


def to_parameters(
    foreign: ForeignWeights, found: Match, layers: Collection[str] | None = None
) -> Parameters:
    """The parameters (float32) of `layers`, all that were `found` in the file if None.

    Raises WeightsError if values of theirs are not finite; others are not looked at.
    """
    params: Parameters = {}
    for name, layer in found.layers.items():
        if layers is not None and name not in layers:
            continue
        whole = folded(layer)
        bias = np.zeros(whole.outputs) if whole.bias is None else whole.bias
        kernel = _flattened(whole, found, foreign) if name == "fc1" else whole.kernel
        if name in ("fc2", "predictions"):
            kernel = kernel.reshape(layer.inputs, layer.outputs)
        with np.errstate(over="ignore"):  # a float64 too large for float32 is caught just below
            params[name] = {
                "kernel": kernel.astype(np.float32, order="C"),
                "bias": bias.astype(np.float32),
            }
    _check_finite(foreign, found, params)
    return params


def _flattened(layer: FoundLayer, found: Match, foreign: ForeignWeights) -> np.ndarray:
    """The first dense layer's kernel for maps flattened (H, W, C), as this project's are.

    PyTorch flattens (C, H, W), and Keras can: the shapes alone would not show. One that is stored
    as a convolution over the whole map has its axes apart.
    """
    kernel, channels = layer.kernel, found.config.widths[-1]
    if kernel.ndim == 2 and (foreign.format == "torch" or foreign.channels_first):
        side = isqrt(len(kernel) // channels)
        kernel = kernel.reshape(channels, side, side, -1).transpose(1, 2, 0, 3)
    return kernel.reshape(layer.inputs, layer.outputs)


def _check_finite(foreign: ForeignWeights, found: Match, params: Parameters) -> None:
    bad = [
        found.layers[name].name
        for name, roles in params.items()
        if not all(np.isfinite(values).all() for values in roles.values())
    ]
    if bad:
        more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
        raise WeightsError(
            f"{foreign.path} has values that are not finite in {', '.join(bad[:3])}{more}; get it "
            "again."
        )
