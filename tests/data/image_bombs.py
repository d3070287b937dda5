"""Small image files that would take gigabytes or minutes to decode, by what they do it with."""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image

MEGA = 10**6


def saved(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def flat(mode: str, megapixels: float) -> Image.Image:
    side = int((megapixels * MEGA) ** 0.5)
    return Image.new(mode, (side, side))


def scans(count: int, megapixels: float) -> bytes:
    """A progressive JPEG whose last pass is there many times."""
    whole = saved(flat("L", megapixels), "JPEG", progressive=True)
    last = whole.rindex(b"\xff\xda")
    return whole[:last] + whole[last:-2] * count + whole[-2:]


def segments(count: int) -> bytes:
    """A JPEG with so much EXIF, which is joined piece by piece."""
    small = saved(flat("RGB", 1e-4), "JPEG")
    return small[:2] + (b"\xff\xe1\xff\xffExif\0\0" + bytes(65533 - 6)) * count + small[2:]


def gif_comment(blocks: int) -> bytes:
    small = saved(Image.new("P", (8, 8)), "GIF")
    place = small.index(b",")
    comment = b"!\xfe" + (b"\xff" + b"x" * 255) * blocks + b"\0"
    return small[:place] + comment + small[place:]


def exif(tags: int, held: int) -> bytes:
    """EXIF whose tags all are the same `held` bytes."""
    start = 8 + 2 + 12 * tags + 4
    entries = b"".join(struct.pack("<HHII", n, 7, held, start) for n in range(1, tags + 1))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", tags) + entries + bytes(4 + held)


def tiff(tags: list[tuple[int, int, int, int]], content: bytes = bytes(64)) -> bytes:
    """A TIFF file of these (number, type, count, value), before `content`; sorted."""
    entries = b"".join(struct.pack("<HHII", *tag) for tag in sorted(tags))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(4) + content


def gray_tiff(width: int, height: int, *more: tuple[int, int, int, int], content: bytes) -> bytes:
    usual = {256: width, 257: height, 258: 8, 259: 8, 262: 1, 277: 1}
    own = {tag[0] for tag in more}
    tags = [(number, 4, 1, value) for number, value in usual.items() if number not in own]
    return tiff([*tags, *more], content)


def big_tile() -> bytes:
    """Eight pixels in one deflated tile of 30,000 × 30,000."""
    content = zlib.compress(bytes(9 * 10**8), 9)
    place = 8 + 2 + 12 * 10 + 4
    tile = [(322, 4, 1, 30_000), (323, 4, 1, 30_000)]
    where = [(324, 4, 1, place), (325, 4, 1, len(content))]
    return gray_tiff(8, 8, *tile, *where, content=content)


def many_numbers() -> bytes:
    """Tags that are read as the same million numbers of Python's."""
    held = 4 * 2**20
    place = 8 + 2 + 12 * 9 + 4
    same = [(number, 4, held // 4, place) for number in (258, 273, 279, 338, 339)]
    return gray_tiff(8, 8, *same, content=bytes(held))


def bitmap(width: int, height: int, body: bytes) -> bytes:
    """A BMP compressed by run lengths."""
    start = 14 + 40 + 1024
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(body), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + head + bytes(1024) + body


def chunks(count: int) -> bytes:
    small = saved(flat("L", 1e-4), "PNG")
    empty = bytes(4) + b"aaAa" + struct.pack(">I", zlib.crc32(b"aaAa"))
    return small[:33] + empty * count + small[33:]


def deep(megapixels: float, dtype: type) -> bytes:
    side = int((megapixels * MEGA) ** 0.5)
    values = np.arange(side * side, dtype=np.uint32).reshape(side, side) % 60_000
    return saved(Image.fromarray(values.astype(dtype)), "TIFF")


def png_of(megapixels: float, mode: str) -> Callable[[], bytes]:
    return lambda: saved(flat(mode, megapixels), "PNG")


# What is refused, and by which words.
REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "JPEG scans": (lambda: scans(3000, 4), "scans"),
    "JPEG markers": (lambda: scans(60, 0.01)[:-2] + b"\xff\1\0\0" * 20 * MEGA, "truncated"),
    "JPEG few scans of a large image": (lambda: scans(80, 36), "scans"),
    "JPEG of channels kept": (
        lambda: saved(flat("RGB", 150), "JPEG", progressive=True, subsampling=0),
        "GB",
    ),
    "JPEG EXIF in pieces": (lambda: segments(2000), "parts"),
    "GIF comment": (lambda: gif_comment(60_000), "parts"),
    "TIFF tags of the same bytes": (lambda: tiff([(n, 7, 10**7, 100) for n in range(1, 60_000)],
                                                 bytes(10**7)), "tags"),
    "TIFF numbers": (many_numbers, "tags"),
    "TIFF tile": (big_tile, "tiles"),
    "TIFF floats": (lambda: saved(flat("F", 150), "TIFF", compression="tiff_deflate"), "GB"),
    "RGBA": (png_of(170, "RGBA"), "GB"),
    "BMP skipped rows": (lambda: bitmap(10**8, 1, b"\0\2\0\xff" * 9 + b"\0\1"), "wide"),
    "BMP steps": (lambda: bitmap(3000, 3000, b"\1\5" * 9 * 10**6), "parts"),
    "PPM digits": (lambda: b"P2 9000 9000 255\n" + b"1 " * 81 * MEGA, "digits"),
    "PPM comments": (lambda: b"P2 1000 1000 255\n" + b"#\n1 " * MEGA, "digits"),
    "PPM header": (lambda: b"P5 #" + bytes(10**8), "parts"),
    "PNG chunks": (lambda: chunks(3 * 10**6), "parts"),
    "JPEG 2000": (lambda: saved(flat("RGB", 60), "JPEG2000"), "GB"),
    "JPEG 2000 in blocks": (
        lambda: saved(flat("L", 30), "JPEG2000", codeblock_size=(4, 4), precinct_size=(32, 32)),
        "GB",
    ),
    "a line": (lambda: saved(Image.new("L", (300_000, 1)), "PNG"), "too large"),
}  # fmt: skip

# What is decoded, though it looks like one of those.
DECODED: dict[str, Callable[[], bytes]] = {
    "floats": lambda: deep(100, np.float32),
    "16 bits": lambda: deep(100, np.uint16),
    "RGBA": png_of(100, "RGBA"),
    "RGB": png_of(178, "RGB"),
    "CMYK JPEG": lambda: saved(flat("CMYK", 100), "JPEG"),
    "palette": png_of(178, "P"),
    "EXIF of the same bytes": lambda: saved(
        flat("RGB", 1e-4), "PNG", exif=b"Exif\0\0" + exif(60_000, 10**6)
    ),
    "WebP": lambda: saved(flat("RGB", 40), "WEBP", method=0),
    "JPEG of twelve passes": lambda: scans(4, 100),
}
