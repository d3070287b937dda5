"""A training that goes on where it was interrupted: its state in a file, and whose that is."""

import hashlib
import io
import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from vggjax.collective import fail_together, from_first, is_first
from vggjax.features import Examples
from vggjax.files import atomic_file, require_writable
from vggjax.model import Parameters
from vggjax.training.history import Epoch, Metrics
from vggjax.training.step import TrainState
from vggjax.weights.checkpoint import write_errors_named

FILE = "training.npz"
SECONDS_BETWEEN = 5.0  # from one writing to the next: short epochs aren't slowed down
_MOST_BESIDE = 2**24  # bytes of a file beside its arrays
_LOOKED_AT = 128  # inputs that tell one set of features from another
_DIGEST = 32  # bytes of a SHA-256, which ends the file: an archive may be followed by anything


@dataclass(frozen=True)
class Lasting:
    """A `folder` in which the checkpoint stays when training has ended, until someone removes it.

    Of what took only some seconds, none stays.
    """

    folder: str | Path


Place = str | Path | Lasting


@dataclass
class Progress:
    """How far a training is. `best` are the trained layers of the best epoch, once there is one."""

    state: TrainState
    best: Parameters | None = None
    history: list[Epoch] = field(default_factory=list)


class Checkpoint:
    """The progress of the training named by `digest`, in a file at `place`, written as it goes.

    The digest takes a while, and is computed when there is something to read or to write. Of the
    parameters only the layers `trained` are kept: the others are where they were.
    Raises WeightsError if the folder can't be written.
    """

    def __init__(self, place: Place, digest: Callable[[], str], trained: list[str]):
        self.lasting = isinstance(place, Lasting)
        folder = Path(place.folder if isinstance(place, Lasting) else place)
        self.path, self.trained = folder / FILE, trained
        self.digest = cache(digest)
        self.epochs = 0  # those that an interruption leaves
        self._has_ended = False  # as far as the file says
        self._written = time.monotonic()
        with fail_together(), write_errors_named(folder):
            require_writable(self.path)

    @property
    def kept(self) -> str:
        """What an interruption leaves, in words; "" for nothing."""
        return f"the training until epoch {self.epochs} is kept" if self.epochs else ""

    def restored(self, fresh: Progress) -> Progress:
        """The progress that was saved; `fresh`, which has its structure, if there is none.

        Another training's file is as good as none, and so is a damaged one.
        """
        if not from_first(self.path.exists):
            return fresh
        digest, most = self.digest(), 2 * _size(fresh.state) + _MOST_BESIDE
        found = from_first(lambda: _read(self.path, digest, most))
        if found is None:
            return fresh
        about, arrays = found
        moved = self._moved(fresh.state.parameters)
        like = self._parts(Progress(fresh.state, moved if about["has_best"] else None), about)
        leaves, structure = jax.tree.flatten(like)
        if len(leaves) != len(arrays):
            return fresh
        parts = jax.tree.unflatten(structure, map(_leaf, arrays, leaves))
        if about["has_ended"]:  # no step will need its optimizer
            parts = (parts, fresh.state.optimizer, parts if about["has_best"] else None)
        moved, optimizer, best = parts
        state = TrainState({**fresh.state.parameters, **moved}, optimizer)
        self.epochs, self._has_ended = len(about["history"]), about["has_ended"]
        return Progress(state, best, [_epoch(row) for row in about["history"]])

    def save(self, progress: Progress) -> None:
        """Write the progress, unless that was done some seconds ago."""
        if from_first(lambda: time.monotonic() - self._written >= SECONDS_BETWEEN):
            self._write(progress, has_ended=False)

    def end(self, progress: Progress) -> None:
        """Training has ended: take the file away, or leave what of it is to last."""
        if not self.lasting:
            self._remove()
        elif self.epochs and not self._has_ended:
            self._write(progress, has_ended=True)

    def _remove(self) -> None:
        """The file goes, and the folder if nothing else is in it."""
        if is_first():
            self.path.unlink(missing_ok=True)
            self._remove_empty()

    def _remove_empty(self) -> None:
        with suppress(OSError):
            self.path.parent.rmdir()

    def _moved(self, tree: Parameters) -> Parameters:
        return {name: tree[name] for name in self.trained}

    def _parts(self, progress: Progress, about: Mapping[str, Any]) -> Any:
        """What is kept of a progress; when training has ended, only the layers that count."""
        moved = self._moved(progress.state.parameters)
        if about["has_ended"]:
            return progress.best or moved
        return moved, progress.state.optimizer, progress.best

    def _write(self, progress: Progress, *, has_ended: bool) -> None:
        about = {
            "digest": self.digest(),
            "history": [asdict(epoch) for epoch in progress.history],
            "has_best": progress.best is not None,
            "has_ended": has_ended,
        }
        with fail_together(), write_errors_named(self.path.parent):
            if is_first():
                leaves = jax.tree.leaves(self._parts(progress, about))
                try:
                    _write(self.path, about, [_numbers(leaf) for leaf in leaves])
                finally:
                    self._remove_empty()
        self._written = time.monotonic()
        self.epochs = len(progress.history)


def _write(path: Path, about: Mapping[str, Any], arrays: Sequence[np.ndarray]) -> None:
    with atomic_file(path) as temporary, temporary.open("w+b") as file:
        np.savez(file, np.array(json.dumps(about)), *arrays)
        file.seek(0)
        checksum = hashlib.file_digest(file, "sha256").digest()
        file.write(checksum)


def _read(path: Path, digest: str, most: int) -> tuple[dict[str, Any], list[np.ndarray]] | None:
    """What `_write` was given, of a file of up to `most` bytes.

    None if there is none, it is damaged, or another training's.
    """
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except FileNotFoundError:
        return None
    archive, checksum = content[:-_DIGEST], content[-_DIGEST:]
    if len(content) > most or hashlib.sha256(archive).digest() != checksum:
        return None
    try:
        with np.load(io.BytesIO(archive)) as stored:
            about = json.loads(str(stored["arr_0"]))
            if about["digest"] != digest:
                return None
            arrays = [stored[f"arr_{number}"] for number in range(1, len(stored.files))]
            return about, arrays
    except Exception:  # it is as it was written, but not by this program
        return None


def _size(tree: Any) -> int:
    """How many bytes the arrays of a tree take."""
    return sum(_numbers(leaf).nbytes for leaf in jax.tree.leaves(tree))


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
