import io
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from vggjax.data import images
from vggjax.data.images import IMAGE_SUFFIXES, RESIZE_MODES, decode_image
from vggjax.errors import DataError

ROOT = Path(__file__).parents[2]


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def flat(mode: str, color, side: int = 4) -> Image.Image:
    return Image.new(mode, (side, side), color)


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(pixels)


def palette(transparent: bytes | int | None = None) -> bytes:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 200, 100, 50, 9, 9, 9])
    return encoded(image, **({} if transparent is None else {"transparency": transparent}))


SIXTEEN = Image.fromarray(np.full((4, 4), 128 * 257, np.uint16))
FLAT_IMAGES = {
    "rgb": (encoded(flat("RGB", (10, 20, 30))), (10, 20, 30)),
    "gray": (encoded(flat("L", 77)), (77, 77, 77)),
    "one bit": (encoded(flat("1", 1)), (255, 255, 255)),
    "palette": (palette(), (200, 100, 50)),
    "palette, see-through colour": (palette(1), (255, 255, 255)),
    "palette, alpha of each colour": (palette(bytes([255, 0, 255])), (255, 255, 255)),
    "palette, other colour see-through": (palette(2), (200, 100, 50)),
    "gray alpha, clear": (encoded(flat("LA", (0, 0))), (255, 255, 255)),
    "gray alpha, solid": (encoded(flat("LA", (7, 255))), (7, 7, 7)),
    "rgba, clear": (encoded(flat("RGBA", (1, 2, 3, 0))), (255, 255, 255)),
    "rgba, solid": (encoded(flat("RGBA", (1, 2, 3, 255))), (1, 2, 3)),
    "rgba, a fifth": (encoded(flat("RGBA", (0, 100, 255, 51))), (204, 224, 255)),
    "rgb, see-through colour": (
        encoded(flat("RGB", (1, 2, 3)), transparency=(1, 2, 3)),
        (255, 255, 255),
    ),
    "cmyk jpeg": (encoded(flat("CMYK", (255, 0, 0, 0), 16), "JPEG", quality=100), (0, 255, 255)),
    "cmyk tiff": (encoded(flat("CMYK", (0, 0, 255, 0)), "TIFF"), (255, 255, 0)),
    "ycbcr tiff": (encoded(flat("YCbCr", (90, 128, 128)), "TIFF"), (90, 90, 90)),
    "16-bit png": (encoded(SIXTEEN), (128, 128, 128)),
    "16-bit tiff": (encoded(SIXTEEN, "TIFF"), (128, 128, 128)),
    "16-bit pgm": (b"P5 1 1 65535\n" + (128 * 257).to_bytes(2, "big"), (128, 128, 128)),
    "12-bit pgm": (b"P5 1 1 4095\n" + (4095).to_bytes(2, "big"), (255, 255, 255)),
    "32-bit of 16": (encoded(flat("I", 64 * 257), "TIFF"), (64, 64, 64)),
    "float to 1": (encoded(flat("F", 0.5), "TIFF"), (128, 128, 128)),
    "float to 255": (encoded(flat("F", 200.0), "TIFF"), (200, 200, 200)),
    "float to 65535": (encoded(flat("F", 51400.0), "TIFF"), (200, 200, 200)),
}


@pytest.mark.parametrize(("data", "color"), FLAT_IMAGES.values(), ids=FLAT_IMAGES)
@pytest.mark.parametrize("resize", ["nearest", "bilinear", "crop"])
def test_every_kind_of_pixel(data, color, resize):
    decoded = decode_image(data, 6, resize)
    assert decoded.shape == (6, 6, 3)
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, np.broadcast_to(color, (6, 6, 3)))


RAMP = np.linspace(0, 65535, 256).round().astype(np.uint16).reshape(16, 16)
VALUES = {
    "sixteen bits keep their range": (RAMP, np.arange(256).reshape(16, 16)),
    "beyond sixteen bits they are stretched": (
        np.array([[-1_000_000, 0], [500_000, 1_000_000]], np.int32),
        [[0, 128], [191, 255]],
    ),
    "what is no number is black": (
        np.array([[np.nan, np.inf], [1.0, 0.0]], np.float32),
        [[0, 0], [255, 0]],
    ),
}


@pytest.mark.parametrize(("values", "expected"), VALUES.values(), ids=VALUES)
def test_values_of_more_than_eight_bits(values, expected):
    decoded = decode_image(encoded(Image.fromarray(values), "TIFF"), len(values), "nearest")
    for channel in range(3):
        np.testing.assert_array_equal(decoded[..., channel], expected)


