"""One image file, whatever it holds, to uint8 RGB at the network's size."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.util import find_spec
from math import prod
from pathlib import Path

import numpy as np
from PIL import Image

from vggjax.data.bounds import (
    MOST_BYTES,
    BoundedReader,
    check_file,
    check_turn,
    check_work,
    orientation,
)
from vggjax.data.deep import eight_bits, is_deep, stated_levels
from vggjax.data.png_texts import without_texts
from vggjax.data.room import DECODING, FILES
from vggjax.data.signatures import HEAD, is_heif, what_instead
from vggjax.data.unreadable import UnreadableImage
from vggjax.errors import DataError, one_line
from vggjax.files import read_regular
from vggjax.quiet import quiet_pillow

# Part of every feature's name in the cache: raise it whenever the same bytes give other pixels;
# DEEP_VERSION, if only those of images of more than 8 bits are others.
DECODER_VERSION = 1
DEEP_VERSION = 2

# Twice Pillow's own warning limit; a 3-channel image of that size takes half a gigabyte.
MAX_PIXELS = 178_956_970

# What may be opened, and under which endings a folder is searched for it. Formats that start
# another program (EPS) or that are no photographs are left out.
IMAGE_FORMATS: dict[str, tuple[str, ...]] = {
    "AVIF": (".avif",),
    "BMP": (".bmp", ".dib"),
    "GIF": (".gif",),
    "HEIF": (".heic", ".heif", ".hif"),  # if pillow-heif is here
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "JPEG2000": (".jp2", ".j2k", ".jpx"),
    "PCX": (".pcx",),
    "PNG": (".png", ".apng"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm", ".pfm"),
    "TGA": (".tga",),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
}
HEIF_READER = "pillow_heif"
IMAGE_SUFFIXES = frozenset(
    suffix
    for name, group in IMAGE_FORMATS.items()
    for suffix in group
    if name != "HEIF" or find_spec(HEIF_READER)
)
_JPEG = b"\xff\xd8"

RESIZE_MODES = ("nearest", "bilinear", "bicubic", "lanczos", "box", "crop")

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_BAND = 2**22  # pixels that are laid on white at once

# A file's path or bytes, or an image that is decoded already: uint8 (H, W), (H, W, 3), (H, W, 4).
Source = bytes | Path | Image.Image | np.ndarray


def decode_image(
    data: Source, size: int, resize: str = "crop", name: str | None = None
) -> np.ndarray:
    """An image file as uint8 RGB (size, size, 3), 0 … 255, upright.

    `data` is the path of a file or its bytes, or an image in memory (PIL, or a uint8 array), which
    gets the same treatment; `name` names it in errors. Grayscale, palette and CMYK become RGB
    (colour profiles are not applied); transparent parts are laid on white; EXIF rotation is
    applied; of an animation, the first frame is taken. `resize` is one of RESIZE_MODES: `crop` is
    torchvision's evaluation transform, the shorter side to size · 256 / 224, bilinear, then the
    centre; `nearest` (the reference's, Keras 1), `bilinear`, `bicubic`, `lanczos` and `box` go
    directly to size × size, antialiased (but for `nearest`).

    Gray images of more than 8 bits (16 or 32 bits, floats) rarely say what is white. It is the
    usual level (1, 255, 4095, 65535) above the brightest of the image, 99.9 % of its values;
    where that lies below a quarter of the level, white falls with its square, to meet the level
    below. So there is no jump, full-range images stay as they are, and nothing comes out darker
    than a quarter; but a dark 16-bit image below a quarter of white is lifted, as it looks the same
    as one of fewer bits. Beyond 65535 the brightest is white. Black is 0, or the lowest value if
    that is negative. What is no value is black and doesn't count: NaN, infinities, numbers from
    1e30, what a TIFF states as such, and a lowest value below 0 or a highest beyond 65535 that is
    further from the next than that is from all others, such as -9999. A TIFF of 12 bits says what
    is white. Of colours with 16 bits the upper eight are taken.

    Raises DataError if it is no image, truncated, of more than MAX_PIXELS, or takes too much time
    or memory (see `vggjax.data.bounds`), or if `size` or `resize` make no sense.

    >>> import vggjax
    >>> vggjax.decode_image(b"P5 2 1 255 AZ", 2, "nearest")[..., 0].tolist()  # a PGM file
    [[65, 90], [65, 90]]
    """
    check_resize(size, resize)
    name = name or (str(data) if isinstance(data, Path) else "the image")
    if isinstance(data, Path):
        with FILES.taken(_size(data)):
            return _decode(_read(data, name), size, resize, name)
    return _decode(data, size, resize, name)


def _decode(
    encoded: bytes | Image.Image | np.ndarray, size: int, resize: str, name: str
) -> np.ndarray:
    try:
        with quiet_pillow:
            return _decoded(encoded, size, resize)
    except Image.DecompressionBombError as error:
        raise DataError(
            f"The image {name} is too large (over {MAX_PIXELS // 10**6} million pixels); shrink it."
        ) from error
    except Exception as error:  # Pillow raises nearly any type on a damaged file
        reason = _reason(error, encoded)
        raise UnreadableImage(name, reason) from error


def check_resize(size: int, resize: str) -> None:
    """Raise DataError unless `size` is positive and `resize` one of RESIZE_MODES."""
    if resize not in RESIZE_MODES:
        raise DataError(f"Unknown resize mode {resize!r}; choose one of {', '.join(RESIZE_MODES)}.")
    if size < 1:
        raise DataError(f"An image size of {size} pixels makes no sense; it must be at least 1.")


def _read(path: Path, name: str) -> bytes:
    try:
        return read_regular(path, MOST_BYTES)
    except OSError as error:
        raise DataError(f"Cannot read the image file {name}: {error.strerror}.") from error


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0


def deep_version(encoded: bytes) -> str:
    """What the name of a feature of an image of more than 8 bits has besides; else nothing."""
    if not encoded.startswith(_JPEG):  # which is never deep, and nearly all there is
        with suppress(Exception), quiet_pillow, _open(without_texts(encoded)) as image:
            if is_deep(image.mode):
                return f" deep {DEEP_VERSION}"
    return ""


def _decoded(encoded: bytes | Image.Image | np.ndarray, size: int, resize: str) -> np.ndarray:
    """The image as `decode_image` gives it.

    A JPEG is decoded in full even where it is shrunk to an eighth: decoding it smaller right away
    (`Image.draft`) is quicker, but gives other pixels.
    """
    try:
        return _loaded(encoded, size, resize)
    except Exception:
        shorter = without_texts(encoded) if isinstance(encoded, bytes) else encoded
        if shorter is encoded:
            raise
        return _loaded(shorter, size, resize)


def _loaded(encoded: bytes | Image.Image | np.ndarray, size: int, resize: str) -> np.ndarray:
    with _open(encoded) as image:
        _check_pixels(image.size)
        work = check_work(image, encoded, 4 * prod(_target(image.size, size, resize)))
        with DECODING.taken(work):
            # Gray images stay gray until they are small, which gives the same pixels.
            return np.array(_resized(_upright(image), size, resize).convert("RGB"))


def _open(encoded: bytes | Image.Image | np.ndarray) -> Image.Image:
    if isinstance(encoded, Image.Image):
        return encoded.copy()
    if isinstance(encoded, np.ndarray):
        return Image.fromarray(encoded)
    check_file(encoded)
    Image.init()
    if is_heif(encoded[:HEAD]):
        _register_heif()
    formats = [name for name in IMAGE_FORMATS if name in Image.OPEN]
    reader = BoundedReader(encoded)
    image = Image.open(reader, formats=formats)
    reader.opened()
    return image


def _register_heif() -> None:
    """Teach Pillow to read HEIC and HEIF files, where the package for it is installed."""
    if "HEIF" not in Image.OPEN and find_spec(HEIF_READER):
        import pillow_heif

        pillow_heif.register_heif_opener()


def _reason(error: Exception, encoded: bytes | Image.Image | np.ndarray) -> str:
    readable = isinstance(encoded, bytes) and is_heif(encoded[:HEAD]) and "HEIF" in Image.OPEN
    if isinstance(encoded, bytes) and not readable and (instead := what_instead(encoded)):
        return instead
    if isinstance(error, Image.UnidentifiedImageError):
        return "not an image format that is known here"
    return one_line(error)


def _upright(image: Image.Image) -> Image.Image:
    """The whole image, RGB or gray (mode L)."""
    image.load()
    turn = _TURNS.get(orientation(image))
    if turn is not None:
        check_turn(image)
        image = image.transpose(turn)
    if is_deep(image.mode):
        return Image.fromarray(eight_bits(_values(image), **stated_levels(image)))
    if image.has_transparency_data:
        return _on_white(image)
    if image.mode in ("L", "RGB"):
        return image  # `convert` would copy it
    return image.convert("L" if image.mode == "1" else "RGB")


def _bands(image: Image.Image) -> Iterator[tuple[int, int, int, int]]:
    """Parts of an image, from its top to its bottom: left, top, right, bottom."""
    width, height = image.size
    rows = max(1, _BAND // width)
    for top in range(0, height, rows):
        yield 0, top, width, min(top + rows, height)


def _on_white(image: Image.Image) -> Image.Image:
    """RGB, with transparent parts laid on white."""
    whole = Image.new("RGB", image.size)
    for box in _bands(image):
        band = image.crop(box).convert("RGBA")
        white = Image.new("RGBA", band.size, "white")
        whole.paste(Image.alpha_composite(white, band).convert("RGB"), box)
    return whole


def _values(image: Image.Image) -> np.ndarray:
    """The values (H, W) of a deep image, in as many bits as they have."""
    values = np.empty(image.size[::-1], np.asarray(image.crop((0, 0, 1, 1))).dtype)
    for box in _bands(image):
        values[box[1] : box[3]] = np.asarray(image.crop(box))
    return values


def _resized(image: Image.Image, size: int, resize: str) -> Image.Image:
    target = _target(image.size, size, resize)
    if resize != "crop":
        return image.resize(target, Image.Resampling[resize.upper()])
    left, top = (round((side - size) / 2) for side in target)
    resized = image.resize(target, Image.Resampling.BILINEAR)
    return resized.crop((left, top, left + size, top + size))


def _target(sides: Sequence[int], size: int, resize: str) -> tuple[int, int]:
    """The width and height to resize to; `crop` cuts the centre out then."""
    if resize != "crop":
        return size, size
    shorter = round(size * 256 / 224)
    # The longer side is rounded down, as torchvision's.
    width, height = (int(shorter * side / min(sides)) for side in sides)
    _check_pixels((width, height))
    return width, height


def _check_pixels(sides: Sequence[int]) -> None:
    if prod(sides) > MAX_PIXELS:
        raise Image.DecompressionBombError
