"""What a Keras file says of the model that its weights are of: its images, its kernels' order."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vggjax.model.config import Preprocessing

# `Rescaling(scale, offset)` before the first convolution.
_RESCALINGS: Mapping[tuple[float, float], Preprocessing] = {
    (round(1 / 255, 6), 0.0): "unit",
    (round(1 / 127.5, 6), -1.0): "tf",
}
# What Keras makes of `vgg16.preprocess_input` inside a model: channels turned, means taken off.
_TURNED = ("GetItem", "Stack", "SlicingOpLambda", "Flip")
_TAKEN_OFF = ("Add", "Subtract", "BiasAdd", "TFOpLambda")
# Layers that change neither pixels nor their meaning when a model isn't trained.
_HARMLESS = ("InputLayer", "Functional", "Model", "Sequential", "Dropout", "GaussianNoise",
             "ZeroPadding2D", "Resizing", "CenterCrop", "Activation", "Cast")  # fmt: skip
_POOLED = ("GlobalAveragePooling2D", "GlobalMaxPooling2D")
_SHAPES = ("batch_shape", "batch_input_shape", "shape")


@dataclass(frozen=True)
class Stated:
    """What a file states; None or empty where it says nothing.

    `turned`: convolutions are Theano's, which turn their kernels by 180°; `channels_first`: maps
    are flattened (C, H, W); `pooled`: the dense layers stand behind maps averaged over all places;
    `norms`: how many batch normalisations come before the last pooling, with which `epsilon`;
    `odd` names a layer before the first convolution that isn't known here; `linear` are layers
    of kernels without a ReLU.
    """

    preprocessing: Preprocessing | None = None
    image_size: int | None = None
    turned: bool | None = None
    channels_first: bool = False
    pooled: bool = False
    norms: int | None = None
    epsilon: float | None = None
    odd: str = ""
    linear: tuple[str, ...] = ()


def stated(model: str | bytes | None, backend: str | None, version: str = "") -> Stated:
    """What the JSON of a model, and the attributes beside it, say."""
    turned = None if backend is None else backend == "theano"
    if version.startswith("3"):  # which has no Theano
        turned = False
    if model is None:
        return Stated(turned=turned)
    layers = list(_leaves(json.loads(model)))
    kinds = [kind for kind, _ in layers]
    first = next((i for i, kind in enumerate(kinds) if kind == "Conv2D"), len(kinds))
    dense = kinds.index("Dense") if "Dense" in kinds else len(kinds)
    last = max((i for i, kind in enumerate(kinds) if kind == "MaxPooling2D"), default=dense)
    preprocessing, odd = _preprocessing(layers[:first])
    epsilons = {own["epsilon"] for kind, own in layers if kind == "BatchNormalization"}
    return Stated(
        preprocessing=preprocessing,
        image_size=_image_size(layers),
        turned=turned,
        channels_first=any(own.get("data_format") == "channels_first" for _, own in layers),
        pooled=any(kind in _POOLED for kind in kinds[:dense]),
        norms=kinds[:last].count("BatchNormalization"),
        epsilon=epsilons.pop() if len(epsilons) == 1 else None,
        odd=odd,
        linear=_linear(layers),
    )


def _leaves(node: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The layers of a model in order, those of models within it in their place."""
    if not isinstance(node, dict):
        return
    own = node.get("config")
    inside = own if isinstance(own, list) else (own or {}).get("layers")
    if isinstance(inside, list):
        for layer in inside:
            yield from _leaves(layer)
    elif isinstance(own, dict):
        yield str(node.get("class_name")), own


def _preprocessing(before: list[tuple[str, dict[str, Any]]]) -> tuple[Preprocessing | None, str]:
    """What happens to images before the first convolution: its name, or the layer that is odd."""
    doing = [(k, own) for k, own in before if k not in _HARMLESS and not k.startswith("Random")]
    kinds = [kind for kind, _ in doing]
    if not kinds:
        return None, ""
    if kinds == ["Rescaling"]:
        own = doing[0][1]
        if all(isinstance(own.get(key), (int, float)) for key in ("scale", "offset")):
            known = _RESCALINGS.get((round(own["scale"], 6), float(own["offset"])))
            return known, "" if known else f"Rescaling({own['scale']:g}, {own['offset']:g})"
    turned = any(kind in _TURNED for kind in kinds)
    if turned and all(kind in (*_TURNED, *_TAKEN_OFF) for kind in kinds) and len(kinds) > 1:
        return "caffe", ""
    return None, kinds[0]


def _image_size(layers: list[tuple[str, dict[str, Any]]]) -> int | None:
    """The side of the images, if the model takes square ones of one size."""
    for _, own in layers:
        shape = next((own[key] for key in _SHAPES if own.get(key)), None)
        sides = {size for size in (shape or ()) if type(size) is int and size > 4}
        if shape:
            return sides.pop() if len(sides) == 1 else None
    return None


def _linear(layers: list[tuple[str, dict[str, Any]]]) -> tuple[str, ...]:
    """Layers of kernels whose outputs stay as they are; the last one's are logits."""
    kernels = [
        (own, layers[i + 1][0] if i + 1 < len(layers) else "")
        for i, (kind, own) in enumerate(layers)
        if kind in ("Conv2D", "Dense")
    ]
    after = ("ReLU", "Activation", "BatchNormalization")
    return tuple(
        str(own.get("name"))
        for own, following in kernels[:-1]
        if own.get("activation") == "linear" and following not in after
    )
