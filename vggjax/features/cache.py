"""Rows of features on disk, found by the content that they were computed from."""

import contextlib
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from vggjax.claims import locked
from vggjax.features.index import KeyIndex, first_of_equals, grouped
from vggjax.features.segment import KEY_BYTES, SUFFIX, DamagedSegment, Layout, Segment
from vggjax.features.writer import Writer
from vggjax.files import cache_named, write_json

_ABOUT = "about.json"
_NO_KEYS = np.empty((0, KEY_BYTES), np.uint8)
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
        if len(row_of) and (segment_of == segment_of[0]).all():
            return self.segments[segment_of[0]].read(row_of)
        rows = np.empty((len(row_of), *self.row_shape), self.dtype)
        for segment, here in grouped(segment_of):
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


@dataclass(frozen=True)
class Positions:
    """Where rows are, (M,) each: in the segment of a number, there in a row; found by their key."""

    index: KeyIndex
    segment_of: np.ndarray
    row_of: np.ndarray

    @classmethod
    def of(cls, segments: Sequence[Segment]) -> "Positions":
        """All rows that are said to be there."""
        rows = [np.flatnonzero(segment.there) for segment in segments]
        segment_of = np.repeat(np.arange(len(rows), dtype=np.int32), [len(own) for own in rows])
        keys = [each.table["key"][own] for each, own in zip(segments, rows, strict=True)]
        index = KeyIndex.of(np.concatenate([_NO_KEYS, *keys]))
        return cls(index, segment_of, np.concatenate([np.empty(0, np.int64), *rows]))


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
    positions: Positions = field(default_factory=lambda: Positions.of(()))
    lost_files: int = 0  # damaged as a whole
    stale: bool = False  # whether a segment was read again since the positions were made

    def __post_init__(self) -> None:
        self.refresh()

    @property
    def layout(self) -> Layout:
        """What the rows have in common."""
        return Layout(self.row_shape, self.dtype)

    def refresh(self) -> None:
        """Learn which rows are there by now."""
        known = {segment.path: segment for segment in self.segments}
        settled = all(segment.there.all() for segment in self.segments) and not self.stale
        paths = sorted(self.folder.glob(f"*{SUFFIX}"))
        found = [self._opened(path, known.get(path)) for path in paths]
        segments = [segment for segment in found if segment is not None]
        if segments != self.segments or not settled:
            self.segments, self.positions = segments, Positions.of(segments)
            self.stale = False

    def missing(self, keys: np.ndarray) -> np.ndarray:
        """Indices of those `keys` (N, 32) that have no good row; a repeated key is listed once."""
        self.refresh()
        first = first_of_equals(keys)
        while True:
            places = self.positions.index.find(keys[first])
            if not self._forget_damaged(places[places >= 0]):
                return first[places < 0]
            self.refresh()  # there may be another copy

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """A short block in which no other process claims rows."""
        self._make_folder()
        with locked(self.folder):
            yield

    def free(self, keys: np.ndarray) -> np.ndarray:
        """Indices of those `keys` (N, 32) that are missing and that no process computes.

        Who computes is asked first: a writer may end, with all rows there, at any moment.
        """
        self.refresh()
        awaited = KeyIndex.of(self._awaited())
        missing = self.missing(keys)
        return missing[awaited.find(keys[missing]) < 0]

    def writer(self, keys: np.ndarray) -> Writer:
        """What takes the rows of `keys` (N, 32), whoever else may be computing them."""
        self._make_folder()
        return Writer(self.folder, self.layout, keys)

    def verify(self) -> tuple[int, int]:
        """Look through all rows: how many there are, and how many are damaged and go."""
        places = np.arange(len(self.positions.row_of))
        return len(places), self._forget_damaged(places)

    def select(self, keys: np.ndarray) -> Features:
        """The rows of `keys` (N, 32), all of which must be there."""
        found, places = self.positions, self.positions.index.find(keys)
        if (places < 0).any():
            raise KeyError(f"{(places < 0).sum()} of {len(keys)} keys have no row")
        positions = found.segment_of[places], found.row_of[places]
        return Features(tuple(self.segments), *positions, self.row_shape, self.dtype)

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

    def _forget_damaged(self, places: np.ndarray) -> int:
        """Look through the rows at `places` of `positions`; how many are damaged, and go."""
        count = 0
        for number, here in grouped(self.positions.segment_of[places]):
            segment = self.segments[number]
            bad = segment.verify(self.positions.row_of[places[here]])
            if len(bad):
                segment.forget(bad)
                count += len(bad)
        if count:
            _say(f"Damaged features, {count:,} in {self.folder}, are computed again.")
        return count

    def _awaited(self) -> np.ndarray:
        """The keys (n, 32) whose rows others compute; what killed ones left empty goes."""
        awaited = [_NO_KEYS]
        for segment in self.segments:
            if segment.there.all():
                continue
            if segment.is_growing:
                awaited.append(segment.table["key"][~segment.there])
            else:
                self.stale, now = True, self._opened(segment.path, segment)
                if now is not None and not now.there.any():
                    segment.path.unlink(missing_ok=True)
        return np.concatenate(awaited)


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


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
