"""Matrix products whose rows don't depend on how many there are: an image alone gets the same bits
as in a batch.

That is so where they are compiled with `vggjax.model.COMPILER_OPTIONS`. A single row would be
summed in another order than several, and so would long sums, by how many rows there are.
"""

import jax
import jax.numpy as jnp
from jax import lax

LEAST_ROWS = 2
SUMMED = 512  # products at a time, and then their sums
ROWS = 64  # at a time: from so many on, more of them wouldn't be faster


def product(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """`x @ kernel` for (B, n) and (n, m) → (B, m)."""
    count = len(x)
    groups = -(-count // ROWS)
    size = max(LEAST_ROWS, -(-count // groups))
    rows = jnp.pad(x, ((0, groups * size - count), (0, 0))).reshape(groups, size, -1)
    y = _of_few(rows[0], kernel) if groups == 1 else lax.map(lambda x: _of_few(x, kernel), rows)
    return y.reshape(groups * size, -1)[:count]


def _of_few(x: jax.Array, kernel: jax.Array) -> jax.Array:
    length = x.shape[1]
    piece = max(n for n in range(1, min(length, SUMMED) + 1) if length % n == 0)
    if piece < SUMMED // 8:  # a length with no good divisor
        return x @ kernel
    pieces = x.reshape(len(x), -1, piece).swapaxes(0, 1)
    kernels = kernel.reshape(-1, piece, kernel.shape[1])
    return lax.dot_general(pieces, kernels, (((2,), (1,)), ((0,), (0,)))).sum(0)
