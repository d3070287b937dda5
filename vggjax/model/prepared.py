"""Layers whose parameters stay as they are, in the forms that run fastest on a CPU."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from vggjax.model import kernels, winograd
from vggjax.model.layers import Convolution, Dense
from vggjax.model.linear_kernels import linear_kernel
from vggjax.model.products import product


class FastConvolution(nnx.Module):
    """A 3×3 convolution and ReLU, its filters transformed for Winograd's method."""

    def __init__(self, layer: Convolution, gradient: bool):
        kernel = layer.kernel[...]
        self.filters = nnx.Param(winograd.transform_filters(kernel))
        self.bias = nnx.Param(layer.bias[...])
        backward = winograd.transform_filters(winograd.rotated(kernel)) if gradient else None
        self.backward_filters = nnx.Param(backward) if gradient else None

    def __call__(self, x: jax.Array) -> jax.Array:
        return self._activated(self._form(winograd.convolve, _convolution)(x))

    def on_strip(self, x: jax.Array) -> jax.Array:
        """The same for rows of an image and one more on each side: (B, H + 2, …) → (B, H, …)."""
        return self._activated(self._form(winograd.convolve_strip, _strip_convolution)(x))

    def pooled(self, x: jax.Array) -> jax.Array:
        """`on_strip`, and the 2×2 maximum of it."""
        if self.backward_filters is not None:
            return kernels.max_pool(self.on_strip(x))
        # The bias and ReLU keep the order, so the maximum may come first.
        return self._activated(winograd.convolve_and_pool(x, self.filters[...]))

    def _form(self, plain: kernels.Convolve, differentiable: kernels.Convolve) -> Callable:
        filters, backward = self.filters[...], self.backward_filters
        if backward is None:
            return lambda x: plain(x, filters)
        return lambda x: differentiable(x, filters, backward[...])

    def _activated(self, y: jax.Array) -> jax.Array:
        return jax.nn.relu(kernels.add_bias(y, self.bias[...]))


class FastDense(nnx.Module):
    """A dense layer whose answer for an image is the same in every batch."""

    def __init__(self, layer: Dense):
        self.kernel = nnx.Param(layer.kernel[...])
        self.bias = nnx.Param(layer.bias[...])
        self.relu = layer.relu

    def __call__(self, x: jax.Array) -> jax.Array:
        y = product(x.reshape(-1, x.shape[-1]), self.kernel[...])
        y = kernels.add_bias(y.reshape(*x.shape[:-1], -1), self.bias[...])
        return jax.nn.relu(y) if self.relu else y


def _input_kernel(name: str, form: kernels.Convolve, beyond: int) -> kernels.Convolve:
    """A convolution that is linear in the input alone, its transpose's filters beside its own.

    Of its input, `beyond` rows on each side are not in the output.
    """

    def tangent(dx: jax.Array, _: jax.Array, *filters: jax.Array) -> jax.Array:
        return defined(dx, *filters)

    def transpose(dy: jax.Array, _: Any, filters: jax.Array, backward: jax.Array) -> jax.Array:
        rows = jnp.pad(dy, ((0, 0), (2 * beyond, 2 * beyond), (0, 0), (0, 0)))
        return defined(rows, backward, filters)

    defined: kernels.Convolve = linear_kernel(
        name,
        lambda x, filters, backward: form(x, filters),
        tangents=(tangent, None, None),
        transposes=(transpose,),
        fewer_rows=2 * beyond,
    )
    return defined


_convolution = _input_kernel("prepared_convolution", winograd.convolve, beyond=0)
_strip_convolution = _input_kernel("prepared_strip", winograd.convolve_strip, beyond=1)
