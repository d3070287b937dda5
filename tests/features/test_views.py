"""Features of views: of one shape, computed once, and found again."""

import io

import numpy as np
import pytest
from PIL import Image

from vggjax.data import VIEWS, Dataset, ImageArray, View
from vggjax.errors import DataError, LayerError
from vggjax.features import extract, extract_layers, extract_views, filling
from vggjax.model import dense_application

LAYERS = ["fc2", "block4_pool"]


def noise(name):
    pixels = np.random.default_rng(int(name)).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def photos():
    ids = tuple(map(str, range(7)))
    return ImageArray(Dataset("noise", ("a",), ids, np.zeros(7, np.int32), noise), size=32)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def views(small_vgg, photos, cache):
    return extract_views(small_vgg, LAYERS, photos, list(VIEWS), batch_size=4, cache=cache)


def test_each_view_s_features(views, small_vgg, photos):
    assert list(views) == list(VIEWS)
    for view, features in views.items():
        pixels = photos.seen_as(view)[:]
        for layer, shape in (("fc2", (16,)), ("block4_pool", (2, 2, 8))):
            expected = dense_application(small_vgg.until(layer), pixels.shape[1])(pixels)
            assert features[layer].shape == (7, *shape)
            np.testing.assert_allclose(features[layer][:], expected, rtol=1e-5, atol=1e-5)


def test_they_are_found_again(views, small_vgg, photos, cache, monkeypatch):
    monkeypatch.setattr(filling, "branch_outputs", None)
    again = extract_views(small_vgg, LAYERS, photos, ["large", "whole"], cache=cache)
    alone = extract(
        dense_application(small_vgg.until("fc2"), 64), photos.seen_as("large"), cache=cache
    )
    plain = extract_layers(small_vgg, LAYERS, photos, cache=cache)
    np.testing.assert_array_equal(again["large"]["fc2"][:], views["large"]["fc2"][:])
    np.testing.assert_array_equal(alone[:], views["large"]["fc2"][:])
    np.testing.assert_array_equal(plain["fc2"][:], views["whole"]["fc2"][:])


def test_one_pass_for_each_view_says_which(small_vgg, photos, tmp_path, monkeypatch):
    passes, progress = [], filling.progress

    def noted(what, *details):
        passes.append(what)
        return progress(what, *details)

    monkeypatch.setattr(filling, "progress", noted)
    views = ["whole", "flip", "flip", View(1.5)]
    found = extract_views(small_vgg, LAYERS, photos, views, cache=tmp_path)
    named = "features of the view View(scale=1.5, flip=False)"
    assert passes == ["features", "features of the view flip", named]
    assert list(found) == ["whole", "flip", View(1.5)]


def test_mistakes_show_before_anything_is_computed(small_vgg, photos, tmp_path):
    with pytest.raises(DataError, match="no view 'mirror'"):
        extract_views(small_vgg, LAYERS, photos, ["whole", "mirror"], cache=tmp_path)
    with pytest.raises(LayerError, match="no layer 'fc9'"):
        extract_views(small_vgg, ["fc9"], photos, ["large"], cache=tmp_path)
    assert not list(tmp_path.iterdir())
