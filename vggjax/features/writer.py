"""Rows of features on their way to the disk: each batch is there for others, and after a kill."""

import uuid
from pathlib import Path

import numpy as np

from vggjax.claims import Claim
from vggjax.errors import DataError
from vggjax.features.segment import ENTRY, HEADER_BYTES, SUFFIX, Layout, Segment, checksum
from vggjax.files import atomic_file, cache_named, named_for


class Writer:
    """A new segment of `folder` for `keys` (N, 32), claimed until it is closed; rows in that order.

    Raises DataError if the cache can't be written.
    """

    def __init__(self, folder: Path, layout: Layout, keys: np.ndarray):
        table = np.zeros(len(keys), ENTRY)
        table["key"] = keys
        path = folder / f"{uuid.uuid4().hex}{SUFFIX}"
        with atomic_file(path) as temporary:
            temporary.write_bytes(layout.header(len(keys)) + table.tobytes())
        self.segment, self.filled = Segment(path, layout, table), 0
        self._claim, self._file = Claim.on(path), path.open("r+b")

    def write(self, rows: np.ndarray) -> None:
        """Take the next rows (n, *row_shape)."""
        start, stop = self.filled, self.filled + len(rows)
        if stop > len(self.segment):
            raise ValueError("There are more rows than keys.")
        kept = np.ascontiguousarray(_kept(rows, self.segment.layout.dtype))
        entries = self.segment.table[start:stop]
        entries["check"] = [checksum(*each) for each in zip(entries["key"], kept, strict=True)]
        with cache_named(self.segment.path), named_for(self.segment.path, self.segment.path):
            self._put(self.segment.position(start), kept)
            self._put(HEADER_BYTES + start * ENTRY.itemsize, entries)  # only now do they count
        self.segment.verified[start:stop] = True
        self.filled = stop

    def close(self) -> None:
        """End the claim; a file without rows goes."""
        if not self.filled:
            self.segment.path.unlink(missing_ok=True)
        self._file.close()
        if self._claim:
            self._claim.release()

    def _put(self, place: int, values: np.ndarray) -> None:
        self._file.seek(place)
        self._file.write(values.reshape(-1).view(np.uint8).data)
        self._file.flush()


def _kept(rows: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """The rows in the type they are kept in; DataError if it is too narrow for them."""
    with np.errstate(over="ignore"):
        kept = rows.astype(dtype, copy=False)
    if dtype == np.float16 and (np.isinf(kept) > np.isinf(rows)).any():
        raise DataError(
            f"There is a feature of {np.abs(rows).max():.3g}, more than float16 can hold; keep "
            "them as bfloat16 or float32."
        )
    return kept
