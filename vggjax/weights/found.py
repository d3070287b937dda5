"""The layers in a weight file, whoever wrote it: kernels in our order of axes, and what is beside.

A layer is all tensors under one name. Nothing is copied: kernels are views of the file's arrays.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from vggjax.weights.formats import ForeignWeights
from vggjax.weights.keras_h5 import natural_order

# Gain, shift, mean and variance of a batch normalisation, as PyTorch and Keras call them.
_NORMS = (
    ("weight", "bias", "running_mean", "running_var"),
    ("gamma", "beta", "moving_mean", "moving_variance"),
    ("gamma", "beta", "running_mean", "running_std"),  # Keras 1, which means the variance
    ("0", "1", "2", "3"),
)
_EPSILON = {"torch": 1e-5, "keras": 1e-3}  # where the file doesn't say


@dataclass(frozen=True)
class Norm:
    """A batch normalisation, (width,) each: gain, shift, mean, variance; and its epsilon.

    `before` is how many convolutions come before it in the file.
    """

    gain: np.ndarray
    shift: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    epsilon: float
    before: int


@dataclass(frozen=True)
class FoundLayer:
    """A layer of a file: its kernel (h, w, in, out) or (in, out), and its bias (out,) if any.

    `tensors` are its names in the file, `norm` the batch normalisation that follows it.
    """

    name: str
    kernel: np.ndarray
    bias: np.ndarray | None
    tensors: tuple[str, ...]
    norm: Norm | None = None

    @property
    def inputs(self) -> int:
        """How many values each output looks at; of a 3×3 convolution, the channels alone."""
        *places, inputs, _ = self.kernel.shape
        return inputs if self.is_convolution else int(np.prod(places, dtype=int)) * inputs

    @property
    def outputs(self) -> int:
        """How many channels, or values, it gives."""
        return self.kernel.shape[-1]

    @property
    def is_convolution(self) -> bool:
        """Whether it is a 3×3 convolution, as all of VGG's are; others stand for dense layers."""
        return self.kernel.ndim == 4 and self.kernel.shape[:2] == (3, 3)


def found_layers(foreign: ForeignWeights) -> tuple[list[FoundLayer], list[Norm], list[str]]:
    """The layers with kernels in order, the batch normalisations in order, and all other names."""
    layers: list[FoundLayer] = []
    norms: list[Norm] = []
    others: list[str] = []
    for owner, tensors in _by_owner(foreign).items():
        kernels = [name for name, value in tensors.items() if value.ndim in (2, 4)]
        norm = _norm(tensors, foreign, sum(layer.is_convolution for layer in layers))
        if len(kernels) == 1 and not norm:
            layers.append(_layer(owner, kernels[0], tensors, foreign))
        elif norm:
            norms.append(norm)
        else:
            others += [f"{owner}{foreign.separator}{name}" for name in tensors]
    return layers, norms, others


def folded(layer: FoundLayer) -> FoundLayer:
    """The layer with its batch normalisation in its kernel and bias, in float64: exactly as good.

    Ioffe & Szegedy (arXiv 1502.03167): γ (w·x + b − μ) / √(σ² + ε) + β, and w, b never change.
    """
    if layer.norm is None:
        return layer
    norm = layer.norm
    scale = norm.gain.astype(np.float64) / np.sqrt(norm.variance.astype(np.float64) + norm.epsilon)
    bias = (0 if layer.bias is None else layer.bias.astype(np.float64)) - norm.mean
    kernel = layer.kernel.astype(np.float64) * scale
    return replace(layer, kernel=kernel, bias=bias * scale + norm.shift, norm=None)


def _by_owner(foreign: ForeignWeights) -> dict[str, dict[str, np.ndarray]]:
    """Tensors by the layer that they belong to; PyTorch's files need not have them in order."""
    names = list(foreign.tensors)
    if foreign.format == "torch":
        names.sort(key=natural_order)
    owners: dict[str, dict[str, np.ndarray]] = {}
    for name in names:
        owner, _, role = name.rpartition(foreign.separator)
        owners.setdefault(owner, {})[role] = foreign.tensors[name]
    return owners


def _norm(tensors: Mapping[str, np.ndarray], foreign: ForeignWeights, before: int) -> Norm | None:
    roles = {_role(name): value for name, value in tensors.items() if value.ndim == 1}
    for names in _NORMS:
        if all(name in roles for name in names):
            epsilon = foreign.stated.epsilon or _EPSILON[foreign.format]
            gain, shift, mean, variance = (roles[name] for name in names)
            return Norm(gain, shift, mean, variance, epsilon, before)
    return None


def _role(name: str) -> str:
    """A tensor's part, without the ending that TensorFlow gives it, or Keras 1's own prefix."""
    plain = name.removesuffix(":0")
    return next((own for names in _NORMS[:3] for own in names if plain.endswith(own)), plain)


def _layer(
    owner: str, kernel: str, tensors: Mapping[str, np.ndarray], foreign: ForeignWeights
) -> FoundLayer:
    vectors = [name for name, value in tensors.items() if value.ndim == 1]
    names = tuple(f"{owner}{foreign.separator}{name}" for name in (kernel, *vectors[:1]))
    values, stated = tensors[kernel], foreign.stated
    if foreign.format == "torch" or (foreign.first_axis and values.ndim == 4):
        values = values.transpose(2, 3, 1, 0) if values.ndim == 4 else values.T
    turned = foreign.first_axis if stated.turned is None else stated.turned
    if foreign.format == "keras" and turned and values.ndim == 4:
        values = values[::-1, ::-1]
    return FoundLayer(owner, values, tensors[vectors[0]] if vectors else None, names)
