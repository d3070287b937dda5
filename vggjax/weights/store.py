"""Stored weights: an Orbax checkpoint of the parameters, with a description in JSON beside them."""

import logging
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from vggjax.errors import LayerError, VggjaxError, WeightsError
from vggjax.files import atomic_folder
from vggjax.model.config import Shapes, parameter_shapes
from vggjax.weights.info import Parameters, WeightsInfo, digest_layers, layer_digest

_PARAMS, _INFO = "params", "info"  # the items of the checkpoint


def is_store(folder: Path) -> bool:
    """Whether `folder` looks like stored weights; it may still be damaged."""
    return (folder / _PARAMS).is_dir() and (folder / _INFO).is_dir()


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
    try:
        with atomic_folder(folder.absolute()) as temporary:
            _write(temporary, params, info)
            old = _set_aside(folder)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise WeightsError(f"{folder} cannot be written ({error.strerror or error}).") from error


def refuse_existing(folder: Path, overwrite: bool) -> None:
    """Raise WeightsError if `folder` exists, unless it is a store that may be overwritten."""
    if folder.exists() and not overwrite:
        raise WeightsError(f"{folder} exists already; choose another folder or pass --overwrite.")
    if folder.exists() and not is_store(folder):
        raise WeightsError(f"{folder} holds something other than stored weights; remove it first.")


def load_info(folder: Path) -> WeightsInfo:
    """The description of stored weights; WeightsError if there are none or they are damaged."""
    import orbax.checkpoint as ocp

    if not is_store(folder):
        raise WeightsError(f"{folder} is not a folder of stored weights.")
    with _damage_named(folder), ocp.Checkpointer(ocp.JsonCheckpointHandler()) as checkpointer:
        content = checkpointer.restore(folder.absolute() / _INFO, args=ocp.args.JsonRestore())
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
    params, problems = _read(folder, {name: known[name] for name in names}, info.digests)
    _raise(folder, problems)
    return params


def verify(folder: Path) -> WeightsInfo:
    """Read everything again and compare it with the description; returns the description.

    Raises WeightsError with the list of all that differs.
    """
    info = load_info(folder)
    shapes = parameter_shapes(info.config)
    _, problems = _read(folder, shapes, info.digests)
    _raise(folder, problems + [f"extra {name}" for name in info.digests if name not in shapes])
    return info


def _write(folder: Path, params: Parameters, info: WeightsInfo) -> None:
    import orbax.checkpoint as ocp

    items = {
        _PARAMS: ocp.args.PyTreeSave(params),
        _INFO: ocp.args.JsonSave({**info.to_json(), "digests": digest_layers(params)}),
    }
    handler = ocp.CompositeCheckpointHandler()
    with _quiet(), ocp.AsyncCheckpointer(handler) as checkpointer:
        checkpointer.save(folder, args=ocp.args.Composite(**items), force=True)
        checkpointer.wait_until_finished()
    for marker in folder.rglob("commit_success.txt"):
        marker.unlink()  # nothing reads it, and it names the temporary folder


def _set_aside(folder: Path) -> Path:
    """Make room where the finished folder is about to go; returns where the old one is now."""
    old = folder.with_name(f".{folder.name}.old")
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
    return old


def _read(folder: Path, shapes: Shapes, digests: dict[str, str]) -> tuple[Parameters, list[str]]:
    """The layers named in `shapes` as they are stored, and a list of what is wrong with them."""
    import orbax.checkpoint as ocp

    params: Parameters = {}
    problems: list[str] = []
    with _damage_named(folder), ocp.Checkpointer(ocp.PyTreeCheckpointHandler()) as checkpointer:
        for layer, roles in shapes.items():
            found = {role: _restore(checkpointer, folder, layer, role) for role in roles}
            misfits = [_misfit(layer, role, found[role], shape) for role, shape in roles.items()]
            problems += filter(None, misfits)
            if not any(misfits) and layer_digest(found) != digests.get(layer):
                problems.append(f"the checksum of {layer} differs")
            params[layer] = found
    return params, problems


def _restore(checkpointer: Any, folder: Path, layer: str, role: str) -> Any:
    """One array as it is stored, or None if it can't be read.

    One at a time, because of several that fail together Orbax reports one and drops the others'
    tracebacks on stderr. Without a target, because it would cut, pad and cast to fit one.
    """
    import orbax.checkpoint as ocp

    restore = ocp.args.PyTreeRestore(
        item={layer: {role: 0}},
        restore_args={layer: {role: ocp.RestoreArgs(restore_type=np.ndarray)}},
        partial_restore=True,
    )
    try:
        return checkpointer.restore(folder.absolute() / _PARAMS, args=restore)[layer][role]
    except Exception:  # whatever goes wrong in there, the array can't be read
        return None


def _misfit(layer: str, role: str, found: Any, shape: tuple[int, ...]) -> str:
    if not isinstance(found, np.ndarray):
        return f"{layer}/{role} cannot be read"
    if (found.shape, found.dtype) != (shape, np.float32):
        return f"{layer}/{role} is {found.dtype} {found.shape}, not float32 {shape}"
    return ""


def _raise(folder: Path, problems: list[str]) -> None:
    if problems:
        raise WeightsError(
            f"{folder} is damaged: {'; '.join(problems)}; "
            "remove it and convert or fetch the weights again."
        )


@contextmanager
def _damage_named(folder: Path) -> Iterator[None]:
    """Whatever goes wrong inside Orbax while reading means one thing to the user."""
    try:
        with _quiet():
            yield
    except VggjaxError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise WeightsError(f"{folder} is damaged or incomplete ({reason}).") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Orbax's log of its own doings off the terminal."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