UPRIGHT = np.array([[[250, 0, 0], [0, 250, 0]], [[0, 0, 250], [250, 250, 0]]], np.uint8)
# How the stored pixels are made from the upright ones, for each EXIF orientation.
STORED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: lambda a: np.rot90(a, -1),
}


MODES = {
    "RGB": lambda image: image,
    "P": lambda image: image.quantize(4),
    "RGBA": lambda image: image.convert("RGBA"),
    "I;16": lambda image: Image.fromarray(257 * np.asarray(image)[..., 0].astype(np.uint16)),
}


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("orientation", STORED)
def test_exif_rotation_is_applied_once(orientation, mode, kind):
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](UPRIGHT)))
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = decode_image(encoded(MODES[mode](stored), kind, exif=exif), 2, "nearest")
    np.testing.assert_array_equal(decoded, UPRIGHT[..., [0, 0, 0]] if mode == "I;16" else UPRIGHT)


def test_damaged_exif_does_not_matter():
    data = encoded(noise(8, 8), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff damaged")
    assert decode_image(data, 8).shape == (8, 8, 3)


def test_first_frame_of_an_animation():
    frames = [flat("RGB", color) for color in ("red", "lime", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(decode_image(data, 2)[0, 0], [255, 0, 0])


@pytest.mark.parametrize(
    ("mode", "pillow"),
    [("nearest", 0), ("lanczos", 1), ("bilinear", 2), ("bicubic", 3), ("box", 4)],
)
def test_direct_modes_are_pillows_filters(mode, pillow):
    image = noise(37, 23)
    expected = np.asarray(image.resize((16, 16), pillow))
    np.testing.assert_array_equal(decode_image(encoded(image), 16, mode), expected)


def test_nearest_takes_single_pixels():
    pixels = np.arange(16, dtype=np.uint8).reshape(4, 4)
    decoded = decode_image(encoded(Image.fromarray(pixels)), 2, "nearest")
    np.testing.assert_array_equal(decoded[..., 0], [[5, 7], [13, 15]])


@pytest.mark.parametrize(
    ("sides", "size", "resized"),
    [
        ((300, 200), 224, (384, 256)),
        ((200, 301), 224, (256, 385)),  # 385.28
        ((31, 31), 224, (256, 256)),
        ((256, 256), 224, (256, 256)),
        ((97, 500), 224, (256, 1319)),  # 1319.6
        ((150, 100), 64, (109, 73)),  # 64 · 256 / 224 = 73.1
    ],
)
def test_crop_is_the_evaluation_transform(sides, size, resized):
    """Resize(256) then CenterCrop(224), as torchvision documents and rounds them."""
    image = noise(*sides)
    expected = np.asarray(image.resize(resized, Image.Resampling.BILINEAR))
    left, top = (round((side - size) / 2.0) for side in resized)
    expected = expected[top : top + size, left : left + size]
    np.testing.assert_array_equal(decode_image(encoded(image), size, "crop"), expected)


@pytest.mark.parametrize("mode", RESIZE_MODES)
def test_enlarging_one_pixel(mode):
    np.testing.assert_array_equal(decode_image(encoded(flat("L", 9, 1)), 5, mode), 9)


BROKEN = {
    "empty": b"",
    "text": b"hello, this is no image",
    "half a jpeg": encoded(noise(64, 64), "JPEG")[:1500],
    "half a png": encoded(noise(64, 64))[:2000],
    "half a gif": encoded(noise(64, 64), "GIF")[:1200],
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\nshowpage\n",
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_broken_images_are_named_in_one_sentence(data, tmp_path):
    path = tmp_path / "broken.jpg"
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"broken\.jpg") as caught:
        decode_image(path, 8)
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match=r"cats/1\.jpg"):
        decode_image(data, 8, name="cats/1.jpg")
    path.write_bytes(encoded(noise(5, 5), "WEBP"))  # the content decides, not the ending
    assert decode_image(path, 3).shape == (3, 3, 3)


def test_decompression_bombs(monkeypatch):
    data = encoded(flat("L", 0, 100))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4000)  # Pillow's own refusal
    with pytest.raises(DataError, match="bomb is too large"):
        decode_image(data, 8, name="bomb")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 9000)  # Pillow only warns, and that is hidden
    assert decode_image(data, 8).shape == (8, 8, 3)
    monkeypatch.setattr(images, "MAX_PIXELS", 9999)
    with pytest.raises(DataError, match="bomb is too large"):
        decode_image(data, 8, name="bomb")


def test_crop_of_a_line_does_not_explode():
    line = encoded(Image.new("L", (1, 20_000)))
    assert decode_image(line, 8, "bilinear").shape == (8, 8, 3)
    with pytest.raises(DataError, match="too large"):
        decode_image(line, 224, "crop")


