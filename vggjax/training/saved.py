"""A trained head on disk: an Orbax checkpoint, with all that is needed to classify again (R4)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import jax
import numpy as np

from vggjax.checked_json import CHECKSUM
from vggjax.data import WHOLE
from vggjax.errors import WeightsError
from vggjax.model import Chain, JointHead, Parameters, joint_head, parameters
from vggjax.model.layers import KINDS, make_layer, settings_of
from vggjax.weights.checkpoint import Kind, damage_named, read_layers, write_errors_named
from vggjax.weights.info import digest_layers

FORMAT_VERSION = 4
_WITHOUT_CHECKSUM = 3  # the version before: the same otherwise
_LARGEST, _MOST_LAYERS = 2**14, 100  # of a description: sides and settings of layers
_TEXTS = ("layer", "backbone", "preprocessing", "resize", "precision", "weights")
_SAVED = Kind(
    item="classifier",
    noun="saved classifier files",
    overwrite="pass overwrite=True",
    remedy="train and save it again",
)


@dataclass(frozen=True)
class ClassifierInfo:
    """What a saved head belongs to.

    `layer` is the cut, the backbone's last layer; `backbone` the frozen part's identity (see
    `vggjax.model.chain_digest`), `preprocessing` and `image_size` what it starts with;
    `resize` how photos get that size, `views` how each is looked at; `precision` is what the
    backbone computes in; `weights` the name or path to load it from, "" if unknown; `sure_above`
    the confidence from which on a prediction is sure, `about` what is known of it otherwise.
    """

    class_names: tuple[str, ...]
    layer: str
    backbone: str
    preprocessing: str
    image_size: int
    resize: str
    precision: str = "float32"
    weights: str = ""
    views: tuple[str, ...] = (WHOLE,)
    sure_above: float = 0.0
    about: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("class_names", "views"):
            object.__setattr__(self, name, tuple(getattr(self, name)))  # JSON gives a list
        jax.numpy.dtype(self.precision)  # TypeError if there is no such type


def save_head(
    folder: Path, head: Chain | JointHead, info: ClassifierInfo, *, overwrite: bool = False
) -> None:
    """Write `head` and `info` as the folder `folder`, whole or not at all.

    Raises WeightsError if `folder` exists and `overwrite` is not set, if it can't be written, or
    if the head has a kind of layer that can't be saved.
    """
    _SAVED.refuse_existing(folder, overwrite)
    joint = joint_head(head, info.layer)
    params = {
        _stored_name(layer, name): jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), roles)
        for layer in joint.layers
        for name, roles in parameters(joint[layer]).items()
    }
    description = {
        "version": FORMAT_VERSION,
        "info": asdict(info),
        "heads": {
            layer: [_described(joint[layer], name) for name in joint[layer].names]
            for layer in joint.layers
        },
        "shapes": {n: {role: a.shape for role, a in roles.items()} for n, roles in params.items()},
        "digests": digest_layers(params),
    }
    with write_errors_named(folder):
        _SAVED.write(folder, params, description, overwrite)


def load_head(folder: Path) -> tuple[Chain | JointHead, ClassifierInfo]:
    """The head that `save_head` wrote, bit by bit, and what it belongs to.

    Raises WeightsError if there is none, it is damaged, or another version wrote it.
    """
    content = _SAVED.read_description(folder)
    with damage_named(folder):
        if CHECKSUM in content or content["version"] == FORMAT_VERSION:
            _SAVED.require_unchanged(folder, content)
        if content["version"] not in (FORMAT_VERSION, _WITHOUT_CHECKSUM):
            raise WeightsError(
                f"{folder} has format {content['version']}, which this version of vggjax does not "
                "know; train and save it again."
            )
        _check(content)
        info = ClassifierInfo(**content["info"])
        shapes = {
            name: {role: tuple(shape) for role, shape in roles.items()}
            for name, roles in content["shapes"].items()
        }
        params, problems = read_layers(folder, shapes, content["digests"])
        _SAVED.raise_damaged(folder, problems)
        heads = {
            layer: _rebuilt(described, layer, params)
            for layer, described in content["heads"].items()
        }
        alone = tuple(heads) == (info.layer,)
        return heads[info.layer] if alone else JointHead(heads), info


def _check(content: Mapping[str, Any]) -> None:
    """Raise ValueError unless a description's values are of the kinds and sizes that heads have."""
    info = content["info"]
    lists = [info[key] for key in ("class_names", "views") if key in info]
    texts = [info.get(key, "") for key in _TEXTS]
    layers = [layer for head in content["heads"].values() for layer in head]
    settings = [value for layer in layers for value in layer["settings"].values()]
    shapes = [shape for roles in content["shapes"].values() for shape in roles.values()]
    sure_above = info.get("sure_above", 0)
    right = {
        "lists of names": all(
            isinstance(each, list) and all(isinstance(name, str) for name in each) for each in lists
        ),
        "texts": all(isinstance(text, str) for text in texts),
        "about": isinstance(info.get("about", {}), dict),
        "image_size": type(info["image_size"]) is int and 1 <= info["image_size"] <= _LARGEST,
        "sure_above": type(sure_above) in (int, float) and 0 <= sure_above <= 1,
        "layers": len(layers) <= _MOST_LAYERS
        and all(isinstance(layer["name"], str) for layer in layers),
        "settings": all(map(_is_setting, settings)),
        "shapes": all(type(side) is int and side > 0 for shape in shapes for side in shape),
    }
    if wrong := [name for name, good in right.items() if not good]:
        raise ValueError(f"its {wrong[0]} can't be")


def _is_setting(value: Any) -> bool:
    """Whether a layer may have such a setting: a flag, a name, or a number of usual size."""
    return isinstance(value, str) or (isinstance(value, int | float) and 0 <= value <= _LARGEST)


def _stored_name(layer: str, name: str) -> str:
    """What a layer of the head on `layer` is called in the checkpoint."""
    return f"{layer}.{name}"


def _rebuilt(described: list[dict[str, Any]], layer: str, params: Parameters) -> Chain:
    return Chain(
        {
            each["name"]: make_layer(
                each["kind"], each["settings"], params.get(_stored_name(layer, each["name"]), {})
            )
            for each in described
        }
    )


def _described(head: Chain, name: str) -> dict[str, Any]:
    layer = head[name]
    kind = getattr(layer, "kind", type(layer).__name__)
    if kind not in KINDS:
        raise WeightsError(f"A head with a layer of the kind {kind} ({name}) cannot be saved.")
    return {"name": name, "kind": kind, "settings": settings_of(layer)}
