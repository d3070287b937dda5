import io
import struct

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from vggjax.data.deep import eight_bits, white_level
from vggjax.data.images import decode_image


def decoded(values: np.ndarray, kind: str = "TIFF", **options) -> np.ndarray:
    """One channel of what becomes of a file with these values."""
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, kind, **options)
    return decode_image(buffer.getvalue(), len(values), "nearest")[..., 0]


def ramp(highest: float, dtype: type = np.float32, lowest: float = 0) -> np.ndarray:
    return np.linspace(lowest, highest, 64 * 64).astype(dtype).reshape(64, 64)


@pytest.mark.parametrize(
    ("highest", "dtype", "kind", "white"),
    [
        (65535, np.uint16, "PNG", 255),
        (65535, np.uint16, "TIFF", 255),
        (30000, np.uint16, "PNG", 117),  # 30000 / 257: a dark photo stays dark
        (4095, np.uint16, "PNG", 255),
        (4095, np.uint16, "TIFF", 255),
        (4095, np.int32, "TIFF", 255),
        (2000, np.uint16, "PNG", 125),  # 2000 / 4095 · 255
        (255, np.uint16, "PNG", 255),
        (1, np.float32, "TIFF", 255),
        (0.5, np.float32, "TIFF", 128),
        (255, np.float32, "TIFF", 255),
        (128, np.float32, "TIFF", 128),
        (65535, np.float32, "TIFF", 255),
        (10**6, np.float32, "TIFF", 255),
    ],
)
def test_what_is_white(highest, dtype, kind, white):
    found = decoded(ramp(highest, dtype), kind)
    expected = np.linspace(0, white, 64 * 64).reshape(64, 64)
    np.testing.assert_allclose(found, expected, atol=1.1)


def test_both_byte_orders():
    values = ramp(4095, np.uint16)
    image = Image.frombytes("I;16B", values.shape, values.astype(">u2").tobytes())
    np.testing.assert_array_equal(
        decode_image(image, 64, "nearest")[..., 0], decoded(values, "PNG")
    )


def test_no_jump_from_level_to_level():
    """A thousandth more light changes what it is shown as by little, at any brightness."""
    light = 1.001 ** np.arange(-2000, 16000)  # 0.13 to 9 million
    shown = np.array([value / white_level(value) for value in light])
    assert np.abs(np.diff(shown)).max() < 0.002
    assert shown[light > 0.25].min() > 0.2499
    assert (np.diff([white_level(value) for value in light]) >= -1e-9).all()


# Further from 0 than the range of the values, which a nodata value has to be.
NODATA = [
    *((value, 255, np.int32) for value in (-9999, -32768, -(2**31) + 1, 2**31 - 1, 10**6)),
    *((value, 1, np.float32) for value in (-9999, -1.5, 1e38, -3.4e38, 1e20, np.nan, np.inf)),
    *((value, 4095, np.float32) for value in (-9999, 1e6)),
    *((value, 65535, np.float32) for value in (-99999, 1e6)),
]


@pytest.mark.parametrize("share", [0.002, 0.3, 0.6])
@pytest.mark.parametrize(("nodata", "scale", "dtype"), NODATA)
def test_what_is_no_value_changes_nothing_else(nodata, scale, dtype, share):
    values = ramp(scale, dtype)
    hole = np.random.default_rng(0).random(values.shape) < share
    expected = np.where(hole, 0, decoded(values))
    values[hole] = nodata
    np.testing.assert_array_equal(decoded(values), expected)


def test_several_kinds_of_no_value():
    values = ramp(1)
    expected = decoded(values)
    for hole, what in enumerate([np.nan, np.inf, -np.inf, 3.4e38, -3.4e38, 1e20, -9999]):
        values[hole] = what
    found = decoded(values)
    assert not found[:7].any()
    np.testing.assert_array_equal(found[7:], expected[7:])


def test_nothing_but_no_values_is_black():
    assert not decoded(np.full((4, 4), np.nan, np.float32)).any()


def test_a_few_bright_specks_darken_nothing():
    values = ramp(4095, np.uint16)
    expected = decoded(values)
    values[7, [3, 9]] = 65535
    found = decoded(values)
    assert (found[7, [3, 9]] == 255).all()
    assert np.abs(found.astype(int) - expected)[:7].max() <= 1


def test_negative_values_are_shown():
    np.testing.assert_array_equal(
        decoded(np.array([[-1, 0], [1, 0.5]], np.float32)), [[0, 128], [255, 191]]
    )


def test_a_tiff_states_what_is_no_value():
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[42113] = "60000"
    tags.tagtype[42113] = 2
    values = ramp(4095, np.uint16)
    expected = decoded(values)
    values[:20] = 60000
    found = decoded(values, tiffinfo=tags)
    assert not found[:20].any()
    np.testing.assert_array_equal(found[20:], expected[20:])
    tags[42113] = "none"
    assert decoded(values, tiffinfo=tags)[0, 0] == 233  # 60000 / 257.0


def tiff_of_twelve_bits(*values: int) -> bytes:
    """A TIFF, written by hand, of one row of pixels of 12 bits each."""
    packed = int("".join(f"{value:03x}" for value in values), 16).to_bytes(len(values) * 3 // 2)
    entries = {256: len(values), 257: 1, 258: 12, 259: 1, 262: 1, 277: 1, 278: 1, 279: len(packed)}
    entries[273] = 8 + 2 + 12 * 9 + 4
    rows = [struct.pack("<HHII", tag, 4, 1, entries[tag]) for tag in sorted(entries)]
    return b"II*\0" + struct.pack("<IH", 8, len(rows)) + b"".join(rows) + bytes(4) + packed


def test_twelve_bits_of_a_tiff_are_twelve_bits():
    found = decode_image(tiff_of_twelve_bits(0, 500, 1000, 500), 4, "nearest")
    np.testing.assert_array_equal(found[0, :, 0], [0, 31, 62, 31])  # of 4095, not of 1000


def test_the_array_that_is_given_stays():
    values = np.array([[0.0, np.nan, 2.0]])
    np.testing.assert_array_equal(eight_bits(values), [[0, 0, 255]])
    np.testing.assert_array_equal(values, [[0, np.nan, 2]])
