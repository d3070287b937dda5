"""Stored weights: an Orbax checkpoint of the parameters, with a description in JSON beside them."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from vggjax.errors import LayerError, WeightsError
from vggjax.model.config import parameter_shapes
from vggjax.weights.checkpoint import Kind, damage_named, read_layers, write_errors_named
from vggjax.weights.info import Parameters, WeightsInfo, digest_layers

_STORE = Kind(
    item="info",
    noun="stored weights",
    overwrite="pass --overwrite",
    remedy="remove it and convert or fetch the weights again",
)


def is_store(folder: Path) -> bool:
    """Whether `folder` looks like stored weights; it may still be damaged."""
    return _STORE.is_at(folder)


def save(folder: Path, params: Parameters, info: WeightsInfo, *, overwrite: bool = False) -> None:
    """Write `params` and `info` as the folder `folder`, whole or not at all.

    Raises WeightsError if `folder` exists and `overwrite` is not set, if the parameters don't fit
    `info.config`, or if it can't be written. What is overwritten stays until the new is complete.
    """
    refuse_existing(folder, overwrite)
    params = {
        layer: {role: np.asarray(values, np.float32) for role, values in roles.items()}
        for layer, roles in params.items()
    }
    shapes = {
        layer: {role: a.shape for role, a in roles.items()} for layer, roles in params.items()
    }
    if shapes != parameter_shapes(info.config):
        raise WeightsError(f"The parameters for {folder} do not have the shapes of their network.")
    with write_errors_named(folder):
        _STORE.write(folder, params, {**info.to_json(), "digests": digest_layers(params)})


def refuse_existing(folder: Path, overwrite: bool) -> None:
    """Raise WeightsError if `folder` exists, unless it is a store that may be overwritten."""
    _STORE.refuse_existing(folder, overwrite)


def load_info(folder: Path) -> WeightsInfo:
    """The description of stored weights; WeightsError if there are none or they are damaged."""
    content = _STORE.read_description(folder)
    with damage_named(folder):
        return WeightsInfo.from_json(content)


def load_parameters(folder: Path, layers: Iterable[str] | None = None) -> Parameters:
    """The parameters of `layers` (all if None) as float32 arrays; nothing else is read.

    Raises LayerError for a layer without parameters, WeightsError for stored weights that are
    damaged: shapes, types and the checksum of every layer read are compared.
    """
    info = load_info(folder)
    known = parameter_shapes(info.config)
    names = list(known if layers is None else layers)
    if unknown := [name for name in names if name not in known]:
        raise LayerError(f"{folder} has no layer {unknown[0]}; it has {', '.join(known)}.")
    params, problems = read_layers(folder, {name: known[name] for name in names}, info.digests)
    _STORE.raise_damaged(folder, problems)
    return params


def verify(folder: Path) -> WeightsInfo:
    """Read everything again and compare it with the description; returns the description.

    Raises WeightsError with the list of all that differs.
    """
    info = load_info(folder)
    shapes = parameter_shapes(info.config)
    _, problems = read_layers(folder, shapes, info.digests)
    extra = [f"extra {name}" for name in info.digests if name not in shapes]
    _STORE.raise_damaged(folder, problems + extra)
    return info
