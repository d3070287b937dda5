"""A training that goes on where it was interrupted: its state in a file, and whose that is."""

import hashlib
import json
import time
import zipfile
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from vggjax.collective import fail_together, from_first, is_first
from vggjax.features import Examples
from vggjax.files import atomic_file
from vggjax.model import Parameters
from vggjax.training.history import Epoch, Metrics
from vggjax.training.step import TrainState
from vggjax.weights.checkpoint import write_errors_named

FILE = "training.npz"
SECONDS_BETWEEN = 5.0  # from one writing to the next: short epochs aren't slowed down
_LOOKED_AT = 128  # inputs that tell one set of features from another
_DAMAGED = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error)


@dataclass
class Progress:
    """How far a training is. `best` are the trained layers of the best epoch, once there is one."""

    state: TrainState
    best: Parameters | None = None
    history: list[Epoch] = field(default_factory=list)


class Checkpoint:
    """The progress of the training named by `digest`, in a file of `folder`, written as it goes.

    Of the parameters only the layers `trained` are kept: the others are where they were.
    Raises WeightsError if the folder can't be written.
    """

    def __init__(self, folder: Path, digest: str, trained: list[str]):
        self.path = folder / FILE
        self.digest, self.trained = digest, trained
        self._written = time.monotonic()
        with fail_together(), write_errors_named(folder):
            folder.mkdir(parents=True, exist_ok=True)

    def restored(self, fresh: Progress) -> Progress:
        """The progress that was saved; `fresh`, which has its structure, if there is none.

        Another training's file is as good as none, and so is a damaged one.
        """
        found = from_first(self._read)
        if found is None:
            return fresh
        history, has_best, arrays = found
        moved = self._moved(fresh.state.parameters)
        like = (moved, fresh.state.optimizer, moved if has_best else None)
        leaves, structure = jax.tree.flatten(like)
        if len(leaves) != len(arrays):
            return fresh
        moved, optimizer, best = jax.tree.unflatten(structure, map(_leaf, arrays, leaves))
        state = TrainState({**fresh.state.parameters, **moved}, optimizer)
        return Progress(state, best, [_epoch(row) for row in history])

    def save(self, progress: Progress) -> None:
        """Write the progress, unless that was done some seconds ago."""
        with fail_together(), write_errors_named(self.path.parent):
            if is_first() and time.monotonic() - self._written >= SECONDS_BETWEEN:
                self._write(progress)
                self._written = time.monotonic()

    def remove(self) -> None:
        """Take the file away, and the folder if nothing else is in it."""
        if is_first():
            self.path.unlink(missing_ok=True)
            if not any(self.path.parent.iterdir()):
                self.path.parent.rmdir()

    def _moved(self, tree: Parameters) -> Parameters:
        return {name: tree[name] for name in self.trained}

    def _write(self, progress: Progress) -> None:
        state = progress.state
        kept = (self._moved(state.parameters), state.optimizer, progress.best)
        about = {
            "digest": self.digest,
            "history": [asdict(epoch) for epoch in progress.history],
            "has_best": progress.best is not None,
        }
        arrays = [_numbers(leaf) for leaf in jax.tree.leaves(kept)]
        with atomic_file(self.path) as temporary, temporary.open("wb") as file:
            np.savez(file, np.array(json.dumps(about)), *arrays)

    def _read(self) -> tuple[list[Any], bool, list[np.ndarray]] | None:
        try:
            with self.path.open("rb") as file, np.load(file) as stored:
                about = json.loads(str(stored["arr_0"]))
                if about["digest"] != self.digest:
                    return None
                arrays = [stored[f"arr_{number}"] for number in range(1, len(stored.files))]
                return about["history"], about["has_best"], arrays
        except _DAMAGED:
            return None


def run_digest(*facts: str | Examples | None, state: Any) -> str:
    """SHA-256 (64 hex digits) of all that a training's course depends on.

    Of examples that is the labels, and of their inputs the `keys`, where they have such, or a
    sample; `state` are the arrays that an optimizer starts with.
    """
    digest = hashlib.sha256(f"{jax.__version__} {jax.device_count()}".encode())
    for fact in facts:
        own = fact if isinstance(fact, str) else _examples_digest(fact)
        digest.update(f"{len(own)} {own}".encode())
    for leaf in jax.tree.leaves(state):
        digest.update(_numbers(leaf).tobytes())
    return digest.hexdigest()


def _examples_digest(examples: Examples | None) -> str:
    if examples is None:
        return ""
    keys = getattr(examples.inputs, "keys", None)
    rows = keys() if keys else examples.sample(_LOOKED_AT)
    digest = hashlib.sha256(f"{len(examples)} {rows.shape} {rows.dtype}".encode())
    digest.update(examples.labels.tobytes())
    digest.update(rows.tobytes())
    return digest.hexdigest()


def _is_key(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _numbers(leaf: Any) -> np.ndarray:
    """What stands in a leaf of an optimizer's state, also in a random key."""
    if isinstance(leaf, jax.Array):
        leaf = leaf.addressable_data(0)
    return np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)


def _leaf(numbers: np.ndarray, like: Any) -> jax.Array:
    """The leaf whose `_numbers` were stored; a file has no name for types such as bfloat16."""
    if _is_key(like):
        return jax.random.wrap_key_data(jnp.asarray(numbers), impl=jax.random.key_impl(like))
    dtype = jnp.asarray(like).dtype
    return jnp.array(numbers.view(dtype) if numbers.dtype.kind == "V" else numbers, dtype)


def _epoch(row: dict[str, Any]) -> Epoch:
    train, validation = row["train"], row["validation"]
    return Epoch(row["number"], Metrics(**train), validation and Metrics(**validation))
