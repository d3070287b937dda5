"""What decoding an image file may cost: told from the file before it is decoded, or it is refused.

Whatever a file claims, decoding it takes MOST_WORK bytes at most, and some seconds. Pillow bounds
neither: its parsers are loops in Python, and small files can claim large or many things.
"""

import io
import re
import struct
from math import prod

from PIL import Image

from vggjax.data.tiff_tags import Tag, tags

MOST_BYTES = 640 * 2**20  # of a file; the largest picture takes 537 MB uncompressed
MOST_WORK = 2**30  # bytes while a picture is decoded and made RGB
_MOST_SIDE = 2**18
_MOST_READS = 2**21  # by Pillow's parsers, each of which costs a microsecond
_MOST_READS_OPENING = 2**14
_MOST_HEADER = 2**24  # bytes of a JPEG; Pillow's time grows with their square
_MOST_SCANS, _MOST_SCANNED = 100, 2**31  # passes over a JPEG, and pixels of all of them
_MOST_TEXT, _MOST_COMMENTS = 2**24, 100  # bytes of a PPM file written in digits
_MOST_NUMBERS = 2**20  # in all tags of a TIFF
_MOST_SPARE = 2**22  # bytes that tags may take besides those in the file
_MOST_TILE = 2**26  # pixels
_TILE_SIDES = (322, 323)
_ORIENTATION = 274
_RAW_EXIF, _MOST_RAW_EXIF = "Raw profile type exif", 2**18
_TURNING = ("exif", _RAW_EXIF, "xmp", "XML:com.adobe.xmp")

# Bytes that decoders take for each pixel, with the picture that they give: measured on images of
# 25 million pixels; of those that aren't here it is the picture alone.
_DECODERS = {"AVIF": 18, "HEIF": 18, "WEBP": 18}
_CHANNEL_OF_JPEG2000, _BLOCK, _TILE = 7, 500, 10_000  # and for each block and tile
_COEFFICIENT = 2  # of a progressive JPEG, which are all kept
_STORED = {"1": 1, "L": 1, "P": 1, "I;16": 2}  # others take 4
_AS_THEY_ARE = ("1", "L", "RGB")
_DEEP = ("I", "F", "I;16")

_JPEG = b"\xff\xd8"
_SCAN = b"\xff\xda"
_MARKER = re.compile(rb"\xff[^\0\xff\xd0-\xd7]")  # that ends what is decoded


class BoundedReader(io.BytesIO):
    """A file in memory that refuses to be read in too many pieces, or too often."""

    def __init__(self, encoded: bytes) -> None:
        super().__init__(encoded)
        self.most = 3 * len(encoded) + 2**24  # bytes
        self.reads = _MOST_READS_OPENING
        self.bytes = _MOST_HEADER if encoded.startswith(_JPEG) else self.most

    def opened(self) -> None:
        """From here on its pixels are read."""
        self.reads, self.bytes = _MOST_READS, self.most

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        self.reads -= 1
        self.bytes -= len(found)
        if self.reads < 0 or self.bytes < 0:
            raise ValueError("it has too many parts")
        return found


def check_file(encoded: bytes) -> None:
    """Raise ValueError, which says why, for a file whose parts alone would cost too much."""
    _require(len(encoded) <= MOST_BYTES, f"it has over {MOST_BYTES // 2**20} MB")
    if encoded.startswith(b"BM"):
        _check_bitmap(encoded)
    elif encoded[:2] in (b"P1", b"P2", b"P3"):
        short = len(encoded) <= _MOST_TEXT and encoded.count(b"#") <= _MOST_COMMENTS
        _require(short, "it is written in digits, and too long; save it as PNG")
    elif encoded[:2] in (b"II", b"MM"):
        _check_tags(tags(encoded), len(encoded))


def _check_bitmap(encoded: bytes) -> None:
    """A compressed BMP can skip 255 rows in two bytes, which Pillow fills."""
    if len(encoded) >= 34:
        width, compression = struct.unpack_from("<i8xI", encoded, 18)
        _require(compression not in (1, 2) or abs(width) < 2**16, "it is too wide")


