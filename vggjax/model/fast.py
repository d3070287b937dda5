"""A network whose parameters stay as they are, prepared to run as fast as the machine allows."""

import math
from itertools import groupby
from typing import Any

import jax
from flax import nnx
from jax import lax

from vggjax.model import kernels, winograd
from vggjax.model.chain import Chain
from vggjax.model.layers import Convolution, Dense, Flatten, WindowMean, Windows
from vggjax.model.linear_kernels import linear_kernel

# On a CPU, so many bytes of activations are worked on at a time: they stay in the cache.
GROUP_BYTES = 2**22


def optimize_inference(chain: Chain, *, gradient: bool = False) -> Chain:
    """The same function as `chain`, faster, for parameters that won't change.

    On a CPU the filters are transformed for Winograd's method, once, and images pass through in
    groups small enough for the cache; elsewhere the chain is returned as it is. With `gradient`,
    the gradient with respect to the input is as fast as the forward pass, for twice the memory.
    Parameters get no gradient. Cut a chain before you prepare it. One that is prepared already, or
    computes in another precision, is returned as it is.
    """
    if jax.default_backend() != "cpu" or type(chain) is not Chain:
        return chain
    layers = {name: chain[name] for name in chain.names}
    for name, layer in layers.items():
        if isinstance(layer, Convolution) and kernels.prefers_winograd(layer.kernel.shape):
            layers[name] = FastConvolution(layer, gradient)
    return FastChain(layers)


class FastConvolution(nnx.Module):
    """A 3×3 convolution and ReLU, its filters transformed for Winograd's method."""

    def __init__(self, layer: Convolution, gradient: bool):
        kernel = layer.kernel[...]
        self.filters = nnx.Param(winograd.transform_filters(kernel))
        self.bias = nnx.Param(layer.bias[...])
        backward = winograd.transform_filters(winograd.rotated(kernel)) if gradient else None
        self.backward_filters = nnx.Param(backward) if gradient else None

    def __call__(self, x: jax.Array) -> jax.Array:
        if self.backward_filters is None:
            y = winograd.convolve(x, self.filters[...])
        else:
            y = _convolution(x, self.filters[...], self.backward_filters[...])
        return jax.nn.relu(kernels.add_bias(y, self.bias[...]))


class FastChain(Chain):
    """A chain through which a batch passes in groups of images, on a CPU.

    Each group goes through several layers while it is in the cache; the dense layers take the
    whole batch, since there the parameters are what has to be read.
    """

    def __call__(self, x: jax.Array) -> jax.Array:
        for group, names in groupby(self.names, self._group_sizes(x).__getitem__):
            part = Chain({name: self[name] for name in names})
            if x.shape[0] == 1 and any(isinstance(part[n], Dense) for n in part.names):
                # A matrix times a single row would be summed in another order than with more.
                x = part(jax.numpy.repeat(x, 2, axis=0))[:1]
            else:
                x = in_groups(part, x, group)
        return x

    def _group_sizes(self, x: jax.Array) -> dict[str, int]:
        """For each layer, how many images to work on at a time."""
        sizes = {}
        for name in self.names:
            y = jax.eval_shape(self[name], x)
            largest = max(math.prod(a.shape[1:]) * a.dtype.itemsize for a in (x, y))
            whole = isinstance(self[name], Dense | Flatten | Windows | WindowMean)
            sizes[name] = x.shape[0] if whole else -(-GROUP_BYTES // largest)
            x = y
        return sizes


def in_groups(function: Any, x: jax.Array, group: int) -> jax.Array:
    """`function(x)` for a batch (B, …), with about `group` rows at a time, one after the other."""
    batch = x.shape[0]
    size = max(n for n in range(1, batch + 1) if batch % n == 0 and n <= max(1, group))
    if size == batch:
        return function(x)
    groups = x.reshape(batch // size, size, *x.shape[1:])
    y = lax.map(lambda part: function(part), groups)
    return y.reshape(batch, *y.shape[2:])


def _tangent(dx: jax.Array, _: jax.Array, *filters: jax.Array) -> jax.Array:
    return _convolution(dx, *filters)


def _transpose(dy: jax.Array, _: Any, filters: jax.Array, backward: jax.Array) -> jax.Array:
    return _convolution(dy, backward, filters)


# Linear in the input alone, with the filters of its transpose beside its own.
_convolution: kernels.Convolve = linear_kernel(
    "prepared_convolution",
    lambda x, filters, backward_filters: winograd.convolve(x, filters),
    tangents=(_tangent, None, None),
    transposes=(_transpose,),
)
