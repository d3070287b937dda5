"""The response of one filter of a layer, a different one for each image."""

from collections.abc import Mapping
from functools import reduce

import jax
import jax.numpy as jnp

from vggjax.errors import LayerError
from vggjax.model import Chain, freeze
from vggjax.model.layers import Convolution


def require_convolution(chain: Chain, layer: str) -> Convolution:
    """The convolution called `layer`; raises LayerError if there is none of that name."""
    module = chain[layer]
    if not isinstance(module, Convolution):
        names = [name for name in chain.names if isinstance(chain[name], Convolution)]
        raise LayerError(
            f"The layer {layer} has no filters to visualize; "
            f"name a convolution: {', '.join(names)}."
        )
    return module


def leading_part(chain: Chain, layer: str) -> Chain:
    """The layers between `preprocess` and `layer`, as they are run fastest with a gradient."""
    inner = chain.after("preprocess")
    before = inner.until(layer).names[:-1]
    return freeze(inner.until(before[-1]), gradient=True) if before else Chain({})


def responses(x: jax.Array, convolution: Mapping[str, jax.Array], filters: jax.Array) -> jax.Array:
    """Filter `filters[i]` of a 3×3 convolution on image i, before ReLU: (B, H, W, C) → (B, H, W).

    Of the layer only the filter that is looked at is computed: nine sums over the channels, each
    of which is then shifted to its place. `convolution` is the layer's kernel and bias.
    """
    kernel, bias = convolution["kernel"][..., filters], convolution["bias"][filters]
    products = jnp.einsum("bhwc,ijcb->bhwij", x, kernel)
    products = jnp.pad(products, ((0, 0), (1, 1), (1, 1), (0, 0), (0, 0)))
    height, width = x.shape[1:3]
    shifted = [
        products[:, row : row + height, column : column + width, row, column]
        for row in range(3)
        for column in range(3)
    ]
    return reduce(jnp.add, shifted) + bias.reshape(-1, 1, 1)
