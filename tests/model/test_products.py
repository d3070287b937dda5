import jax
import numpy as np
import pytest

from vggjax.model import COMPILER_OPTIONS
from vggjax.model.products import ROWS, product

compiled = jax.jit(product, compiler_options=COMPILER_OPTIONS)


def arrays(count, length):
    rng = np.random.default_rng(length)
    x = np.maximum(rng.normal(size=(count, length)), 0).astype(np.float32)
    return x, rng.normal(size=(length, 96)).astype(np.float32)


@pytest.mark.parametrize("length", [1, 40, 512, 521, 600, 7 * 512])
@pytest.mark.parametrize("count", [1, 2, 31, ROWS, ROWS + 1])
def test_it_is_the_matrix_product(count, length):
    x, kernel = arrays(count, length)
    expected = x.astype(np.float64) @ kernel.astype(np.float64)
    np.testing.assert_allclose(
        compiled(x, kernel), expected, rtol=0, atol=2e-6 * np.abs(expected).max()
    )


@pytest.mark.parametrize("length", [256, 512, 7 * 512])
def test_a_row_is_the_same_however_many_there_are(length):
    x, kernel = arrays(2 * ROWS + 3, length)
    whole = np.asarray(compiled(x, kernel))
    for count in (1, 2, 3, 7, 32, ROWS, ROWS + 1):
        np.testing.assert_array_equal(compiled(x[:count], kernel), whole[:count])
