"""Images that are too large for the cache, in strips of rows."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jax import lax


def in_strips(
    stages: Sequence[Callable[[jax.Array], jax.Array]], x: jax.Array, rows: int
) -> jax.Array:
    """Images (B, H, W, C) through several convolutions, `rows` rows of them at a time.

    Each of the `stages` takes rows of an image and one more on each side, which it leaves out. The
    last one may pool after that, by a divisor of `rows`.
    """
    batch, height, width, channels = x.shape
    count, reach = -(-height // rows), len(stages)
    x = jnp.pad(x, ((0, 0), (reach, count * rows - height + reach), (0, 0), (0, 0)))
    ends = [(start, start + rows + 2 * reach) for start in range(0, count * rows, rows)]
    strips = jnp.stack([x[:, start:end] for start, end in ends], axis=1)
    strips = strips.reshape(batch * count, 1, rows + 2 * reach, width, channels)
    starts = jnp.tile(rows * jnp.arange(count, dtype=jnp.int32) - reach, batch)

    def through(strip_and_start: tuple[jax.Array, jax.Array]) -> jax.Array:
        strip, start = strip_and_start
        for number, stage in enumerate(stages):
            if number:  # beyond the image there are zeros, and not what comes of them
                places = start + number + jnp.arange(strip.shape[1], dtype=jnp.int32)
                inside = (places >= 0) & (places < height)
                strip = jnp.where(inside[None, :, None, None], strip, 0)
            strip = stage(strip)
        return strip

    y = lax.map(through, (strips, starts))
    y = y.reshape(batch, count * y.shape[2], *y.shape[3:])
    return y[:, : height // (count * rows // y.shape[1])]
