"""Turns another library's tensors into this project's parameters, or says all that doesn't fit."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from math import isqrt

import ml_dtypes
import numpy as np

from vggjax.errors import WeightsError
from vggjax.model.config import Preprocessing, Shapes, VGGConfig, layer_table, parameter_shapes
from vggjax.weights.formats import ForeignWeights
from vggjax.weights.info import Parameters

# VGG11, 13, 16 and 19 (arXiv 1409.1556, table 1: A, B, D, E), by their number of convolutions
_DEPTHS = {8: (1, 1, 2, 2, 2), 10: (2, 2, 2, 2, 2), 13: (2, 2, 3, 3, 3), 16: (2, 2, 4, 4, 4)}
_PREPROCESSING: dict[str, Preprocessing] = {"keras": "caffe", "torch": "torch"}
_TORCH_DENSE = {"fc1": "classifier.0", "fc2": "classifier.3", "predictions": "classifier.6"}
_TORCH_ROLES = {"kernel": "weight", "bias": "bias"}


@dataclass(frozen=True)
class _Wanted:
    """A parameter of ours: the name and shape it should have in the file, and how to turn it."""

    layer: str
    role: str
    name: str
    shape: tuple[int, ...]
    turn: Callable[[np.ndarray], np.ndarray]


def infer_config(foreign: ForeignWeights) -> VGGConfig:
    """The VGG that these tensors seem to be; plain VGG16 if they resemble none.

    Widths come from the kernels, the depths from the number of convolutions, the size of the
    images from `fc1` (224 without a top), the preprocessing from the format: Keras' weights expect
    'caffe', PyTorch's 'torch'.
    """
    preprocessing = _PREPROCESSING[foreign.format]
    kernels = [tensor.shape for tensor in _kernels(foreign).values()]
    if foreign.format == "torch":
        kernels = [_our_shape(shape) for shape in kernels]
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
    wanted = (_wanted_torch if foreign.format == "torch" else _wanted_keras)(foreign, config)
    _check_shapes(foreign, wanted)
    params: Parameters = {}
    for item in wanted:
        with np.errstate(over="ignore"):  # a float64 too large for float32 is caught just below
            values = item.turn(foreign.tensors[item.name]).astype(np.float32, order="C")
        params.setdefault(item.layer, {})[item.role] = values
    _check_finite(foreign, wanted, params)
    return params, config


def _wanted_torch(foreign: ForeignWeights, config: VGGConfig) -> list[_Wanted]:
    names = _torch_names(config)
    wanted = []
    for layer, shapes in parameter_shapes(config).items():
        for role, shape in shapes.items():
            turn = _torch_turn(layer, shape, config)
            name = f"{names[layer]}.{_TORCH_ROLES[role]}"
            wanted.append(_Wanted(layer, role, name, _torch_shape(shape), turn))
    return wanted


def _torch_shape(ours: tuple[int, ...]) -> tuple[int, ...]:
    """PyTorch's (out, in, height, width) for (height, width, in, out); (out, in) for (in, out)."""
    return (*ours[:-3:-1], *ours[:-2])


def _our_shape(torch: tuple[int, ...]) -> tuple[int, ...]:
    return (*torch[2:], *torch[1::-1])


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


def _torch_turn(
    layer: str, shape: tuple[int, ...], config: VGGConfig
) -> Callable[[np.ndarray], np.ndarray]:
    if len(shape) == 4:
        return lambda kernel: kernel.transpose(2, 3, 1, 0)
    if layer != "fc1" or len(shape) == 1:
        return np.transpose
    rows, columns = shape
    channels = config.widths[-1]
    side = isqrt(rows // channels)

    def from_channels_first(kernel: np.ndarray) -> np.ndarray:
        """PyTorch flattens (C, H, W), this project (H, W, C): the shapes alone would not show."""
        maps = kernel.reshape(columns, channels, side, side)
        return maps.transpose(2, 3, 1, 0).reshape(rows, columns)

    return from_channels_first


def _wanted_keras(foreign: ForeignWeights, config: VGGConfig) -> list[_Wanted]:
    shapes = parameter_shapes(config)
    theirs = _keras_layers(foreign, shapes)
    wanted = []
    for layer, roles in shapes.items():
        for role, shape in roles.items():
            name = _keras_tensor(foreign, theirs.get(layer, layer), role)
            wanted.append(_Wanted(layer, role, name, shape, lambda values: values))
    return wanted


def _keras_layers(foreign: ForeignWeights, shapes: Shapes) -> dict[str, str]:
    """Our layers' names in the file: the same, or those of its convolutions and dense in order."""
    owners = {name.rpartition("/")[0] for name in foreign.tensors}
    if owners & shapes.keys():
        return {layer: layer for layer in shapes}
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
    return dict(sorted(kernels.items(), key=lambda item: _number(item[0])))


def _number(name: str) -> tuple[str, int]:
    digits = re.search(r"\d+", name)
    return name.partition(".")[0], int(digits.group()) if digits else 0


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
    return tensor.shape == shape and (
        tensor.dtype.kind == "f" or tensor.dtype == ml_dtypes.bfloat16
    )


def _check_finite(foreign: ForeignWeights, wanted: list[_Wanted], params: Parameters) -> None:
    bad = [item.name for item in wanted if not np.isfinite(params[item.layer][item.role]).all()]
    if bad:
        raise WeightsError(
            f"{foreign.path} has values that are not finite in {', '.join(bad)}; get it again."
        )
