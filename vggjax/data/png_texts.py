"""PNG files with so much text in them that Pillow refuses the picture."""

from collections.abc import Iterator
from itertools import islice

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Comments and colour profiles. Of those, only XMP says something of the pixels: how to turn them.
TEXTS = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")
XMP = b"XML:com.adobe.xmp\0\0"  # followed by text that isn't compressed
MOST_XMP = 2**20
MOST_CHUNKS = 2**18


def without_texts(encoded: bytes) -> bytes:
    """A PNG file without texts and colour profile; what has none as it is, the same object.

    Pillow bounds what it reads of them by settings of the whole process, which are the user's.
    Raises ValueError if there are more than MOST_CHUNKS chunks.
    """
    if not encoded.startswith(SIGNATURE):
        return encoded
    chunks = [*islice(_chunks(memoryview(encoded)), MOST_CHUNKS + 1)]
    if len(chunks) > MOST_CHUNKS:
        raise ValueError("it has too many parts")
    kept = [chunk for chunk in chunks if chunk[4:8] not in TEXTS or _is_xmp(chunk)]
    return encoded if len(kept) == len(chunks) else b"".join([SIGNATURE, *kept])


def _is_xmp(chunk: memoryview) -> bool:
    start = b"iTXt" + XMP
    return len(chunk) < MOST_XMP and chunk[4 : 4 + len(start)] == start


def _chunks(encoded: memoryview) -> Iterator[memoryview]:
    """Each chunk, from its length to its checksum; the last is what is left of a truncated file."""
    start = len(SIGNATURE)
    while start < len(encoded):
        end = start + 12 + int.from_bytes(encoded[start : start + 4])
        yield encoded[start:end]
        start = end
