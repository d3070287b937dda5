"""The arithmetic of the layers, on plain arrays."""

import jax
import jax.numpy as jnp
from jax import lax

from vggjax.model import winograd

# On a CPU, Winograd's form is slower than the direct one for fewer channels.
LEAST_CHANNELS = 64
LAYOUT = ("NHWC", "HWIO", "NHWC")


def convolution(x: jax.Array, kernel: jax.Array, bias: jax.Array) -> jax.Array:
    """3×3 convolution with zero padding and stride 1: (B, H, W, in) → (B, H, W, out).

    On a CPU by Winograd's method where that is faster, chosen when the program is compiled.
    """
    if x.dtype != jnp.float32 or not prefers_winograd(kernel.shape):
        return add_bias(direct_convolution(x, kernel), bias)
    y = lax.platform_dependent(x, kernel, cpu=winograd_convolution, default=direct_convolution)
    return add_bias(y, bias)


def prefers_winograd(shape: tuple[int, ...]) -> bool:
    """Whether a kernel of this shape (3, 3, in, out) runs faster by Winograd's method on a CPU."""
    return min(shape[2:]) >= LEAST_CHANNELS


def direct_convolution(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """The convolution by XLA's own operation."""
    return lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=LAYOUT)


@jax.custom_vjp
def winograd_convolution(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """The convolution by Winograd's method, its gradient with respect to `x` as well."""
    return winograd.convolve(x, winograd.transform_filters(kernel))


def _forward(x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return winograd_convolution(x, kernel), (x, kernel)


def _backward(saved: tuple[jax.Array, jax.Array], dy: jax.Array) -> tuple[jax.Array, jax.Array]:
    x, kernel = saved
    dx = winograd_convolution(dy, winograd.turned(kernel))
    (dkernel,) = jax.linear_transpose(lambda k: direct_convolution(x, k), kernel)(dy)
    return dx, dkernel


winograd_convolution.defvjp(_forward, _backward)


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
