"""The fast kernels against direct convolution: values and gradients, odd sizes, VGG's shapes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vggjax.model import kernels, winograd

ODD = [(1, 1), (2, 9), (4, 4), (5, 3), (7, 14), (13, 31)]
VGG = [  # side, channels in and out of every different convolution of VGG16 at 224 pixels
    *((224, 64, 64), (112, 64, 128), (112, 128, 128), (56, 128, 256), (56, 256, 256)),
    *((28, 256, 512), (28, 512, 512), (14, 512, 512)),
]


def arrays(batch, height, width, channels_in, channels_out):
    rng = np.random.default_rng(0)
    x = np.maximum(rng.normal(size=(batch, height, width, channels_in)), 0)
    kernel = rng.normal(size=(3, 3, channels_in, channels_out)) / np.sqrt(9 * channels_in)
    return jnp.asarray(x, jnp.float32), jnp.asarray(kernel, jnp.float32)


def by_xla(x, kernel):
    """The convolution with XLA's own gradients."""
    layout = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=layout)


def assert_close(a, b, tolerance):
    """To within `tolerance` of the largest value."""
    assert a.shape == b.shape
    assert float(jnp.abs(a - b).max()) <= tolerance * float(jnp.abs(b).max())


@functools.cache
def with_gradients(function):
    """A compiled function that gives values, and gradients with respect to input and kernel."""

    def run(x, kernel, dy):
        y, pull = jax.vjp(function, x, kernel)
        return y, *pull(dy)

    return jax.jit(run)


def assert_equals_direct(x, kernel, tolerance):
    dy = np.random.default_rng(1).normal(size=(*x.shape[:3], kernel.shape[-1]))
    dy = jnp.asarray(dy, jnp.float32)
    ours = with_gradients(kernels.winograd_convolution)(x, kernel, dy)
    expected = with_gradients(by_xla)(x, kernel, dy)
    for value, other in zip(ours, expected, strict=True):
        assert_close(value, other, tolerance)
    for value, other in zip(
        with_gradients(kernels.direct_convolution)(x, kernel, dy), expected, strict=True
    ):
        assert_close(value, other, 1e-6)


@pytest.mark.parametrize("size", ODD)
def test_values_and_gradients_on_odd_sizes(size):
    assert_equals_direct(*arrays(3, *size, 6, 10), tolerance=3e-6)


@pytest.mark.parametrize(("side", "channels_in", "channels_out"), VGG)
def test_every_shape_of_vgg16(side, channels_in, channels_out):
    assert_equals_direct(*arrays(1, side, side, channels_in, channels_out), tolerance=5e-6)


def test_the_error_is_small_against_float64():
    x, kernel = arrays(1, 14, 14, 512, 64)
    exact = np.zeros((14, 14, 64))
    padded = np.pad(np.asarray(x[0], np.float64), ((1, 1), (1, 1), (0, 0)))
    for i in range(3):
        for j in range(3):
            exact += padded[i : i + 14, j : j + 14] @ np.asarray(kernel[i, j], np.float64)
    error = np.abs(winograd.convolve(x, winograd.transform_filters(kernel))[0] - exact)
    assert np.sqrt((error**2).mean()) < 2e-6 * exact.std()


def test_narrow_layers_are_direct_and_wide_ones_are_not_on_a_cpu():
    for channels, direct in ((16, True), (64, False)):
        x, kernel = arrays(1, 8, 8, channels, channels)
        program = jax.jit(kernels.convolution).lower(x, kernel, jnp.zeros(channels))
        assert (" convolution(" in program.compile().as_text()) is direct
