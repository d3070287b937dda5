"""Stored weights: an Orbax checkpoint of the parameters, with a description in JSON beside them."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import jax
import numpy as np

from vggjax.checked_json import CHECKSUM
from vggjax.errors import LayerError, WeightsError
from vggjax.model import Parameters
from vggjax.model.config import parameter_shapes
from vggjax.weights.checkpoint import Kind, damage_named, read_layers, write_errors_named
from vggjax.weights.info import WeightsInfo, digest_layers

STORE = Kind(
    item="info",
    noun="stored weights",
    overwrite="pass --overwrite",
    remedy="remove it and convert or fetch the weights again",
)


def is_store(folder: Path) -> bool:
    """Whether `folder` looks like stored weights; it may still be damaged."""
    return STORE.is_at(folder)


def save(folder: Path, params: Parameters, info: WeightsInfo, *, overwrite: bool = False) -> None:
    """Write `params` and `info` as the folder `folder`, whole or not at all.

    Raises WeightsError if `folder` exists and `overwrite` is not set, if the parameters don't fit
    `info.config`, or if it can't be written. What is overwritten stays until the new is complete.
    """
    STORE.refuse_existing(folder, overwrite)
    params = jax.tree.map(lambda values: np.asarray(values, np.float32), params)
    if jax.tree.map(np.shape, params) != parameter_shapes(info.config):
        raise WeightsError(f"The parameters for {folder} do not have the shapes of their network.")
    with write_errors_named(folder):
        description = {**asdict(info), "digests": digest_layers(params)}
        STORE.write(folder, params, description, overwrite)


def load_info(folder: Path) -> WeightsInfo:
    """The description of stored weights; WeightsError if there are none or they are damaged."""
    content = STORE.read_description(folder)
    with damage_named(folder):
        STORE.require_unchanged(folder, content)
        del content[CHECKSUM]
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
    if layers is None:
        problems += [f"extra {name}" for name in info.digests if name not in known]
    STORE.raise_damaged(folder, problems)
    return params


def verify(folder: Path) -> WeightsInfo:
    """Read everything again and compare it with the description; returns the description.

    Raises WeightsError with the list of all that differs.
    """
    load_parameters(folder)
    return load_info(folder)
