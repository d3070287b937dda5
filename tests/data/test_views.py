"""Views decode as they say, and each has keys of its own."""

import hashlib
import io

import numpy as np
import pytest
from PIL import Image

from vggjax.data import VIEWS, WHOLE, Dataset, ImageArray, View, decode_image, decode_view
from vggjax.data.images import DECODER_VERSION
from vggjax.errors import DataError


@pytest.fixture(scope="module")
def photo():
    """A photo of noise, twice as wide as high, whose left half is dark."""
    pixels = np.random.default_rng(0).integers(0, 128, (60, 120, 3), dtype=np.uint8)
    pixels[:, 60:] += 128
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def images(photo):
    return ImageArray(Dataset("one", ("a",), ("x",), np.zeros(1, np.int32), lambda name: photo))


def test_sides_are_whole_steps_of_the_last_maps():
    """VGG halves an image five times; 9/7 of 224 is 288."""
    assert [VIEWS["large"].side(size) for size in (224, 64, 32)] == [288, 96, 64]
    assert [View(1.4).side(224), View(2).side(224), View(flip=True).side(50)] == [320, 448, 50]


@pytest.mark.parametrize("resize", ["crop", "bilinear"])
def test_what_views_show(photo, resize):
    whole, flip, large, both = (decode_view(photo, 64, resize, view) for view in VIEWS)
    np.testing.assert_array_equal(whole, decode_image(photo, 64, resize))
    np.testing.assert_array_equal(flip, np.flip(whole, axis=1))
    assert large.shape == (96, 96, 3)
    np.testing.assert_array_equal(both, np.flip(large, axis=1))
    small = np.asarray(Image.fromarray(large).resize((64, 64), Image.Resampling.BOX), float)
    halves = small[:, :32].mean(), small[:, 32:].mean()
    assert halves == pytest.approx((whole[:, :32].mean(), whole[:, 32:].mean()), abs=5), "the same"


def test_an_array_of_each_view(images, photo):
    assert images.shape == (1, 224, 224, 3)
    for view in (*VIEWS, View(1.5, flip=True)):
        seen = images.seen_as(view)
        assert seen.shape == (1, *decode_view(photo, 224, "crop", view).shape)
        np.testing.assert_array_equal(seen[:][0], decode_view(photo, 224, "crop", view))
        np.testing.assert_array_equal(seen.seen_as(WHOLE)[0], images[0])


def test_the_keys_of_views(images, photo):
    """Those of the whole image are as ever; no key of one view is a key of another."""
    keys = [images.seen_as(view).keys()[0].tobytes() for view in VIEWS]
    ways = ["224 crop", "224 crop flip", "288 crop", "288 crop flip"]
    texts = [f"vggjax {DECODER_VERSION} {way}\n".encode() for way in ways]
    assert keys == [hashlib.sha256(text + photo).digest() for text in texts]
    assert keys[0] == images.keys()[0].tobytes()
    twice = images.seen_as("flip").subset(np.array([0, 0])).keys()
    assert twice.tobytes() == 2 * keys[1]


def test_mistakes(images, photo):
    for fail in (lambda: images.seen_as("mirror"), lambda: decode_view(photo, 8, view="mirror")):
        with pytest.raises(DataError, match="no view 'mirror'; there are whole, flip, large"):
            fail()
    for scale in (0.5, float("nan")):
        with pytest.raises(DataError, match="scale of a view is 1 or more, not"):
            View(scale)
