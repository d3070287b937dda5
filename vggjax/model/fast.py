"""A network whose parameters stay as they are, prepared to run as fast as the machine allows."""

from functools import partial
from itertools import groupby
from typing import Any

import jax
from jax import lax

from vggjax.model import kernels
from vggjax.model.blocks import largest_bytes, through
from vggjax.model.chain import Chain
from vggjax.model.layers import Convolution, Dense, Flatten, WindowMean, Windows
from vggjax.model.prepared import FastConvolution, FastDense

# On a CPU, so many bytes of activations are worked on at a time: they stay in the cache.
GROUP_BYTES = 2**22
# Layers that take the whole batch: of dense ones, the parameters are what has to be read.
_WHOLE = FastDense | Flatten | Windows | WindowMean


def optimize_inference(chain: Chain, *, gradient: bool = False) -> Chain:
    """The same function as `chain`, faster, for parameters that won't change.

    On a CPU the filters are transformed for Winograd's method, once, and images pass through in
    groups, or in strips, that are small enough for the cache; elsewhere the chain is returned as it
    is. With `gradient`, the gradient with respect to the input is as fast as the forward pass, for
    twice the memory. Parameters get no gradient. Cut a chain before you prepare it. One that is
    prepared already, or computes in another precision, is returned as it is. Compile it with
    `vggjax.model.COMPILER_OPTIONS`.
    """
    if jax.default_backend() != "cpu" or type(chain) is not Chain:
        return chain
    layers = {name: chain[name] for name in chain.names}
    for name, layer in layers.items():
        if isinstance(layer, Dense):
            layers[name] = FastDense(layer)
        elif isinstance(layer, Convolution) and kernels.prefers_winograd(layer.kernel.shape):
            layers[name] = FastConvolution(layer, gradient)
    return FastChain(layers)


class FastChain(Chain):
    """A chain through which a batch passes in groups of images, on a CPU.

    Each group goes through several layers while it is in the cache, an image that is too large for
    that in strips; the dense layers take the whole batch.
    """

    def __call__(self, x: jax.Array) -> jax.Array:
        for group, names in groupby(self.names, self._groups(x).__getitem__):
            layers = [self[name] for name in names]
            x = in_groups(partial(through, layers, strip_bytes=GROUP_BYTES), x, group)
        return x

    def _groups(self, x: jax.Array) -> dict[str, int]:
        """For each layer, how many images to work on at a time.

        Where they are too large for the cache, it is as many as the layers that follow take.
        """
        largest = {}
        for name in self.names:
            largest[name] = largest_bytes(self[name], x)
            x = jax.eval_shape(self[name], x)
        groups, following = {}, 1
        for name in reversed(self.names):
            if isinstance(self[name], _WHOLE):
                groups[name] = x.shape[0]
                continue
            if largest[name] <= GROUP_BYTES:
                following = -(-GROUP_BYTES // largest[name])
            groups[name] = following
        return groups


def in_groups(function: Any, x: jax.Array, group: int) -> jax.Array:
    """`function(x)` for a batch (B, …), with about `group` rows at a time, one after the other."""
    batch = x.shape[0]
    size = max(n for n in range(1, batch + 1) if batch % n == 0 and n <= max(1, group))
    if size == batch:
        return function(x)
    groups = x.reshape(batch // size, size, *x.shape[1:])
    y = lax.map(lambda part: function(part), groups)
    return y.reshape(batch, *y.shape[2:])
