"""Which layers of a weight file are VGG's: by their names, or else by their order and shapes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, permutations
from math import isqrt

import jax.numpy as jnp

from vggjax.errors import WeightsError
from vggjax.model.config import DEPTHS, TOP, Preprocessing, VGGConfig
from vggjax.weights.formats import ForeignWeights
from vggjax.weights.found import FoundLayer, Norm, found_layers

DENSE = TOP[1:]  # fc1, fc2 and predictions
_NAME = re.compile(r"block(\d+)_conv(\d+)$")
_USUAL: dict[str, Preprocessing] = {"torch": "torch", "keras": "caffe"}  # where nothing is stated
_MOST = 60  # letters of a name in a message


@dataclass(frozen=True)
class Match:
    """VGG's layers in a file, by our names; `left_out` are the tensors of no layer of VGG's.

    `assumed` says, in words, what the file doesn't: what images were like, how large they were.
    """

    layers: dict[str, FoundLayer]
    config: VGGConfig
    left_out: tuple[str, ...]
    assumed: tuple[str, ...]


def match(foreign: ForeignWeights) -> Match:
    """The VGG in a file: its convolutions, and its three dense layers where they are VGG's own.

    Raises WeightsError, with the cause and the first tensors, for a file without a VGG's
    convolutions.
    """
    found, norms, others = found_layers(foreign)
    convolutions = _convolutions(found, foreign)
    depths = _depths(convolutions, foreign)
    rest = [layer for layer in found if not layer.is_convolution]
    top = [] if foreign.stated.pooled else _top(rest, convolutions[-1].outputs)
    used = {name for layer in (*convolutions, *top) for name in layer.tensors}
    left_out = [name for layer in found for name in layer.tensors if name not in used] + others
    convolutions = _with_norms(convolutions, norms, foreign)
    names = [f"block{b}_conv{n + 1}" for b, depth in enumerate(depths, 1) for n in range(depth)]
    layers = dict(zip([*names, *DENSE], [*convolutions, *top], strict=False))
    size, about_size = _image_size(top, convolutions[-1].outputs, len(depths), foreign)
    assumed = [*_about_pixels(foreign), *about_size, *_about_layers(layers, norms, foreign)]
    return Match(layers, _config(layers, depths, size, foreign), tuple(left_out), tuple(assumed))


def _config(
    layers: dict[str, FoundLayer], depths: tuple[int, ...], size: int, foreign: ForeignWeights
) -> VGGConfig:
    top = DENSE[0] in layers
    config = VGGConfig(
        widths=tuple(layers[f"block{block}_conv1"].outputs for block in range(1, len(depths) + 1)),
        depths=depths,
        image_size=size,
        top=top,
        preprocessing=foreign.stated.preprocessing or _USUAL[foreign.format],
    )
    if not top:
        return config
    hidden, classes = layers["fc1"].outputs, layers["predictions"].outputs
    return replace(config, hidden=hidden, classes=classes)


def _about_pixels(foreign: ForeignWeights) -> list[str]:
    """What is assumed of images' values."""
    return [] if foreign.stated.preprocessing else [f"{_USUAL[foreign.format]} preprocessing"]


def _about_layers(
    layers: dict[str, FoundLayer], norms: list[Norm], foreign: ForeignWeights
) -> list[str]:
    """What is assumed of kernels, batch normalisations and activations."""
    stated, norm = foreign.stated, layers["block1_conv1"].norm
    # The outputs of the last dense layer are logits.
    linear = {layer.name.split("/")[-1] for name, layer in layers.items() if name != DENSE[-1]}
    without = ", ".join(sorted(linear & {*stated.linear}))
    said = {
        "kernels as Theano turns them": stated.turned is None and foreign.first_axis,
        f"batch normalisation's epsilon {norm.epsilon if norm else 0:g}": norm
        and stated.epsilon is None,
        f"{len(norms)} batch normalisation not among the convolutions, left out": norms
        and not norm,
        f"a ReLU after {without}, where the file has none": without,
    }
    return [words for words, holds in said.items() if holds]


def not_a_vgg(foreign: ForeignWeights, cause: str) -> WeightsError:
    """The error for a file that is none: its cause, and the first tensors, in one sentence."""
    shown = [f"{name[:_MOST]} {value.shape}" for name, value in foreign.tensors.items()][:3]
    more = f"; its first tensors are {', '.join(shown)}" if shown else ""
    return WeightsError(f"{foreign.path} {cause}{more}.")


