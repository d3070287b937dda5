"""What `extract` takes beside an ImageArray, and in which types it keeps features."""

import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from vggjax.errors import DataError
from vggjax.features import extract, extract_layers, extract_views
from vggjax.features.given import PixelArray
from vggjax.model import Chain
from vggjax.model.layers import MaxPool


@pytest.mark.parametrize("dtype", [jnp.bfloat16, "bfloat16", "float16", np.float64, "float32"])
def test_features_are_read_back_as_they_were_kept(backbone, images, tmp_path, dtype):
    exact = np.asarray(extract(backbone, images, cache=tmp_path / "exact"))
    expected = exact.astype({"bfloat16": ml_dtypes.bfloat16}.get(np.dtype(dtype).name, dtype))
    for _ in range(2):  # computed, then found
        images.decoded = 0
        features = extract(backbone, images, cache=tmp_path, dtype=dtype)
        assert features.dtype == expected.dtype
        for index in (slice(None), 3, np.array([7, 2, 7])):
            found = features[index]
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected[index])
        np.testing.assert_array_equal(np.asarray(features), expected)
    assert images.decoded == 0


@pytest.mark.parametrize("dtype", ["float8_e4m3fn", int, "uint8", complex, object, "words", None])
def test_other_types_are_refused_before_anything_is_computed(backbone, images, tmp_path, dtype):
    with pytest.raises(DataError, match="kept as float32, float16, bfloat16, float64, not as"):
        extract(backbone, images, cache=tmp_path, dtype=dtype)
    assert images.decoded == 0
    assert not list(tmp_path.iterdir())


def test_what_float16_cannot_hold(tmp_path):
    pool = Chain({"pool": MaxPool()})
    values = np.zeros((3, 4, 4, 3), np.float32)
    values[1, 2, 2, 2] = 70_000
    with pytest.raises(DataError, match=r"feature of 7e\+04, more than float16 can hold"):
        extract(pool, values, cache=tmp_path, dtype="float16")
    assert extract(pool, values, cache=tmp_path, dtype="bfloat16")[1].max() == 70_144  # 137 · 2⁹


@pytest.mark.parametrize("kind", [np.asarray, jnp.asarray], ids=["NumPy", "JAX"])
def test_an_array_is_taken_as_it_is(backbone, images, tmp_path, kind):
    expected = np.asarray(extract(backbone, images, cache=tmp_path / "others"))
    found = extract(backbone, kind(images.pixels), cache=tmp_path / "own")
    np.testing.assert_array_equal(found, expected)
    segments = len(found.segments)
    again = extract_layers(backbone, ["fc2"], kind(images.pixels[::-1]), cache=tmp_path / "own")
    np.testing.assert_array_equal(again["fc2"], expected[::-1])
    assert len(again["fc2"].segments) == segments, "nothing was computed again"


def test_other_pixels_have_other_keys():
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 2, 3), dtype=np.uint8)
    arrays = [pixels, pixels.reshape(2, 2, 4, 3), pixels.view(np.int8), 255 - pixels]
    keys = np.concatenate([PixelArray(array).keys() for array in arrays])
    assert len(np.unique(keys, axis=0)) == 8


@pytest.mark.parametrize(
    ("images", "named"),
    [
        (["a.jpg"], "list"),
        ("photos", "str"),
        ({}, "dict"),
        (np.zeros((32, 32, 3), np.uint8), r"ndarray of shape \(32, 32, 3\)"),
    ],
)
def test_anything_else_is_refused_in_one_sentence(backbone, tmp_path, images, named):
    sentence = f"ImageArray or an array .*, not from {named}; .*load_folder.*vggjax.compute"
    with pytest.raises(DataError, match=sentence):
        extract(backbone, images, cache=tmp_path)
    with pytest.raises(DataError, match=r"Views are those of a vggjax.ImageArray, not of"):
        extract_views(backbone, ["fc2"], images, cache=tmp_path)


def test_numbers_that_are_not_finite_are_refused(backbone, tmp_path):
    with pytest.raises(DataError, match=r"number 1, counted from 0, .*not finite"):
        extract(backbone, np.array([[0], [np.nan]]).reshape(2, 1, 1, 1), cache=tmp_path)
