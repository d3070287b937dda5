"""The response of one filter of a layer, a different one for each image."""

from functools import reduce

import jax
import jax.numpy as jnp
from flax import nnx

from vggjax.errors import LayerError
from vggjax.model import Chain, optimize_inference
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


class Response(nnx.Module):
    """Filter `filters[i]` of a 3×3 convolution on image i, before ReLU: (B, S, S, 3) → (B, H, W).

    Images are what follows `preprocess`. Of the layer only the filter that is looked at is
    computed: nine sums over the channels, each of which is then shifted to its position.
    """

    def __init__(self, chain: Chain, layer: str):
        inner = chain.after("preprocess")
        names = inner.until(layer).names[:-1]
        before = inner.until(names[-1]) if names else Chain({})
        self.before = optimize_inference(before, gradient=True)
        self.last = chain[layer]

    def __call__(self, images: jax.Array, filters: jax.Array) -> jax.Array:
        x = self.before(images)
        kernel, bias = self.last.kernel[...][..., filters], self.last.bias[...][filters]
        products = jnp.einsum("bhwc,ijcb->bhwij", x, kernel)
        products = jnp.pad(products, ((0, 0), (1, 1), (1, 1), (0, 0), (0, 0)))
        height, width = x.shape[1:3]
        shifted = [
            products[:, row : row + height, column : column + width, row, column]
            for row in range(3)
            for column in range(3)
        ]
        return reduce(jnp.add, shifted) + bias.reshape(-1, 1, 1)
