"""Turns another library's tensors into this project's parameters, or says all that doesn't fit."""

from dataclasses import dataclass
from math import isqrt

import jax.numpy as jnp
import numpy as np

from vggjax.errors import WeightsError
from vggjax.model import Parameters
from vggjax.model.config import Preprocessing, Shapes, VGGConfig, layer_table, parameter_shapes
from vggjax.weights.formats import ForeignWeights
from vggjax.weights.keras_h5 import natural_order

# VGG11, 13, 16 and 19 (arXiv 1409.1556, table 1: A, B, D, E), by their number of convolutions
_DEPTHS = {8: (1, 1, 2, 2, 2), 10: (2, 2, 2, 2, 2), 13: (2, 2, 3, 3, 3), 16: (2, 2, 4, 4, 4)}
_TORCH_DENSE = {"fc1": "classifier.0", "fc2": "classifier.3", "predictions": "classifier.6"}
_TORCH_ROLES = {"kernel": "weight", "bias": "bias"}


@dataclass(frozen=True)
class _Wanted:
    """A parameter of ours, and the name and shape that it should have in the file."""

    layer: str
    role: str
    name: str
    shape: tuple[int, ...]


def infer_config(foreign: ForeignWeights) -> VGGConfig:
    """The VGG that these tensors seem to be; plain VGG16 if they resemble none.

    Widths come from the kernels, the depths from the number of convolutions, the size of the
    images from `fc1` (224 without a top), the preprocessing from the format: Keras' weights expect
    'caffe', PyTorch's 'torch'.
    """
    preprocessing: Preprocessing = "torch" if foreign.format == "torch" else "caffe"
    kernels = [tensor.shape for tensor in _kernels(foreign).values()]
    if foreign.format == "torch":
        kernels = [(*shape[2:], *shape[1::-1]) for shape in kernels]
    convolutions = [shape for shape in kernels if len(shape) == 4]
    dense = [shape for shape in kernels if len(shape) == 2]
    depths = _DEPTHS.get(len(convolutions))
    if depths is None or len(dense) not in (0, 3) or not all(map(all, kernels)):
        return VGGConfig(preprocessing=preprocessing)
    ends = np.cumsum(depths) - 1
    widths = tuple(convolutions[end][-1] for end in ends)
    if not dense:
        return VGGConfig(widths, depths, top=False, preprocessing=preprocessing)
    side = isqrt(dense[0][0] // widths[-1])
    if side * side * widths[-1] != dense[0][0]:
        return VGGConfig(preprocessing=preprocessing)
    hidden, classes, size = dense[0][1], dense[2][1], side * 2 ** len(depths)
    return VGGConfig(widths, depths, hidden, classes, size, preprocessing=preprocessing)


def to_parameters(
    foreign: ForeignWeights, config: VGGConfig | None = None
) -> tuple[Parameters, VGGConfig]:
    """The parameters in `foreign` (float32) and the configuration they fit.

    `config` is inferred if it isn't given. Raises WeightsError with the list of every missing,
    extra and misshapen tensor, or of every tensor with values that are not finite.
    """
    config = config or infer_config(foreign)
    shapes = parameter_shapes(config)
    wanted = _wanted(foreign, config, shapes)
    _check_shapes(foreign, wanted)
    params: Parameters = {layer: {} for layer in shapes}
    for item in wanted:
        values = foreign.tensors[item.name]
        if foreign.format == "torch":
            values = _from_torch(values, item, config).reshape(shapes[item.layer][item.role])
        with np.errstate(over="ignore"):  # a float64 too large for float32 is caught just below
            params[item.layer][item.role] = values.astype(np.float32, order="C")
    _check_finite(foreign, wanted, params)
    return params, config


def _wanted(foreign: ForeignWeights, config: VGGConfig, shapes: Shapes) -> list[_Wanted]:
    torch = foreign.format == "torch"
    theirs = _torch_names(config) if torch else _keras_layers(foreign, shapes)
    wanted = []
    for layer, roles in shapes.items():
        owner = theirs.get(layer, layer)
        for role, shape in roles.items():
            if torch:  # (out, in, height, width) for (height, width, in, out)
                name, shape = f"{owner}.{_TORCH_ROLES[role]}", (*shape[:-3:-1], *shape[:-2])
            else:
                name = _keras_tensor(foreign, owner, role)
            wanted.append(_Wanted(layer, role, name, shape))
    return wanted


def _torch_names(config: VGGConfig) -> dict[str, str]:
    """torchvision's name of each layer: `features` counts convolutions, ReLUs and pools."""
    names = dict(_TORCH_DENSE)
    position = 0
    for layer in layer_table(config):
        if layer.kind == "convolution":
            names[layer.name] = f"features.{position}"
            position += 2
        elif layer.kind == "pool":
            position += 1
    return names


def _from_torch(values: np.ndarray, item: _Wanted, config: VGGConfig) -> np.ndarray:
    """PyTorch flattens (C, H, W), this project (H, W, C): the shapes alone would not show."""
    if (item.layer, item.role) == ("fc1", "kernel"):
        channels = config.widths[-1]
        side = isqrt(values.shape[1] // channels)
        values = values.reshape(-1, channels, side, side)
    return values.transpose(2, 3, 1, 0) if values.ndim == 4 else values.T


def _keras_layers(foreign: ForeignWeights, shapes: Shapes) -> dict[str, str]:
    """Our layers' names in the file: the same, or those of its convolutions and dense in order."""
    owners = {name.rpartition("/")[0] for name in foreign.tensors}
    if owners & shapes.keys():
        return {}
    names: dict[str, str] = {}
    for dimensions in (4, 2):
        ours = [name for name, roles in shapes.items() if len(roles["kernel"]) == dimensions]
        kernels = _kernels(foreign).items()
        found = [name.rpartition("/")[0] for name, item in kernels if item.ndim == dimensions]
        names |= dict(zip(ours, found, strict=False))
    return names


def _keras_tensor(foreign: ForeignWeights, layer: str, role: str) -> str:
    """A layer's bias is its tensor of one dimension, whatever it is called."""
    for name, tensor in foreign.tensors.items():
        if name.rpartition("/")[0] == layer and (tensor.ndim == 1) == (role == "bias"):
            return name
    return f"{layer}/{role}"


def _kernels(foreign: ForeignWeights) -> dict[str, np.ndarray]:
    kernels = {name: item for name, item in foreign.tensors.items() if item.ndim in (2, 4)}
    if foreign.format == "keras":
        return kernels
    return {name: kernels[name] for name in sorted(kernels, key=natural_order)}


def _check_shapes(foreign: ForeignWeights, wanted: list[_Wanted]) -> None:
    tensors, names = foreign.tensors, {item.name for item in wanted}
    missing = [
        f"missing {item.name} {item.shape} for {item.layer}/{item.role}"
        for item in wanted
        if item.name not in tensors
    ]
    extra = [f"extra {name} {item.shape}" for name, item in tensors.items() if name not in names]
    misshapen = [
        f"{item.name} is {tensors[item.name].dtype} {tensors[item.name].shape}, but "
        f"{item.layer}/{item.role} needs floats {item.shape}"
        for item in wanted
        if item.name in tensors and not _fits(tensors[item.name], item.shape)
    ]
    if problems := missing + extra + misshapen:
        raise WeightsError(
            f"{foreign.path} is not the expected VGG ({len(missing)} tensors missing, "
            f"{len(extra)} extra, {len(misshapen)} misshapen): {'; '.join(problems)}."
        )


def _fits(tensor: np.ndarray, shape: tuple[int, ...]) -> bool:
    return tensor.shape == shape and jnp.issubdtype(tensor.dtype, jnp.floating)


def _check_finite(foreign: ForeignWeights, wanted: list[_Wanted], params: Parameters) -> None:
    bad = [item.name for item in wanted if not np.isfinite(params[item.layer][item.role]).all()]
    if bad:
        raise WeightsError(
            f"{foreign.path} has values that are not finite in {', '.join(bad)}; get it again."
        )
