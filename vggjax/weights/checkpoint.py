"""An Orbax checkpoint of named layers' parameters, with a description in JSON beside them."""

import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import jax
import numpy as np

from vggjax.errors import VggjaxError, WeightsError, one_line
from vggjax.files import atomic_folder, read_regular, require_utf8
from vggjax.model import Parameters
from vggjax.model.config import Shapes
from vggjax.quiet import log_level
from vggjax.weights.bounds import LARGEST_TEXT, check_total
from vggjax.weights.info import layer_digest

_MOST_NUMBERS = 2**28  # of an array; the largest of VGG's has 103 million
_PARAMS = "params"  # the folder of the Orbax checkpoint
_DESCRIPTION = "metadata"  # the description's file, in a folder of its own


@dataclass(frozen=True)
class Kind:
    """What a checkpoint is for: the folder of its description, and the words in its errors."""

    item: str
    noun: str
    overwrite: str  # how one asks for it
    remedy: str

    def is_at(self, folder: Path) -> bool:
        """Whether `folder` looks like such a checkpoint; it may still be damaged."""
        return (folder / _PARAMS).is_dir() and (folder / self.item).is_dir()

    def refuse_existing(self, folder: Path, overwrite: bool) -> None:
        """Raise WeightsError if `folder` exists, unless it is one that may be overwritten.

        And VggjaxError if nothing can be written to a folder of that name.
        """
        require_utf8(folder)
        if folder.exists() and not overwrite:
            raise WeightsError(
                f"{folder} exists already; choose another folder or {self.overwrite}."
            )
        if folder.exists() and not self.is_at(folder):
            raise WeightsError(f"{folder} holds something other than {self.noun}; remove it first.")

    def raise_damaged(self, folder: Path, problems: list[str]) -> None:
        """Raise WeightsError with all `problems`, if there are any."""
        if problems:
            raise WeightsError(f"{folder} is damaged: {'; '.join(problems)}; {self.remedy}.")

    def write(self, folder: Path, params: Parameters, description: dict[str, Any]) -> None:
        """Write the checkpoint, whole or not at all; what was there stays until it is complete."""
        with atomic_folder(folder.absolute()) as temporary:
            (temporary / self.item).mkdir()
            (temporary / self.item / _DESCRIPTION).write_text(json.dumps(description))
            _write_params(temporary / _PARAMS, params)
            old = _set_aside(folder)
        shutil.rmtree(old, ignore_errors=True)

    def read_description(self, folder: Path) -> Any:
        """The description; WeightsError if there is no such checkpoint or it is damaged."""
        if not self.is_at(folder):
            raise WeightsError(f"{folder} is not a folder of {self.noun}.")
        with damage_named(folder):
            return json.loads(read_regular(folder / self.item / _DESCRIPTION, LARGEST_TEXT))


def read_layers(
    folder: Path, shapes: Shapes, digests: dict[str, str]
) -> tuple[Parameters, list[str]]:
    """The layers named in `shapes` as they are stored, and a list of what is wrong with them.

    Nothing else is read; shapes, types and the checksum of every layer are compared.
    """
    params: Parameters = {}
    problems: list[str] = []
    numbers = sum(prod(shape) for roles in shapes.values() for shape in roles.values())
    check_total(4 * numbers, folder)
    with damage_named(folder), _checkpointer() as checkpointer:
        too_large = _too_large(folder, shapes)
        for layer, roles in shapes.items():
            readable = {role for role in roles if (layer, role) not in too_large}
            found: dict[str, Any] = dict.fromkeys(roles)
            found |= {role: _restore(checkpointer, folder, layer, role) for role in readable}
            misfits = [_misfit(layer, role, found[role], shape) for role, shape in roles.items()]
            problems += filter(None, misfits)
            if not any(misfits) and layer_digest(found) != digests.get(layer):
                problems.append(f"the checksum of {layer} differs")
            params[layer] = found
    return params, problems


@contextmanager
def damage_named(folder: Path) -> Iterator[None]:
    """Whatever goes wrong while reading, inside Orbax or after it, means one thing to the user."""
    try:
        with _quiet():
            yield
    except VggjaxError:
        raise
    except Exception as error:
        raise WeightsError(f"{folder} is damaged or incomplete ({one_line(error)}).") from error


@contextmanager
def write_errors_named(folder: Path) -> Iterator[None]:
    """A full disk or a missing permission as a WeightsError."""
    try:
        yield
    except OSError as error:
        raise WeightsError(f"{folder} cannot be written ({error.strerror or error}).") from error


def _checkpointer() -> Any:
    """Each process reads and writes by itself; by default Orbax would wait for the others."""
    import orbax.checkpoint as ocp

    own = jax.process_index()
    alone = ocp.options.MultiprocessingOptions(
        primary_host=own, active_processes={own}, barrier_sync_key_prefix=f"process{own}"
    )
    handler = ocp.PyTreeCheckpointHandler(multiprocessing_options=alone)
    return ocp.Checkpointer(handler, multiprocessing_options=alone)


def _write_params(folder: Path, params: Parameters) -> None:
    import orbax.checkpoint as ocp

    with _quiet(), _checkpointer() as checkpointer:
        checkpointer.save(folder, args=ocp.args.PyTreeSave(params))
    for marker in folder.rglob("commit_success.txt"):
        marker.unlink()  # nothing reads it, and it names the temporary folder


def _set_aside(folder: Path) -> Path:
    """Rename what is where the finished folder is about to go; returns its new path."""
    old = folder.with_name(f".{folder.name}.old")
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
    return old


def _too_large(folder: Path, shapes: Shapes) -> set[tuple[str, str]]:
    """The arrays that say of themselves that they are larger than any network's; none is read."""
    import tensorstore

    place = {"driver": "ocdbt", "base": f"{(folder.absolute() / _PARAMS).as_uri()}/"}
    found = set()
    for layer, role in ((layer, role) for layer, roles in shapes.items() for role in roles):
        with suppress(Exception):  # what is damaged shows when it is read
            store = tensorstore.KvStore.open(place).result()
            array = json.loads(store.read(f"{layer}.{role}/.zarray").result().value)
            if max(prod(array["shape"]), prod(array["chunks"])) > _MOST_NUMBERS:
                found.add((layer, role))
    return found


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


def _quiet() -> AbstractContextManager[None]:
    """Keep Orbax's log of its own doings off the terminal."""
    return log_level(logging.getLogger("absl"), logging.CRITICAL)
