"""The tags of a TIFF file, and of EXIF, which is one: what they claim, before it is believed."""

import struct
from typing import NamedTuple

_SIZES = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_ORDERS = {b"II": "<", b"MM": ">"}
_BIG = (b"+\0", b"\0+")


class Tag(NamedTuple):
    """A tag: its number, the bytes of each of its `many` values, and the first one if it is small.

    `size` is what of its values can lie in the file, in bytes.
    """

    number: int
    each: int
    many: int
    size: int
    value: int


def tags(content: bytes) -> list[Tag]:
    """The tags of a TIFF file's first image; none if it isn't one, or is cut off there."""
    order = _ORDERS.get(content[:2], "")
    big = content[2:4] in _BIG
    start, offset, count, entry = (8, "Q", "Q", "HHQQ") if big else (4, "I", "H", "HHII")
    try:
        (place,) = struct.unpack_from(order + offset, content, start)
        (found,) = struct.unpack_from(order + count, content, place)
        place += struct.calcsize("=" + count)
        step = struct.calcsize("=" + entry)
        found = min(found, 2**16, (len(content) - place) // step) if order else 0
        entries = struct.iter_unpack(order + entry, content[place : place + max(0, found) * step])
        return [_tag(content, order, 8 if big else 4, *each) for each in entries]
    except struct.error:
        return []


def _tag(
    content: bytes, order: str, field: int, number: int, kind: int, count: int, value: int
) -> Tag:
    each = _SIZES.get(kind, 1)
    if each * count > field:  # the field says where the values are
        return Tag(number, each, count, max(0, min(each * count, len(content) - value)), 0)
    unused = 8 * (field - each)
    first = value >> unused if order == ">" else value & (2 ** (8 * each) - 1)
    return Tag(number, each, count, each * count, first)
