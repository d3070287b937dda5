"""3×3 convolution by Winograd's minimal filtering F(4×4, 3×3), for XLA on a CPU.

The input is cut into 6×6 tiles that overlap by two; each is transformed, multiplied by the
transformed filter element by element, summed over channels, and transformed back into 4×4 outputs.
The sums are 36 matrix products with 36/144 of the multiplications of the direct form.

Why that is the same sum, in one dimension: outputs o and filter g, as polynomials, have the product
o·g of degree 5, which is known from its values at six points, and at each it is one product of two
numbers instead of the 4 · 3 of all coefficients. Correlation, which is what a layer does, is the
transpose of that map in o: evaluate the filter, transform the tile, multiply, transform back. In
two dimensions, rows and columns are done one after the other.

Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks" (arXiv 1509.09308).

The interpolation points are 0, ±1/√2, ±√2 and ∞: with p²q² = 1 the transforms are short, and the
rounding error is half of that of the usual 0, ±1, ±2.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

TILE = 4  # outputs per tile and axis; a tile of input is two larger
POINTS = TILE + 2
SMALL, LARGE = 0.5**0.5, 2.0**0.5
# Rows from which on XLA's matrix products sum in the same order, however many there are: so one
# image gets the same bits alone as in a batch.
LEAST_ROWS = 64

# Filter transform: a filter (as a polynomial) at each point, over the product of the differences.
FILTER_TRANSFORM = np.array(
    [
        [1, 0, 0],
        [-2 / 3, -2 / 3 * SMALL, -1 / 3],
        [-2 / 3, 2 / 3 * SMALL, -1 / 3],
        [1 / 6, 1 / 6 * LARGE, 1 / 3],
        [1 / 6, -1 / 6 * LARGE, 1 / 3],
        [0, 0, 1],
    ]
)


def transform_filters(kernel: jax.Array) -> jax.Array:
    """(3, 3, in, out) → (36, in, out), to be done once for a frozen kernel."""
    matrix = jnp.asarray(FILTER_TRANSFORM, kernel.dtype)
    filters = jnp.einsum("ia,abck,jb->ijck", matrix, kernel, matrix, precision="highest")
    return filters.reshape(POINTS * POINTS, *kernel.shape[2:])


def rotated(kernel: jax.Array) -> jax.Array:
    """The kernel, rotated by 180°, whose convolution is the gradient with respect to the input."""
    return kernel[::-1, ::-1].swapaxes(2, 3)


def convolve(x: jax.Array, filters: jax.Array) -> jax.Array:
    """'Same' convolution, stride 1: (B, H, W, in) and (36, in, out) → (B, H, W, out)."""
    height, width = x.shape[1:3]
    bottom, right = (-size % TILE + 1 for size in (height, width))
    x = jnp.pad(x, ((0, 0), (1, bottom), (1, right), (0, 0)))
    return _convolve_tiles(x, filters)[:, :height, :width]


def _convolve_tiles(x: jax.Array, filters: jax.Array) -> jax.Array:
    """'Valid' convolution of (B, 4·rows + 2, 4·columns + 2, in) → (B, 4·rows, 4·columns, out)."""
    batch, height, width, channels = x.shape
    rows, columns = height // TILE, width // TILE
    vertical = jnp.stack(_transform_input(_every_fourth(x, axis=1, count=rows)))
    tiles = jnp.stack(_transform_input(_every_fourth(vertical, axis=3, count=columns)), axis=1)
    count = batch * rows * columns
    tiles = tiles.reshape(POINTS * POINTS, count, channels)
    lacking = jax.core.max_dim(0, LEAST_ROWS - count)  # an exported batch has no number
    tiles = jnp.pad(tiles, ((0, 0), (0, lacking), (0, 0)))
    products = lax.dot_general(tiles, filters, (((2,), (1,)), ((0,), (0,))))[:, :count]
    products = products.reshape(POINTS, POINTS, batch, rows, columns, -1)
    lines = jnp.stack(_transform_output(products))  # (4, 6, B, rows, columns, out)
    outputs = jnp.stack(_transform_output(jnp.moveaxis(lines, 1, 0)), axis=4)
    return outputs.transpose(1, 2, 0, 3, 4, 5).reshape(batch, TILE * rows, TILE * columns, -1)


def _every_fourth(x: jax.Array, axis: int, count: int) -> list[jax.Array]:
    """The six elements of each tile along `axis`: six slices of `count` elements, stride 4."""
    ends = [start + TILE * (count - 1) + 1 for start in range(POINTS)]
    return [lax.slice_in_dim(x, start, end, TILE, axis) for start, end in enumerate(ends)]


def _transform_input(d: Sequence[jax.Array]) -> list[jax.Array]:
    """Six elements of a tile → their values at the six points."""
    small_even, small_odd = d[4] - 2 * d[2], SMALL * (d[3] - 2 * d[1])
    large_even, large_odd = d[4] - 0.5 * d[2], LARGE * (d[3] - 0.5 * d[1])
    return [
        (d[0] - 2.5 * d[2]) + d[4],
        small_even + small_odd,
        small_even - small_odd,
        large_even + large_odd,
        large_even - large_odd,
        (d[1] - 2.5 * d[3]) + d[5],
    ]


def _transform_output(m: Sequence[jax.Array] | jax.Array) -> list[jax.Array]:
    """Products at the six points → four outputs."""
    small_sum, small_difference = m[1] + m[2], SMALL * (m[1] - m[2])
    large_sum, large_difference = m[3] + m[4], LARGE * (m[3] - m[4])
    return [
        m[0] + small_sum + large_sum,
        small_difference + large_difference,
        0.5 * small_sum + 2 * large_sum,
        0.5 * small_difference + 2 * large_difference + m[5],
    ]
