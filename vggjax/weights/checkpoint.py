"""An Orbax checkpoint of named layers' parameters, with a description in JSON beside them."""

import json
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from errno import EACCES, ELOOP, EMFILE, ENAMETOOLONG, ENFILE, ENOMEM, EPERM, errorcode
from math import prod
from pathlib import Path
from typing import Any

import jax
import numpy as np

from vggjax.checked_json import unchanged, with_checksum
from vggjax.claims import claimed
from vggjax.errors import VggjaxError, WeightsError, one_line
from vggjax.files import read_regular, require_utf8
from vggjax.model import Parameters
from vggjax.model.config import Shapes
from vggjax.quiet import log_level
from vggjax.weights.bounds import LARGEST_TEXT, check_total
from vggjax.weights.info import layer_digest
from vggjax.weights.replacing import mend, put_back, replacing

_MOST_NUMBERS = 2**28  # of an array; the largest of VGG's has 103 million
_PARAMS = "params"  # the folder of the Orbax checkpoint
_DESCRIPTION = "metadata"  # the description's file, in a folder of its own
_QUIET = 0.3  # seconds without a change after which a folder counts as left alone


@dataclass(frozen=True)
class Kind:
    """What a checkpoint is for: the folder of its description, and the words in its errors."""

    item: str
    noun: str
    overwrite: str  # how one asks for it
    remedy: str

    def is_at(self, folder: Path) -> bool:
        """Whether `folder` looks like such a checkpoint; it may still be damaged.

        Where a process was killed while it replaced it, that is mended first.
        """
        mend(folder.absolute(), self._parts)
        return self._looks(folder)

    def refuse_existing(self, folder: Path, overwrite: bool) -> None:
        """Raise WeightsError if `folder` exists, unless it is one that may be overwritten.

        And VggjaxError if nothing can be written to a folder of that name.
        """
        require_utf8(folder)
        mend(folder.absolute(), self._parts)
        self._refuse(folder, overwrite)

    def _refuse(self, folder: Path, overwrite: bool) -> None:
        if folder.exists() and not overwrite:
            raise WeightsError(
                f"{folder} exists already; choose another folder or {self.overwrite}."
            )
        if folder.exists() and not self._looks(folder):
            raise WeightsError(f"{folder} holds something other than {self.noun}; remove it first.")

    def _looks(self, folder: Path) -> bool:
        return all((folder / part).is_dir() for part in self._parts)

    @property
    def _parts(self) -> set[str]:
        return {_PARAMS, self.item}

    def raise_damaged(self, folder: Path, problems: list[str]) -> None:
        """Raise WeightsError with all `problems`, if there are any."""
        if problems:
            raise DamageError(f"{folder} is damaged: {'; '.join(problems)}; {self.remedy}.")

    def require_unchanged(self, folder: Path, content: dict[str, Any]) -> None:
        """Raise DamageError unless a description is what was written."""
        if not unchanged(content):
            self.raise_damaged(folder, ["the checksum of its description differs"])

    def write(
        self, folder: Path, params: Parameters, description: dict[str, Any], overwrite: bool
    ) -> None:
        """Write the checkpoint, whole or not at all; what was there stays until it is complete.

        Raises WeightsError as `refuse_existing` does: another process may have been faster.
        """
        with claimed(folder.absolute()):
            put_back(folder.absolute(), self._parts)
            self._refuse(folder, overwrite)
            with replacing(folder.absolute()) as temporary, _settled(temporary):
                (temporary / self.item).mkdir()
                (temporary / self.item / _DESCRIPTION).write_text(
                    json.dumps(with_checksum(description))
                )
                _write_params(temporary / _PARAMS, params)

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


class DamageError(WeightsError):
    """A checkpoint isn't as it was written."""


# What keeps an undamaged file from being read.
_HINDRANCES = {EACCES, EPERM, EMFILE, ENFILE, ENOMEM, ELOOP, ENAMETOOLONG}


@contextmanager
def damage_named(folder: Path) -> Iterator[None]:
    """Whatever goes wrong while reading, inside Orbax or after it, as one error.

    Raises DamageError, or WeightsError if the system doesn't let the files be read.
    """
    try:
        with _quiet():
            yield
    except VggjaxError:
        raise
    except Exception as error:
        if isinstance(error, MemoryError) or getattr(error, "errno", None) in _HINDRANCES:
            raise WeightsError(f"{folder} cannot be read ({_reason(error)}).") from error
        raise DamageError(f"{folder} is damaged or incomplete ({one_line(error)}).") from error


@contextmanager
def write_errors_named(folder: Path) -> Iterator[None]:
    """A full disk, a missing permission, what can't be stored: all as a WeightsError."""
    try:
        yield
    except VggjaxError:
        raise
    except Exception as error:  # TensorStore has ValueErrors for a full disk
        raise WeightsError(f"{folder} cannot be written ({_reason(error)}).") from error


def _reason(error: Exception) -> str:
    """What the system says, also where it stands somewhere in the text of an error."""
    texts = [os.strerror(number) for number in errorcode]
    return next((text for text in texts if text in str(error)), one_line(error))


@contextmanager
def _settled(folder: Path) -> Iterator[None]:
    """If writing fails, wait until TensorStore's threads have ended, too, which go on with it.

    They would write again what is about to be removed, and have nobody any more to tell of it.
    """
    hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        yield
    except BaseException:
        before, now = None, _sizes(folder)
        while before != now:
            time.sleep(_QUIET)
            before, now = now, _sizes(folder)
        raise
    finally:
        sys.unraisablehook = hook


def _sizes(folder: Path) -> list[tuple[str, int]]:
    """The files in a folder and their sizes; [] while they change under one's eyes."""
    try:
        return sorted((str(path), path.stat().st_size) for path in folder.rglob("*"))
    except OSError:
        return []


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


def _too_large(folder: Path, shapes: Shapes) -> set[tuple[str, str]]:
    """The arrays that say of themselves that they are larger than any network's; none is read."""
    import tensorstore

    found = set()
    with suppress(Exception):  # what is damaged shows when it is read
        place = {"driver": "ocdbt", "base": f"{(folder.absolute() / _PARAMS).as_uri()}/"}
        store = tensorstore.KvStore.open(place).result()
        for layer, role in ((layer, role) for layer, roles in shapes.items() for role in roles):
            with suppress(Exception):
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
