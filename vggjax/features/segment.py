"""One file of features: who computes which rows, the rows as they come, and a checksum of each."""

import zlib
from dataclasses import dataclass, field
from io import FileIO
from math import prod
from pathlib import Path

import numpy as np

from vggjax.claims import is_claimed
from vggjax.errors import DataError
from vggjax.files import cache_named

KEY_BYTES = 32
SUFFIX = ".rows"
HEADER_BYTES = 128
ENTRY = np.dtype([("key", np.uint8, (KEY_BYTES,)), ("check", "<u8")])
_CHUNK_BYTES = 2**24  # looked through at a time
_THERE = 1 << 32  # what a checksum has besides, so that none is 0


class DamagedSegment(Exception):
    """A file that isn't what its name says."""


@dataclass(frozen=True)
class Layout:
    """What all rows of a store have in common."""

    row_shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def row_bytes(self) -> int:
        """The size of one row."""
        return self.dtype.itemsize * prod(self.row_shape)

    def header(self, count: int) -> bytes:
        """The first line of a file of `count` rows."""
        text = f"vggjax features 1: {count} rows of {self.dtype} {self.row_shape}"
        return text.encode().ljust(HEADER_BYTES - 1)[: HEADER_BYTES - 1] + b"\n"


@dataclass(eq=False)
class Segment:
    """A file of N rows: a line, a table of their keys and checksums, and the rows themselves.

    The keys are there from the beginning: they say what its writer, which holds a claim on it, is
    going to compute. A row counts once its checksum stands in the table, and only if that is the
    key's and the row's; so whatever is killed or damaged, at worst a row is missing.
    """

    path: Path
    layout: Layout
    table: np.ndarray
    verified: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.verified = np.zeros(len(self.table), np.bool_)

    @classmethod
    def open(cls, path: Path, layout: Layout) -> "Segment":
        """The segment at `path`; DamagedSegment if it is none of that layout."""
        with path.open("rb") as file:
            header = file.read(HEADER_BYTES)
            count = _count(header)
            rest = path.stat().st_size - HEADER_BYTES
            if header != layout.header(count) or count * ENTRY.itemsize > rest:
                raise DamagedSegment(path)
            return cls(path, layout, np.fromfile(file, ENTRY, count))

    def __len__(self) -> int:
        return len(self.table)

    @property
    def there(self) -> np.ndarray:
        """Which rows are said to be there, (N,) bool."""
        return self.table["check"] != 0

    @property
    def is_growing(self) -> bool:
        """Whether a process is computing rows of it."""
        return bool(is_claimed(self.path))

    def reread(self) -> None:
        """Learn of rows that came, or went, since it was opened."""
        self.table = Segment.open(self.path, self.layout).table

    def read(self, rows: np.ndarray) -> np.ndarray:
        """The rows numbered `rows` (n,), as (n, *row_shape); those that follow are read at once."""
        found = np.empty((len(rows), *self.layout.row_shape), self.layout.dtype)
        content, size = found.reshape(-1).view(np.uint8).data, self.layout.row_bytes
        breaks = np.flatnonzero(np.diff(rows) != 1) + 1
        with self.path.open("rb", buffering=0) as file:
            for part in np.split(np.arange(len(rows)), breaks) if len(rows) else ():
                file.seek(self.position(rows[part[0]]))
                _read_into(file, content[part[0] * size : (part[-1] + 1) * size], self.path)
        return found

    def verify(self, rows: np.ndarray) -> np.ndarray:
        """Those of the `rows` (n,) that aren't what was written; each is looked at once."""
        new = np.sort(rows[~self.verified[rows]])
        whole = (self.path.stat().st_size - self.position(0)) // self.layout.row_bytes
        inside, count = new[new < whole], max(1, _CHUNK_BYTES // self.layout.row_bytes)
        for part in (inside[start : start + count] for start in range(0, len(inside), count)):
            self.verified[part] = self._checks(part) == self.table["check"][part]
        return new[~self.verified[new]]

    def forget(self, rows: np.ndarray) -> None:
        """Take the `rows` out of the table, for all readers to come."""
        self.table["check"][rows] = 0
        with cache_named(self.path), self.path.open("r+b") as file:
            for row in rows:
                file.seek(HEADER_BYTES + row * ENTRY.itemsize)
                file.write(self.table[row].tobytes())

    def _checks(self, rows: np.ndarray) -> np.ndarray:
        """The checksums of the `rows` (n,) as they are in the file."""
        pairs = zip(self.table["key"][rows], self.read(rows), strict=True)
        return np.array([checksum(*each) for each in pairs], np.uint64)

    def position(self, row: int) -> int:
        """Where a row begins in the file."""
        return HEADER_BYTES + len(self.table) * ENTRY.itemsize + int(row) * self.layout.row_bytes


def checksum(key: np.ndarray, row: np.ndarray) -> int:
    """What stands in the table for a row: the CRC-32 of its key (32,) and values, and a bit."""
    return _THERE | zlib.crc32(row.reshape(-1).view(np.uint8).data, zlib.crc32(key.data))


def _count(header: bytes) -> int:
    digits = header.partition(b": ")[2].partition(b" ")[0]
    return int(digits) if digits.isdigit() and len(digits) < 16 else 0


def _read_into(file: FileIO, view: memoryview, path: Path) -> None:
    while len(view):
        count = file.readinto(view)
        if not count:
            raise DataError(f"{path} was cut short while it was used; start again.")
        view = view[count:]
