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

from vggjax.model.products import LEAST_ROWS

TILE = 4  # outputs per tile and axis; a tile of input is two larger
POINTS = TILE + 2
SMALL, LARGE = 0.5**0.5, 2.0**0.5

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
    return convolve_strip(jnp.pad(x, ((0, 0), (1, 1), (0, 0), (0, 0))), filters)


def convolve_strip(x: jax.Array, filters: jax.Array) -> jax.Array:
    """The same for rows of a larger image, given with the one above and the one below them.

    (B, H + 2, W, in) and (36, in, out) → (B, H, W, out).
    """
    height, width = x.shape[1] - 2, x.shape[2]
    lines = _output_lines(x, filters)
    outputs = jnp.stack(_transform_output(lines), axis=4)  # (4, B, rows, columns, 4, out)
    return _side_by_side(outputs)[:, :height, :width]


def convolve_and_pool(x: jax.Array, filters: jax.Array) -> jax.Array:
    """`convolve_strip`, and the 2×2 maximum with stride 2 of it: → (B, H // 2, W // 2, out).

    Each tile has four maxima, so that the outputs themselves are never written.
    """
    height, width = x.shape[1] - 2, x.shape[2]
    outputs = _transform_output(_output_lines(x, filters))  # columns: (4, B, rows, columns, out)
    columns = jnp.stack([jnp.maximum(*outputs[:2]), jnp.maximum(*outputs[2:])], axis=4)
    pairs = columns.reshape(2, 2, *columns.shape[1:])
    return _side_by_side(jnp.maximum(pairs[:, 0], pairs[:, 1]))[:, : height // 2, : width // 2]


def _output_lines(x: jax.Array, filters: jax.Array) -> jax.Array:
    """The rows of outputs of each tile, not yet transformed along them.

    (B, H + 2, W, in) → (6, 4, B, rows, columns, out), for as many tiles as cover H × W.
    """
    batch, height, width, channels = x.shape
    rows, columns = (-(-size // TILE) for size in (height - 2, width))
    right = TILE * columns - width + 1
    x = jnp.pad(x, ((0, 0), (0, TILE * rows + 2 - height), (1, right), (0, 0)))
    vertical = jnp.stack(_transform_input(_every_fourth(x, axis=1, count=rows)))
    tiles = jnp.stack(_transform_input(_every_fourth(vertical, axis=3, count=columns)), axis=1)
    count = batch * rows * columns
    tiles = tiles.reshape(POINTS * POINTS, count, channels)
    lacking = jax.core.max_dim(0, LEAST_ROWS - count)  # an exported batch has no number
    tiles = jnp.pad(tiles, ((0, 0), (0, lacking), (0, 0)))
    products = lax.dot_general(tiles, filters, (((2,), (1,)), ((0,), (0,))))[:, :count]
    products = products.reshape(POINTS, POINTS, batch, rows, columns, -1)
    return jnp.moveaxis(jnp.stack(_transform_output(products)), 1, 0)


def _side_by_side(tiles: jax.Array) -> jax.Array:
    """(n, B, rows, columns, m, C), a tile's n × m elements apart, → (B, n·rows, m·columns, C)."""
    n, batch, rows, columns, m, _ = tiles.shape
    return tiles.transpose(1, 2, 0, 3, 4, 5).reshape(batch, n * rows, m * columns, -1)


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
