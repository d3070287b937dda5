"""Rows of features on disk, found by the content that they were computed from."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from vggjax.errors import DataError
from vggjax.files import atomic_file, write_json

KEY_BYTES = 32
SEGMENT_BYTES = 16 * 2**20  # in memory until they are written, for each layer


@dataclass(frozen=True, repr=False)
class Features:
    """Features of N images, on disk or in memory: indexing reads just the rows asked for.

    Behaves like an array (N, *shape) that can be indexed along its first axis with an integer, a
    slice or an array of integers, and turned into one with `np.asarray`.
    """

    segments: tuple[np.ndarray, ...]
    segment_of: np.ndarray
    row_of: np.ndarray
    row_shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, *row_shape)."""
        return (len(self.row_of), *self.row_shape)

    def __len__(self) -> int:
        return len(self.row_of)

    def __repr__(self) -> str:
        return f"Features({self.shape}, {self.dtype})"

    def __getitem__(self, indices: int | slice | np.ndarray) -> np.ndarray:
        segment_of, row_of = self.segment_of[indices], self.row_of[indices]
        if row_of.ndim == 0:
            return np.array(self.segments[segment_of]["row"][row_of])
        rows = np.empty((len(row_of), *self.row_shape), self.dtype)
        for segment in np.unique(segment_of):
            here = segment_of == segment
            rows[here] = self.segments[segment]["row"][row_of[here]]
        return rows

    def subset(self, indices: np.ndarray) -> "Features":
        """The features of the images at `indices`, not read yet."""
        positions = self.segment_of[indices], self.row_of[indices]
        return Features(self.segments, *positions, self.row_shape, self.dtype)

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(dtype or self.dtype, copy=False)


@dataclass
class FeatureStore:
    """The features of one frozen chain, one row per image, in files that never change.

    A segment is one `.npy` file of (key, row) records that appears under its name only when it is
    complete. So an interrupted extraction keeps what it finished, writers need no lock, and a
    truncated file costs a recomputation, never a wrong number.
    """

    folder: Path
    row_shape: tuple[int, ...]
    dtype: np.dtype
    about: dict[str, str] = field(default_factory=dict)
    segments: list[np.ndarray] = field(default_factory=list)
    positions: dict[bytes, tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path in sorted(self.folder.glob("*.npy")):
            self.open_segment(path)

    @property
    def record(self) -> np.dtype:
        """One record: the key of an image's content, and its row of features."""
        return self._record_of(self.dtype)

    @property
    def stored(self) -> np.dtype:
        """The same in a file: types that NumPy's files don't know, as integers of their bits."""
        bits = np.dtype(f"u{self.dtype.itemsize}")
        return self._record_of(self.dtype if self.dtype.isbuiltin == 1 else bits)

    def _record_of(self, dtype: np.dtype) -> np.dtype:
        return np.dtype([("key", np.uint8, (KEY_BYTES,)), ("row", dtype, self.row_shape)])

    def missing(self, keys: np.ndarray) -> np.ndarray:
        """Indices of those `keys` (N, 32) that have no row yet; a repeated key is listed once."""
        first = {key.tobytes(): index for index, key in reversed(list(enumerate(keys)))}
        new = sorted(index for key, index in first.items() if key not in self.positions)
        return np.array(new, np.int64)

    def select(self, keys: np.ndarray) -> Features:
        """The rows of `keys` (N, 32), all of which must be there."""
        found = [self.positions[key.tobytes()] for key in keys]
        segment_of, row_of = np.array(found, np.int64).reshape(-1, 2).T
        return Features(tuple(self.segments), segment_of, row_of, self.row_shape, self.dtype)

    def add_segment(self, records: np.ndarray) -> None:
        """Write the `records` as a segment, and take up their rows."""
        path = self.folder / f"{uuid.uuid4().hex}.npy"
        with atomic_file(path) as temporary, temporary.open("wb") as file:
            np.save(file, records.view(self.stored))
        self.open_segment(path)

    def open_segment(self, path: Path) -> None:
        """Take up the rows of a complete segment."""
        try:
            records = np.load(path, mmap_mode="r")
        except (OSError, ValueError, EOFError):
            return  # damaged: its rows count as missing and are computed again
        if records.dtype != self.stored or records.ndim != 1:
            return
        number = len(self.segments)
        self.segments.append(records.view(self.record))
        for row, key in enumerate(_read_keys(path, records)):
            self.positions[key] = number, row


def _read_keys(path: Path, records: np.memmap) -> Iterator[bytes]:
    """The records' keys, read from the file: through the mapping, whole rows would stay around."""
    with path.open("rb", buffering=0) as file:
        for start in range(records.offset, records.offset + records.nbytes, records.itemsize):
            file.seek(start)
            yield file.read(KEY_BYTES)


class Writer:
    """Takes the rows of a store's new `keys` (N, 32), in that order, and writes full segments.

    The last one is as long as the keys that are left. The store's `about` is written beside them,
    for people who look into the cache.
    """

    def __init__(self, store: FeatureStore, keys: np.ndarray):
        write_json(store.folder / "about.json", store.about)
        self._store, self._keys = store, keys
        self._segment, self._filled = self._empty(), 0

    def write(self, rows: np.ndarray) -> None:
        """Take the next rows (n, *row_shape)."""
        if len(rows) > len(self._keys):
            raise ValueError("There are more rows than keys.")
        while len(rows):
            part = self._segment[self._filled :][: len(rows)]
            part["key"], part["row"] = self._keys[: len(part)], self._kept(rows[: len(part)])
            self._keys, rows = self._keys[len(part) :], rows[len(part) :]
            self._filled += len(part)
            if self._filled == len(self._segment):
                self._store.add_segment(self._segment)
                self._segment, self._filled = self._empty(), 0

    def _kept(self, rows: np.ndarray) -> np.ndarray:
        """The rows in the store's type; DataError if it is too narrow for them."""
        dtype = self._store.dtype
        with np.errstate(over="ignore"):
            kept = rows.astype(dtype, copy=False)
        if dtype == np.float16 and (np.isinf(kept) > np.isinf(rows)).any():
            raise DataError(
                f"There is a feature of {np.abs(rows).max():.3g}, more than float16 can hold; keep "
                "them as bfloat16 or float32."
            )
        return kept

    def _empty(self) -> np.ndarray:
        most = max(1, SEGMENT_BYTES // self._store.record.itemsize)
        return np.empty(min(len(self._keys), most), self._store.record)
