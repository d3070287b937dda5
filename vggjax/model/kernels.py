"""The arithmetic of the layers, on plain arrays."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from vggjax.model import winograd
from vggjax.model.linear_kernels import linear_kernel

# On a CPU, Winograd's form is slower than the direct one for fewer channels.
LEAST_CHANNELS = 64
LAYOUT = ("NHWC", "HWIO", "NHWC")
Convolve = Callable[..., jax.Array]  # of input and kernel


def convolution(x: jax.Array, kernel: jax.Array, bias: jax.Array) -> jax.Array:
    """3×3 convolution with zero padding and stride 1: (B, H, W, in) → (B, H, W, out).

    On a CPU by Winograd's method where that is faster, chosen when the program is compiled.
    """
    if x.dtype != jnp.float32 or not prefers_winograd(kernel.shape):
        return add_bias(direct_convolution(x, kernel), bias)
    y = lax.platform_dependent(x, kernel, cpu=winograd_convolution, default=direct_convolution)
    return add_bias(y, bias)


def family() -> str:
    """Which kernels compute here, as far as the digits of their results differ.

    A GPU's default for float32 is TF32 or not by its kind; Winograd's method is for CPUs alone.
    """
    backend = jax.default_backend()
    precision = jax.config.jax_default_matmul_precision  # type: ignore[attr-defined]
    device = "" if backend == "cpu" else f" {jax.local_devices()[0].device_kind}"
    return f"{backend}{device} {precision or 'default'}"


def prefers_winograd(shape: tuple[int, ...]) -> bool:
    """Whether a kernel of this shape (3, 3, in, out) runs faster by Winograd's method on a CPU."""
    return min(shape[2:]) >= LEAST_CHANNELS


def _by_xla(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=LAYOUT)


def _by_winograd(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return winograd.convolve(x, winograd.transform_filters(kernel))


def _with_gradient(name: str, form: Convolve) -> Convolve:
    """The convolution `form`, its gradient with respect to the input in the same form.

    That is a convolution with the kernel rotated by 180°: XLA's own form of it, whose window is
    reversed, is five times slower on a CPU when it stands in a loop, such as the one over groups of
    images. With respect to the kernel it is the form's transpose: by Winograd's method twice as
    fast as XLA's.
    """

    def to_input(dy: jax.Array, _: Any, kernel: jax.Array) -> jax.Array:
        return defined(dy, winograd.rotated(kernel))

    def to_kernel(dy: jax.Array, x: jax.Array, kernel: Any) -> jax.Array:
        (dkernel,) = jax.linear_transpose(partial(form, x), kernel)(dy)
        return dkernel

    defined: Convolve = linear_kernel(
        name,
        form,
        tangents=(lambda dx, _, kernel: defined(dx, kernel), lambda dk, x, _: defined(x, dk)),
        transposes=(to_input, to_kernel),
    )
    return defined


direct_convolution = _with_gradient("direct_convolution", _by_xla)
winograd_convolution = _with_gradient("winograd_convolution", _by_winograd)


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