def _convolutions(found: list[FoundLayer], foreign: ForeignWeights) -> list[FoundLayer]:
    """The 3×3 convolutions, in the order of Keras' names for them or else in the file's."""
    convolutions = [layer for layer in found if layer.is_convolution]
    named = {_NAME.search(layer.name): layer for layer in convolutions}
    if convolutions and None not in named and len(named) == len(convolutions):
        order = sorted((int(m[1]), int(m[2]), m) for m in named if m)
        convolutions = [named[each[2]] for each in order]
    kinds = {layer.kernel.dtype for layer in convolutions}
    if not all(jnp.issubdtype(kind, jnp.floating) for kind in kinds):
        names = ", ".join(sorted(kind.name for kind in kinds))
        raise not_a_vgg(foreign, f"is quantised (its kernels are {names}); save it in floats")
    return convolutions


def _depths(convolutions: Sequence[FoundLayer], foreign: ForeignWeights) -> tuple[int, ...]:
    count = len(convolutions)
    if count not in DEPTHS:
        known = "8, 10, 13 or 16"
        raise not_a_vgg(
            foreign, f"is not a VGG: it has {count} convolutions of 3 x 3, and a VGG has {known}"
        )
    channels = [3, *(layer.outputs for layer in convolutions)]
    for layer, needed in zip(convolutions, channels, strict=False):
        if layer.inputs != needed:
            cause = f"{layer.name[:_MOST]} takes {layer.inputs} channels and gets {needed}"
            raise not_a_vgg(foreign, f"is not a VGG: {cause}")
        if layer.bias is not None and layer.bias.shape != (layer.outputs,):
            cause = f"the bias of {layer.name[:_MOST]} is {layer.bias.shape}"
            raise not_a_vgg(foreign, f"is not a VGG: {cause} for {layer.outputs} channels")
    depths, start = DEPTHS[count], 0
    for depth in depths:
        if len({layer.outputs for layer in convolutions[start : start + depth]}) > 1:
            raise not_a_vgg(foreign, "is not a VGG: widths change within a block")
        start += depth
    return depths


def _with_norms(
    convolutions: list[FoundLayer], norms: list[Norm], foreign: ForeignWeights
) -> list[FoundLayer]:
    """The convolutions with the batch normalisations that follow them, each or none."""
    count = len(convolutions)
    if foreign.stated.norms is not None:
        norms = norms[: foreign.stated.norms]
    elif len(norms) < count and all(norm.before in (0, count) for norm in norms):
        norms = []  # of the user's own layers behind them; Keras 3 has all of a kind together
    if not norms:
        return convolutions
    pairs = list(zip(convolutions, norms, strict=False))
    if len(norms) < count or any(norm.gain.shape != (layer.outputs,) for layer, norm in pairs):
        raise not_a_vgg(
            foreign,
            f"has {len(norms)} batch normalisations that don't belong to its {count} "
            "convolutions one by one, so they can't be folded into them",
        )
    return [replace(layer, norm=norm) for layer, norm in pairs]


def _top(rest: list[FoundLayer], channels: int) -> list[FoundLayer]:
    """fc1, fc2 and predictions, if the file's other layers are just those; else none of them."""
    if len(rest) != len(DENSE):
        return []
    named = {layer.name.split("/")[-1]: layer for layer in rest}
    orders = [[named[name] for name in DENSE]] if {*named} == {*DENSE} else permutations(rest)
    for order in map(list, orders):
        places, odd = divmod(order[0].inputs, channels)
        fits = all(a.outputs == b.inputs for a, b in pairwise(order))
        same = order[0].outputs == order[1].outputs
        fits &= all(layer.bias is None or layer.bias.shape == (layer.outputs,) for layer in order)
        if fits and same and not odd and isqrt(places) ** 2 == places:
            return order
    return []


def _image_size(
    top: list[FoundLayer], channels: int, blocks: int, foreign: ForeignWeights
) -> tuple[int, list[str]]:
    """The side of the images, and what is assumed of it."""
    given = foreign.stated.image_size
    if not top:
        return (given, []) if given else (VGGConfig.image_size, [f"{VGGConfig.image_size} pixels"])
    side = isqrt(top[0].inputs // channels)
    size = side * 2**blocks
    if given and given >> blocks == side:
        return given, []
    if side == 1:
        return size, [f"{size} pixels (or, if maps were averaged before {top[0].name}, more)"]
    return size, []
