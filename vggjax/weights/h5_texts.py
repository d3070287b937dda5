"""Texts in attributes of an HDF5 file, which the HDF5 library reads without a bound.

Those of variable length lie in heaps of the file. Many may be the same bytes there, and a free
piece of no size has the library loop for ever; so the heaps are looked at before.
"""

import mmap
import struct
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

from vggjax.weights.bounds import LARGEST_TEXT

MOST_TEXTS = 10_000  # in an attribute
_HEAP = b"GCOL\1"
_HEAP_HEAD, _PIECE = struct.Struct("<8xQ"), struct.Struct("<H6xQ")
_LENGTH_SIZE = {0: 14, 1: 14, 2: 10, 3: 10}  # where it stands, by the version of the file's head


class Texts:
    """Reads attributes that are texts, of a file at a path or one in memory."""

    def __init__(self, source: Path | bytes) -> None:
        self.source = source

    def read(self, node: Any, name: str) -> list[str]:
        """The texts in an attribute; ValueError if they are too many, too long or damaged."""
        attribute = node.attrs.get_id(name)
        count = prod(attribute.shape or (1,))
        if attribute.dtype.kind == "O":
            size = count * self._longest
        else:
            size = count * attribute.dtype.itemsize
        if count > MOST_TEXTS or size > 16 * LARGEST_TEXT:
            raise ValueError(f"{name} has too many texts")
        values = node.attrs[name]
        values = [values] if isinstance(values, str | bytes) else values
        return [each.decode() if isinstance(each, bytes) else str(each) for each in values]

    @cached_property
    def _longest(self) -> int:
        """The bytes of the longest text in the file's heaps."""
        if isinstance(self.source, bytes):
            return longest_piece(self.source)
        with (
            self.source.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            return longest_piece(content)


def longest_piece(content: bytes | mmap.mmap) -> int:
    """The size of the largest thing in the heaps of an HDF5 file; ValueError if one has no end."""
    if content[_LENGTH_SIZE.get(content[8], 8)] != 8:
        raise ValueError("its lengths don't have 8 bytes")
    longest, start = 0, content.find(_HEAP)
    while start >= 0:
        place = start + _HEAP_HEAD.size
        end = min(len(content), start + _HEAP_HEAD.unpack_from(content, start)[0])
        while place + _PIECE.size <= end:
            number, size = _PIECE.unpack_from(content, place)
            step = _PIECE.size + -(-size // 8) * 8 if number else size
            if not step:
                raise ValueError("a piece of a heap has no size")
            longest = max(longest, min(size, end - place))
            place += step
        start = content.find(_HEAP, start + 1)
    return longest