def _check_tags(found: list[Tag], size: int) -> None:
    """In a whole file no two tags have the same bytes, so all of them are no more than the file."""
    fits = sum(tag.size for tag in found) <= size + _MOST_SPARE
    numbers = sum(tag.size // tag.each for tag in found if tag.each > 1)
    _require(fits and numbers <= _MOST_NUMBERS, "it has too many tags")
    tile = [tag.value for tag in found if tag.number in _TILE_SIDES]
    _require(prod(tile) <= _MOST_TILE, "its tiles are too large")


def _is_heavy(exif: bytes) -> bool:
    """Whether EXIF claims far more than it holds, so that to parse it would take a lot."""
    content = exif.removeprefix(b"Exif\0\0")
    return sum(tag.size for tag in tags(content)) > len(content) + _MOST_SPARE


def check_work(image: Image.Image, encoded: object, more: int = 0) -> int:
    """The bytes that it takes to decode an opened image, with `more` for the resized one.

    Raises ValueError if they, or the passes over it, are too many.
    """
    pixels, in_parts = prod(image.size), False
    _require(max(image.size) <= _MOST_SIDE, f"a side has over {_MOST_SIDE:,} pixels")
    if isinstance(encoded, bytes) and encoded.startswith(_JPEG):
        scans, in_parts = _scans(encoded), _first_scan(encoded) < len(image.getbands())
        too_many = scans > _MOST_SCANS or scans * pixels > _MOST_SCANNED
        _require(not too_many, f"it has {scans:,} scans; save it again")
    work = pixels * _bytes_a_pixel(image, in_parts) + more
    if isinstance(encoded, bytes) and image.format == "JPEG2000":
        work += _parts_of_jpeg2000(encoded, pixels * len(image.getbands()))
    _require(work <= MOST_WORK, f"decoding it would take {work / 1e9:.1f} GB; shrink it")
    return work


def check_turn(image: Image.Image) -> None:
    """Raise ValueError if an image is too large to be turned."""
    work = 2 * prod(image.size) * _STORED.get(image.mode, 4)
    _require(work <= MOST_WORK, "it is too large to be turned upright; shrink it")


def _bytes_a_pixel(image: Image.Image, in_parts: bool) -> int:
    """How much memory decoding an opened image takes, and making it RGB and upright, a pixel.

    `in_parts`: it is a JPEG whose channels are apart.
    """
    mode, stored = image.mode, _STORED.get(image.mode, 4)
    decoding = _DECODERS.get(image.format or "", stored)
    if image.format == "JPEG2000":
        decoding = _CHANNEL_OF_JPEG2000 * len(image.getbands())
    if image.info.get("progressive") or in_parts:
        decoding = stored + _COEFFICIENT * len(image.getbands())
    if image.format == "TIFF" and image.info.get("compression") != "raw":
        decoding = stored + 4  # one strip may be all of it
    if mode in _DEEP:
        made = 2 * stored + 1
    elif mode in _AS_THEY_ARE and not image.has_transparency_data:
        made = stored
    else:
        made = stored + 4
    return max(decoding, made, 2 * stored if _is_turned(image) else 0)


def _is_turned(image: Image.Image) -> bool:
    """Whether an opened image may have to be turned, as far as that is known before it is read."""
    if image.format in ("JPEG", "MPO"):
        return orientation(image) != 1
    if tag_table := getattr(image, "tag_v2", None):
        return tag_table.get(_ORIENTATION, 1) != 1
    return any(key in image.info for key in _TURNING)


def orientation(image: Image.Image) -> int:
    """EXIF's orientation, 1 … 8, of an image; 1 if it states none, is damaged or a flood."""
    long = len(image.info.get(_RAW_EXIF, "")) > _MOST_RAW_EXIF
    if long or _is_heavy(image.info.get("exif") or b""):
        return 1
    try:
        return image.getexif().get(_ORIENTATION, 1)
    except Exception:  # damaged EXIF: the pixels are still good
        return 1


def _parts_of_jpeg2000(encoded: bytes, values: int) -> int:
    """The bytes that the blocks and tiles of a JPEG 2000 image take besides; 0 if it is damaged."""
    size, coding = encoded.find(b"\xff\x51"), encoded.find(b"\xff\x52")
    if size < 0 or coding < size or len(encoded) < coding + 12:
        return 0
    width, height, across, down = struct.unpack_from(">2I8x2I", encoded, size + 6)
    tiles = min(-(-width // max(1, across)) * -(-height // max(1, down)), 2**16)
    sides = [each + 2 for each in encoded[coding + 10 : coding + 12]]
    precincts = encoded[coding + 14 : coding + 15 + encoded[coding + 9]]
    areas = [sum(sides)]  # as powers of 2, for each resolution from the highest on
    if encoded[coding + 4] & 1 and precincts:  # blocks are cut where precincts are
        areas = [
            sum(
                min(side, max(0, most - 1))
                for side, most in zip(sides, (each & 15, each >> 4), strict=True)
            )
            for each in reversed(precincts)
        ]
    blocks = sum((values >> 2 * n) >> area for n, area in enumerate(areas))
    return _BLOCK * blocks + _TILE * tiles


def _first_scan(encoded: bytes) -> int:
    """How many channels the first pass over a JPEG has."""
    place = 2
    while encoded[place : place + 2] != _SCAN and encoded[place : place + 1] == b"\xff":
        place += 2 + (int.from_bytes(encoded[place + 2 : place + 4]) or len(encoded))
    return encoded[place + 4] if place + 4 < len(encoded) else 0


def _scans(encoded: bytes) -> int:
    """How many passes over its pixels a JPEG has."""
    count = encoded.count(_SCAN)  # in a usual one, all that there are: no more is needed
    if count <= _MOST_SCANS // 2:
        return count
    scans, place = 0, 2
    for _ in range(_MOST_READS_OPENING):
        marker = _MARKER.search(encoded, place)
        if not marker or marker[0] == b"\xff\xd9":
            return scans
        scans += marker[0] == _SCAN
        place = marker.end() + int.from_bytes(encoded[marker.end() : marker.end() + 2])
    return count  # nothing has so many parts


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)
