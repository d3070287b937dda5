import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vggjax.model import kernels
from vggjax.model.layers import CAFFE_MEAN, TORCH_DEVIATION, TORCH_MEAN, Preprocess


def values(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def convolved(x, kernel, bias):
    """The definition, in float64."""
    x = np.pad(x.astype(np.float64), ((0, 0), (1, 1), (1, 1), (0, 0)))
    height, width = x.shape[1] - 2, x.shape[2] - 2
    shifted = [
        np.einsum("bhwi,io->bhwo", x[:, i : i + height, j : j + width], kernel[i, j])
        for i in range(3)
        for j in range(3)
    ]
    return sum(shifted) + bias


@pytest.mark.parametrize("size", [(8, 8), (7, 5), (1, 1), (2, 9)])
def test_convolution_is_its_definition(size):
    x, kernel, bias = values(2, *size, 3), values(3, 3, 3, 4), values(4)
    expected = convolved(x, kernel, bias)
    np.testing.assert_allclose(kernels.convolution(x, kernel, bias), expected, atol=1e-5)


@pytest.mark.parametrize("size", [(8, 8), (7, 5), (2, 9)])
def test_max_pool_equals_reduce_window(size):
    x = jnp.asarray(values(2, *size, 3))
    expected = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    np.testing.assert_array_equal(kernels.max_pool(x), expected)


def test_caffe_preprocessing_is_bgr_minus_the_means():
    image = np.array([[[[10, 20, 30]]]], np.uint8)
    blue, green, red = CAFFE_MEAN
    expected = [[[[30 - blue, 20 - green, 10 - red]]]]
    np.testing.assert_allclose(Preprocess("caffe", 1)(image), expected, rtol=1e-6)


def test_torch_preprocessing_is_rgb_scaled_and_standardised():
    image = np.array([[[[0, 128, 255]]]], np.uint8)
    scaled = np.array([0, 128, 255]) / 255
    expected = (scaled - TORCH_MEAN) / TORCH_DEVIATION
    np.testing.assert_allclose(Preprocess("torch", 1)(image)[0, 0, 0], expected, rtol=1e-5)


@pytest.mark.parametrize("mode", ["caffe", "torch"])
def test_float_images_are_treated_as_integers_are(mode):
    image = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3), dtype=np.uint8)
    layer = Preprocess(mode, 4)
    np.testing.assert_array_equal(layer(image), layer(image.astype(np.float32)))
