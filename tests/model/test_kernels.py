"""The kernels against their definition and XLA: values, gradients, odd sizes, VGG's shapes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vggjax.model import kernels, winograd
from vggjax.model.layers import Preprocess

VGG = [  # side, channels in and out of every different convolution of VGG16 at 224 pixels
    *((224, 64, 64), (112, 64, 128), (112, 128, 128), (56, 128, 256), (56, 256, 256)),
    *((28, 256, 512), (28, 512, 512), (14, 512, 512)),
]


def values(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def convolved(x, kernel):
    """The definition, in float64."""
    x = np.pad(x.astype(np.float64), ((0, 0), (1, 1), (1, 1), (0, 0)))
    height, width = x.shape[1] - 2, x.shape[2] - 2
    shifted = [
        np.einsum("bhwi,io->bhwo", x[:, i : i + height, j : j + width], kernel[i, j])
        for i in range(3)
        for j in range(3)
    ]
    return sum(shifted)


def arrays(batch, height, width, channels_in, channels_out):
    """A ReLU's output, and a kernel for it."""
    rng = np.random.default_rng(0)
    x = np.maximum(rng.normal(size=(batch, height, width, channels_in)), 0)
    kernel = rng.normal(size=(3, 3, channels_in, channels_out)) / np.sqrt(9 * channels_in)
    return jnp.asarray(x, jnp.float32), jnp.asarray(kernel, jnp.float32)


def by_xla(x, kernel):
    """The convolution with XLA's own gradients."""
    layout = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=layout)


@functools.cache
def with_gradients(function):
    """A compiled function that gives values, and gradients with respect to input and kernel."""

    def run(x, kernel, dy):
        y, pull = jax.vjp(function, x, kernel)
        return y, *pull(dy)

    return jax.jit(run)


def kernel_gradient(x, dy):
    """The definition, in float64: XLA's own errs by 6e-6 where it sums 50,000 products."""
    x, dy = np.pad(x.astype(np.float64), ((0, 0), (1, 1), (1, 1), (0, 0))), dy.astype(np.float64)
    height, width = dy.shape[1:3]
    shifted = [x[:, i : i + height, j : j + width] for i in range(3) for j in range(3)]
    products = [np.tensordot(part, dy, ((0, 1, 2), (0, 1, 2))) for part in shifted]
    return np.reshape(products, (3, 3, x.shape[-1], dy.shape[-1]))


def assert_equals_direct(x, kernel, tolerance):
    """Both forms of the convolution, to within a tolerance of the largest value."""
    dy = values(*x.shape[:3], kernel.shape[-1], seed=1)
    expected = with_gradients(by_xla)(x, kernel, dy)
    exact = jnp.asarray(kernel_gradient(np.asarray(x), dy), jnp.float32)
    forms = {
        kernels.winograd_convolution: (tolerance, (*expected[:2], exact)),
        kernels.direct_convolution: (1e-6, expected),
    }
    for function, (limit, results) in forms.items():
        for ours, theirs in zip(with_gradients(function)(x, kernel, dy), results, strict=True):
            assert ours.shape == theirs.shape
            assert float(jnp.abs(ours - theirs).max()) <= limit * float(jnp.abs(theirs).max())


@pytest.mark.parametrize("size", [(8, 8), (7, 5), (1, 1), (2, 9)])
def test_convolution_is_its_definition(size):
    x, kernel, bias = values(2, *size, 3), values(3, 3, 3, 4), values(4)
    expected = convolved(x, kernel) + bias
    np.testing.assert_allclose(kernels.convolution(x, kernel, bias), expected, atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (4, 4), (5, 3), (7, 14), (13, 31)])
def test_values_and_gradients_on_odd_sizes(size):
    assert_equals_direct(*arrays(3, *size, 6, 10), tolerance=3e-6)


@pytest.mark.parametrize(("side", "channels_in", "channels_out"), VGG)
def test_every_shape_of_vgg16(side, channels_in, channels_out):
    assert_equals_direct(*arrays(1, side, side, channels_in, channels_out), tolerance=5e-6)


def test_the_error_is_small_against_float64():
    x, kernel = arrays(1, 14, 14, 512, 64)
    exact = convolved(np.asarray(x), np.asarray(kernel, np.float64))
    error = np.abs(np.asarray(winograd.convolve(x, winograd.transform_filters(kernel))) - exact)
    assert np.sqrt((error**2).mean()) < 2e-6 * exact.std()


def test_narrow_layers_are_direct_and_wide_ones_are_not_on_a_cpu():
    for channels, direct in ((16, True), (64, False)):
        x, kernel = arrays(1, 8, 8, channels, channels)
        program = jax.jit(kernels.convolution).lower(x, kernel, jnp.zeros(channels, x.dtype))
        assert (" convolution(" in program.compile().as_text()) is direct


@pytest.mark.parametrize("size", [(8, 8), (7, 5), (2, 9)])
def test_max_pool_equals_reduce_window(size):
    x = jnp.asarray(values(2, *size, 3))
    expected = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    np.testing.assert_array_equal(kernels.max_pool(x), expected)


@pytest.mark.parametrize("mode", ["caffe", "torch"])
def test_float_images_are_preprocessed_as_integers_are(mode):
    image = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3), dtype=np.uint8)
    layer = Preprocess(mode, 4)
    np.testing.assert_array_equal(layer(image), layer(image.astype(np.float32)))
