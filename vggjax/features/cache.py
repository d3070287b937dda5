"""Rows of features on disk, found by the content that they were computed from."""

import contextlib
import itertools
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from vggjax.claims import locked
from vggjax.features.segment import KEY_BYTES, SUFFIX, DamagedSegment, Layout, Segment
from vggjax.features.writer import Writer
from vggjax.files import cache_named, write_json

_ABOUT = "about.json"
_STORE_NAME = re.compile(
    r".+-(?P<shape>\d+(x\d+)*)-(?P<dtype>float16|float32|float64|bfloat16)-[0-9a-f]{32}"
)


@dataclass(frozen=True, repr=False)
class Features:
    """Features of N images, on disk or in memory: indexing reads just the rows asked for.

    Behaves like an array (N, *shape) that can be indexed along its first axis with an integer, a
    slice or an array of integers, and turned into one with `np.asarray`.
    """

    segments: tuple[Segment, ...]
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
            return self.segments[segment_of].read(row_of[None])[0]
        present = np.unique(segment_of)
        if len(present) == 1:
            return self.segments[present[0]].read(row_of)
        rows = np.empty((len(row_of), *self.row_shape), self.dtype)
        for segment in present:
            here = segment_of == segment
            rows[here] = self.segments[segment].read(row_of[here])
        return rows

    def subset(self, indices: np.ndarray) -> "Features":
        """The features of the images at `indices`, not read yet."""
        positions = self.segment_of[indices], self.row_of[indices]
        return Features(self.segments, *positions, self.row_shape, self.dtype)

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(dtype or self.dtype, copy=False)


class Work(NamedTuple):
    """The images (indices) whose rows a process is to compute, and who takes these."""

    indices: np.ndarray
    writer: Writer


@dataclass
class FeatureStore:
    """The features of one frozen chain, one row per image, in the segments of a folder.

    Rows are looked through before they are used: those that are damaged count as missing. Files are
    open only while they are read, so that thousands of them need no descriptors.
    """

    folder: Path
    row_shape: tuple[int, ...]
    dtype: np.dtype
    about: dict[str, str] = field(default_factory=dict)
    segments: list[Segment] = field(default_factory=list)
    positions: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    lost_files: int = 0  # damaged as a whole

    def __post_init__(self) -> None:
        self.refresh()

    @property
    def layout(self) -> Layout:
        """What the rows have in common."""
        return Layout(self.row_shape, self.dtype)

    def refresh(self) -> None:
        """Learn which rows are there by now."""
        known = {segment.path: segment for segment in self.segments}
        paths = sorted(self.folder.glob(f"*{SUFFIX}"))
        found = [self._opened(path, known.get(path)) for path in paths]
        self.segments = [segment for segment in found if segment is not None]
        self.positions = {}
        for number, segment in enumerate(self.segments):
            rows = np.flatnonzero(segment.there)
            places = zip(itertools.repeat(number), rows.tolist(), strict=False)
            self.positions.update(zip(_names(segment.table["key"][rows]), places, strict=False))

    def missing(self, keys: np.ndarray) -> np.ndarray:
        """Indices of those `keys` (N, 32) that have no good row; a repeated key is listed once."""
        self.refresh()
        first = {key: index for index, key in reversed(list(enumerate(_names(keys))))}
        while self._forget_damaged(self.positions[key] for key in first if key in self.positions):
            self.refresh()  # there may be another copy
        new = sorted(index for key, index in first.items() if key not in self.positions)
        return np.array(new, np.int64)

    def claim(self, keys: np.ndarray) -> Work | None:
        """Those of `keys` (N, 32) that are missing and that nobody computes, for this process."""
        if not len(self.missing(keys)):
            return None
        self._make_folder()
        with locked(self.folder):
            missing = self.missing(keys)
            theirs = self._awaited()
            names = _names(keys)
            own = np.array([each for each in missing if names[each] not in theirs], np.int64)
            return Work(own, self.writer(keys[own])) if len(own) else None

    def writer(self, keys: np.ndarray) -> Writer:
        """What takes the rows of `keys` (N, 32), whoever else may be computing them."""
        self._make_folder()
        return Writer(self.folder, self.layout, keys)

    def verify(self) -> tuple[int, int]:
        """Look through all rows: how many there are, and how many are damaged and go."""
        damaged = self._forget_damaged(self.positions.values())
        return len(self.positions), damaged

    def select(self, keys: np.ndarray) -> Features:
        """The rows of `keys` (N, 32), all of which must be there."""
        found = [self.positions[key] for key in _names(keys)]
        segment_of, row_of = np.array(found, np.int64).reshape(-1, 2).T
        return Features(tuple(self.segments), segment_of, row_of, self.row_shape, self.dtype)

    def _make_folder(self) -> None:
        with cache_named(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / _ABOUT).exists():  # for people who look into the cache
            write_json(self.folder / _ABOUT, self.about)

    def _opened(self, path: Path, known: Segment | None) -> Segment | None:
        """The segment at `path`, read again if it lacks rows; None if it is gone or damaged."""
        try:
            if known is None:
                return Segment.open(path, self.layout)
            if not known.there.all():
                known.reread()
            return known
        except FileNotFoundError:
            return None
        except DamagedSegment:
            _say(f"The file {path} of the cache is damaged; its features are computed again.")
            self.lost_files += 1
            with contextlib.suppress(OSError):
                path.unlink()
            return None

    def _forget_damaged(self, rows: Iterable[tuple[int, int]]) -> int:
        """Look through `rows` (segment, row); how many are damaged, and are forgotten."""
        segment_of, row_of = np.array(sorted(rows), np.int64).reshape(-1, 2).T
        count = 0
        for number in np.unique(segment_of):
            segment = self.segments[number]
            bad = segment.verify(row_of[segment_of == number])
            if len(bad):
                segment.forget(bad)
                count += len(bad)
        if count:
            _say(f"Damaged features, {count:,} in {self.folder}, are computed again.")
        return count

    def _awaited(self) -> set[bytes]:
        """The keys whose rows other processes are computing; what killed ones left empty goes."""
        awaited = set[bytes]()
        for segment in self.segments:
            if segment.there.all():
                continue
            if segment.is_growing:
                awaited.update(_names(segment.table["key"][~segment.there]))
            elif not segment.there.any():
                segment.path.unlink(missing_ok=True)
        return awaited


def store_name(layer: str, row_shape: tuple[int, ...], dtype: np.dtype, identity: str) -> str:
    """What the folder of a store is called; `identity` are 32 hex digits."""
    return f"{layer}-{'x'.join(map(str, row_shape))}-{dtype.name}-{identity}"


def store_called(folder: Path) -> FeatureStore | None:
    """The store in a folder with such a name; None for any other."""
    found = _STORE_NAME.fullmatch(folder.name)
    if not found:
        return None
    shape = tuple(map(int, found["shape"].split("x")))
    return FeatureStore(folder, shape, jnp.dtype(found["dtype"]))


def _names(keys: np.ndarray) -> list[bytes]:
    """Keys (N, 32) as what a dictionary can hold."""
    return np.ascontiguousarray(keys).view(f"V{KEY_BYTES}").ravel().tolist()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
