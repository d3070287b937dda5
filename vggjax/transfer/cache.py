"""Rows of features on disk, found by the content that they were computed from."""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from vggjax.files import atomic_file, write_json

KEY_BYTES = 32
SEGMENT_BYTES = 64 * 2**20


@dataclass(frozen=True)
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
        places = self.segment_of[indices], self.row_of[indices]
        return Features(self.segments, *places, self.row_shape, self.dtype)

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
    segments: list[np.ndarray] = field(default_factory=list)
    places: dict[bytes, tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path in sorted(self.folder.glob("*.npy")):
            self._open(path)

    @property
    def record(self) -> np.dtype:
        """One record: the key of an image's content, and its row of features."""
        return np.dtype([("key", np.uint8, (KEY_BYTES,)), ("row", self.dtype, self.row_shape)])

    def missing(self, keys: np.ndarray) -> np.ndarray:
        """Indices of those `keys` (N, 32) that have no row yet; a repeated key is listed once."""
        first = {key.tobytes(): index for index, key in reversed(list(enumerate(keys)))}
        return np.array(sorted(i for key, i in first.items() if key not in self.places), np.int64)

    def add(self, keys: np.ndarray, rows: Iterable[np.ndarray], about: dict[str, str]) -> None:
        """Store `rows`, an iterable of batches (b, *row_shape), under `keys` (N, 32).

        `about` is written beside them, for people who look into the cache.
        """
        write_json(self.folder / "about.json", about)
        per_segment = max(1, SEGMENT_BYTES // self.record.itemsize)
        batches = _Regrouped(rows)
        for start in range(0, len(keys), per_segment):
            self._write(keys[start : start + per_segment], batches)

    def select(self, keys: np.ndarray) -> Features:
        """The rows of `keys` (N, 32), all of which must be there."""
        places = np.array([self.places[key.tobytes()] for key in keys], np.int64).reshape(-1, 2)
        segments = tuple(self.segments)
        return Features(segments, places[:, 0], places[:, 1], self.row_shape, self.dtype)

    def _write(self, keys: np.ndarray, batches: "_Regrouped") -> None:
        path = self.folder / f"{uuid.uuid4().hex}.npy"
        with atomic_file(path) as temporary:
            records = np.lib.format.open_memmap(temporary, "w+", self.record, (len(keys),))
            records["key"] = keys
            done = 0
            for rows in batches.take(len(keys)):
                records["row"][done : done + len(rows)] = rows
                done += len(rows)
            records.flush()
        self._open(path)

    def _open(self, path: Path) -> None:
        try:
            records = np.load(path, mmap_mode="r")
        except (OSError, ValueError, EOFError):
            return  # damaged: its rows count as missing and are computed again
        if records.dtype != self.record or records.ndim != 1:
            return
        number = len(self.segments)
        self.segments.append(records)
        for row, key in enumerate(np.ascontiguousarray(records["key"])):
            self.places[key.tobytes()] = number, row


class _Regrouped:
    """Batches of rows, handed on in pieces that end where a segment ends."""

    def __init__(self, batches: Iterable[np.ndarray]):
        self.batches = iter(batches)
        self.rest: np.ndarray | None = None

    def take(self, count: int) -> Iterator[np.ndarray]:
        while count:
            rows = next(self.batches) if self.rest is None else self.rest
            self.rest = rows[count:] if len(rows) > count else None
            yield rows[:count]
            count -= len(rows[:count])
