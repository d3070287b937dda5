"""Rows of features on disk, found by the content that they were computed from."""

import io
import uuid
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

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
            self.open_segment(path)

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
        with closing(self.writer(keys, about)) as writer:
            for batch in rows:
                writer.write(batch)

    def writer(self, keys: np.ndarray, about: dict[str, str]) -> "Writer":
        """What takes the rows of `keys` (N, 32) as they come, in that order; close it."""
        write_json(self.folder / "about.json", about)
        return Writer(self, keys)

    def select(self, keys: np.ndarray) -> Features:
        """The rows of `keys` (N, 32), all of which must be there."""
        places = np.array([self.places[key.tobytes()] for key in keys], np.int64).reshape(-1, 2)
        segments = tuple(self.segments)
        return Features(segments, places[:, 0], places[:, 1], self.row_shape, self.dtype)

    def open_segment(self, path: Path) -> None:
        """Take up the rows of a complete segment."""
        try:
            records = np.load(path, mmap_mode="r")
        except (OSError, ValueError, EOFError):
            return  # damaged: its rows count as missing and are computed again
        if records.dtype != self.record or records.ndim != 1:
            return
        number = len(self.segments)
        self.segments.append(records)
        for row, key in enumerate(_read_keys(path, records)):
            self.places[key] = number, row


def _read_keys(path: Path, records: np.memmap) -> Iterator[bytes]:
    """The records' keys, read from the file: through the mapping, whole rows would stay around."""
    with path.open("rb", buffering=0) as file:
        for start in range(records.offset, records.offset + records.nbytes, records.itemsize):
            file.seek(start)
            yield file.read(KEY_BYTES)


class Writer:
    """Takes the rows of a store's new `keys` as they come, and writes segment after segment.

    The store finds a segment as soon as it is full; one that isn't when the writer is closed is
    dropped.
    """

    def __init__(self, store: FeatureStore, keys: np.ndarray):
        self._record = store.record
        self._keys = keys
        self._segments = _segments(store, len(keys))
        self._file, self._room = next(self._segments, _NOTHING)

    def write(self, rows: np.ndarray) -> None:
        """Take the next rows (n, *row_shape)."""
        while len(rows):
            if not self._room:
                raise ValueError("There are more rows than keys.")
            records = np.empty(min(len(rows), self._room), self._record)
            records["key"], records["row"] = self._keys[: len(records)], rows[: len(records)]
            self._file.write(records.tobytes())
            self._keys, rows = self._keys[len(records) :], rows[len(records) :]
            self._room -= len(records)
            if not self._room:
                self._file, self._room = next(self._segments, _NOTHING)

    def close(self) -> None:
        """Drop what isn't a full segment."""
        self._segments.close()


_NOTHING: tuple[IO[bytes], int] = io.BytesIO(), 0


def _segments(store: FeatureStore, count: int) -> Generator[tuple[IO[bytes], int], None, None]:
    """Files for `count` records, and for how many each; one is complete when the next is asked for.

    Written, not mapped: a mapping would keep in memory what has been written.
    """
    size = max(1, SEGMENT_BYTES // store.record.itemsize)
    for start in range(0, count, size):
        room = min(size, count - start)
        path = store.folder / f"{uuid.uuid4().hex}.npy"
        with atomic_file(path) as temporary, temporary.open("wb") as file:
            descr = np.lib.format.dtype_to_descr(store.record)
            header = {"descr": descr, "fortran_order": False, "shape": (room,)}
            np.lib.format.write_array_header_1_0(file, header)
            yield file, room
        store.open_segment(path)
