"""The arithmetic of the layers, on plain arrays."""

import jax
import jax.numpy as jnp
from jax import lax


def convolution(x: jax.Array, kernel: jax.Array, bias: jax.Array) -> jax.Array:
    """3×3 convolution with zero padding and stride 1: (B, H, W, in) → (B, H, W, out)."""
    layout = ("NHWC", "HWIO", "NHWC")
    y = lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=layout)
    return add_bias(y, bias)


def dense(x: jax.Array, kernel: jax.Array, bias: jax.Array) -> jax.Array:
    """Affine map of the last axis: (B, in) → (B, out)."""
    return add_bias(x @ kernel, bias)


def max_pool(x: jax.Array) -> jax.Array:
    """2×2 maximum with stride 2; an odd last row or column is dropped, as Keras does.

    The maximum of four slices: `lax.reduce_window` takes half of a VGG16 pass on a CPU.
    """
    batch, height, width, channels = x.shape
    x = x[:, : height // 2 * 2, : width // 2 * 2]
    x = x.reshape(batch, height // 2, 2, width // 2, 2, channels)
    return jnp.maximum(
        jnp.maximum(x[:, :, 0, :, 0], x[:, :, 0, :, 1]),
        jnp.maximum(x[:, :, 1, :, 0], x[:, :, 1, :, 1]),
    )


def add_bias(x: jax.Array, bias: jax.Array) -> jax.Array:
    """`x + bias` along the last axis, with the broadcast spelled out."""
    return x + bias.reshape((1,) * (x.ndim - 1) + (-1,))
