"""VGG as data: which layers there are, in which order, and how large."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from itertools import pairwise
from typing import Any, Literal, get_args

from vggjax.errors import LayerError

Preprocessing = Literal["caffe", "torch", "unit", "tf", "raw"]
TOP = ("flatten", "fc1", "fc2", "predictions")  # after the convolutions, if they are there
# VGG11, 13, 16 and 19 (arXiv 1409.1556, table 1: A, B, D, E), by their number of convolutions
DEPTHS = {8: (1, 1, 2, 2, 2), 10: (2, 2, 2, 2, 2), 13: (2, 2, 3, 3, 3), 16: (2, 2, 4, 4, 4)}
# What a description of weights may ask for; each is far more than any VGG's.
_MOST_BLOCKS = 10
_LARGEST = {
    "widths": 2**14,
    "depths": 50,
    "hidden": 2**16,
    "classes": 2**20,
    "image_size": 2**14,
}
Shapes = dict[str, dict[str, tuple[int, ...]]]


@dataclass(frozen=True)
class VGGConfig:
    """Size and input convention of a VGG network; the defaults are VGG16 (arXiv 1409.1556, D).

    `widths` and `depths` give the channels and the number of convolutions of each block, `hidden`
    the width of `fc1` and `fc2`. With `top=False` the chain ends at the last pooling layer.

    >>> vgg19 = VGGConfig(depths=(2, 2, 4, 4, 4), top=False)
    >>> [layer.name for layer in layer_table(vgg19)][-2:]
    ['block5_conv4', 'block5_pool']
    """

    widths: tuple[int, ...] = (64, 128, 256, 512, 512)
    depths: tuple[int, ...] = (2, 2, 3, 3, 3)
    hidden: int = 4096
    classes: int = 1000
    image_size: int = 224
    top: bool = True
    preprocessing: Preprocessing = "caffe"

    def __post_init__(self) -> None:
        if len(self.widths) != len(self.depths):
            raise LayerError("A VGG configuration needs one width and one depth for each block.")
        if min(*self.widths, *self.depths, self.hidden, self.classes, self.image_size) < 1:
            raise LayerError("Every size in a VGG configuration must be at least 1.")
        if self.image_size < 2 ** len(self.widths):
            raise LayerError(
                f"An image of {self.image_size} pixels is too small for {len(self.widths)} "
                f"pooling layers; it needs at least {2 ** len(self.widths)}."
            )

    def to_json(self) -> dict[str, Any]:
        """The configuration as JSON-compatible data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "VGGConfig":
        """The configuration that `to_json` described; ValueError if it is none, or too large."""
        tuples = {key: tuple(data[key]) for key in ("widths", "depths")}
        _check_stated({**data, **tuples})
        return cls(**{**data, **tuples})


@dataclass(frozen=True)
class LayerSpec:
    """One layer of the chain: its Keras name, its kind, and its kernel's shape if it has one.

    Kernels are (3, 3, in, out) for convolutions and (in, out) for dense layers.
    """

    name: str
    kind: str
    kernel: tuple[int, ...] | None = None
    relu: bool = False


def _check_stated(data: Mapping[str, Any]) -> None:
    """Raise ValueError unless a description's sizes are numbers that a network can have."""
    if len(data["widths"]) > _MOST_BLOCKS or len(data["depths"]) > _MOST_BLOCKS:
        raise ValueError(f"it has over {_MOST_BLOCKS} blocks")
    for key, most in _LARGEST.items():
        values = data.get(key, 1)
        for value in values if isinstance(values, tuple) else (values,):
            if type(value) is not int or not 1 <= value <= most:
                raise ValueError(f"{key} must be from 1 to {most:,}, not {str(value)[:20]}")
    if type(data.get("top", True)) is not bool:
        raise ValueError("top must be true or false")
    if data.get("preprocessing", "caffe") not in get_args(Preprocessing):
        raise ValueError(f"unknown preprocessing {str(data['preprocessing'])[:20]}")


def layer_table(config: VGGConfig) -> tuple[LayerSpec, ...]:
    """All layers in order, `preprocess` … `block5_pool`, `flatten`, `fc1`, `fc2`, `predictions`."""
    layers = [LayerSpec("preprocess", "preprocess")]
    channels, side = 3, config.image_size
    for block, (width, depth) in enumerate(zip(config.widths, config.depths, strict=True), start=1):
        for number in range(1, depth + 1):
            name = f"block{block}_conv{number}"
            layers.append(LayerSpec(name, "convolution", (3, 3, channels, width), relu=True))
            channels = width
        layers.append(LayerSpec(f"block{block}_pool", "pool"))
        side //= 2
    if config.top:
        sizes = (side * side * channels, config.hidden, config.hidden, config.classes)
        layers.append(LayerSpec("flatten", "flatten"))
        for name, kernel in zip(("fc1", "fc2", "predictions"), pairwise(sizes), strict=True):
            layers.append(LayerSpec(name, "dense", kernel, relu=name != "predictions"))
    return tuple(layers)


def parameter_shapes(config: VGGConfig) -> Shapes:
    """The shape of every parameter: `{layer: {"kernel": …, "bias": …}}`, in order."""
    return {
        layer.name: {"kernel": layer.kernel, "bias": layer.kernel[-1:]}
        for layer in layer_table(config)
        if layer.kernel is not None
    }


def layer_position(name: str, names: Sequence[str]) -> int:
    """Where in `names` the layer `name` stands; LayerError, with the likeliest one, if nowhere."""
    if name in names:
        return names.index(name)
    if name in TOP and names[-1].endswith("_pool"):
        raise LayerError(f"These weights end at {names[-1]}: take {names[-1]} or an earlier layer.")
    close = get_close_matches(name, names, n=1)
    ends = f"the layers go from {names[0]} to {names[-1]}."
    known = f"did you mean {close[0]}?" if close else ends
    raise LayerError(f"There is no layer '{name}'; {known}")