def test_warnings_stay_inside_and_come_back(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 9000)
    data = encoded(flat("L", 0, 100))
    started = threading.Barrier(4)

    def decode(_: int) -> None:
        started.wait()
        for _ in range(20):
            decode_image(data, 8)

    before = list(warnings.filters)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(decode, range(4)))
    assert list(warnings.filters) == before


def test_what_pillow_logs_is_not_printed():
    program = "import vggjax.data, logging; logging.getLogger('PIL.TiffImagePlugin').error('no')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, b"")


# Nothing of it is needed to see the picture.
PNG_TEXTS = {
    "compressed text": lambda text: text.add_text("a", "x" * 2**21, zip=True),
    "compressed international text": lambda text: text.add_itxt("a", "x" * 2**21, zip=True),
    "plain text": lambda text: [text.add_text(str(n), "x" * 2**20) for n in range(65)],
    "text of no known method": lambda text: text.add(b"zTXt", b"a\0\7" + bytes(9)),
}


@pytest.mark.parametrize("add", PNG_TEXTS.values(), ids=PNG_TEXTS)
def test_much_text_in_a_png_is_no_damage(add):
    image, text = noise(20, 20), PngImagePlugin.PngInfo()
    add(text)
    data = encoded(image, pnginfo=text)
    limits = PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY
    with pytest.raises((ValueError, OSError), match=r"MAX_TEXT|cannot identify"):
        Image.open(io.BytesIO(data)).load()
    np.testing.assert_array_equal(decode_image(data, 20, "nearest"), image)
    assert limits == (PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY)
    with pytest.raises(DataError, match="replace or remove"):
        decode_image(data[:-600], 20)  # what is damaged besides, is


def test_a_large_colour_profile_is_no_damage():
    image = noise(20, 20)
    data = encoded(image, icc_profile=bytes(2**21))
    np.testing.assert_array_equal(decode_image(data, 20, "nearest"), image)


@pytest.mark.parametrize("where", ["eXIf", "XMP"])
def test_a_png_with_much_text_is_turned_upright(where):
    stored = Image.fromarray(np.ascontiguousarray(STORED[6](UPRIGHT)))
    text, exif = PngImagePlugin.PngInfo(), Image.Exif()
    text.add_text("a", "x" * 2**21, zip=True)
    if where == "XMP":
        text.add_itxt("XML:com.adobe.xmp", '<x tiff:Orientation="6"/>')
    else:
        exif[0x0112] = 6
    data = encoded(stored, pnginfo=text, exif=exif)
    np.testing.assert_array_equal(decode_image(data, 2, "nearest"), UPRIGHT)


def test_what_libtiff_prints_is_not_seen(tmp_path, capfd):
    """It writes to the terminal from C; the user's own Pillow still does afterwards."""
    damaged = bytearray(encoded(noise(64, 64), "TIFF", compression="tiff_lzw"))
    damaged[200:400] = b"\xff" * 200

    def decode(_: int) -> None:
        with pytest.raises(DataError):
            decode_image(bytes(damaged), 8)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(decode, range(100)))
    assert capfd.readouterr() == ("", "")
    with pytest.raises(OSError, match="decoder error"):
        Image.open(io.BytesIO(damaged)).load()
    assert "code" in capfd.readouterr().err


def test_mistakes_in_the_call(tmp_path):
    with pytest.raises(DataError, match="Unknown resize mode 'cubic'; choose one of nearest"):
        decode_image(b"", 8, "cubic")
    with pytest.raises(DataError, match="size of 0 pixels"):
        decode_image(b"", 0)
    with pytest.raises(DataError, match=r"absent\.jpg: No such file"):
        decode_image(tmp_path / "absent.jpg", 3)


def heic() -> bytes:
    pillow_heif = pytest.importorskip("pillow_heif")
    buffer = io.BytesIO()
    pillow_heif.from_pillow(flat("RGB", (200, 30, 30), 64)).save(buffer, format="HEIF", quality=100)
    return buffer.getvalue()


def test_heic_is_read_where_pillow_heif_is():
    decoded = decode_image(heic(), 8)
    assert np.abs(decoded.astype(int) - (200, 30, 30)).max() <= 4
    assert {".heic", ".heif"} <= IMAGE_SUFFIXES


@pytest.mark.usefixtures("no_heif")
def test_heic_needs_pillow_heif():
    with pytest.raises(DataError, match=r"a HEIC image; pip install pillow-heif reads them\)"):
        decode_image(b"\0\0\0\x18ftypheic\0\0\0\0", 8)


def test_suffixes_are_lower_case():
    assert {".jpg", ".png", ".tif"} <= IMAGE_SUFFIXES
    assert all(suffix == suffix.lower() and suffix[0] == "." for suffix in IMAGE_SUFFIXES)
