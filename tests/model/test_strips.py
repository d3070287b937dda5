import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from vggjax.model.strips import in_strips

LAYOUT = ("NHWC", "HWIO", "NHWC")


def stage(kernel, bias, rows_too):
    """XLA's convolution of rows that are given with one more on each side, or of whole images."""

    def convolve(x):
        above = (1, 1) if rows_too else (0, 0)
        y = lax.conv_general_dilated(x, kernel, (1, 1), [above, (1, 1)], dimension_numbers=LAYOUT)
        return jax.nn.relu(y + bias[None, None, None])

    return convolve


def pooled(x):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


@pytest.mark.parametrize("height", [8, 16, 17, 30])
@pytest.mark.parametrize("rows", [4, 8, 16])
@pytest.mark.parametrize("pools", [False, True])
def test_strips_give_what_the_whole_image_gives(height, rows, pools):
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(3, height, 10, 2)), jnp.float32)
    kernels = [
        jnp.asarray(rng.normal(size=(3, 3, *channels)), jnp.float32)
        for channels in ((2, 5), (5, 5), (5, 4))
    ]
    # a bias, so that what a convolution makes of the zeros around an image isn't zero
    biases = [jnp.full(kernel.shape[-1], 0.5, jnp.float32) for kernel in kernels]
    whole, strips = (
        [stage(*pair, rows_too) for pair in zip(kernels, biases, strict=True)]
        for rows_too in (True, False)
    )
    expected = x
    for convolve in whole:
        expected = convolve(expected)
    if pools:
        last = strips.pop()
        strips.append(lambda x: pooled(last(x)))
        expected = pooled(expected)
    found = in_strips(strips, x, rows)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
