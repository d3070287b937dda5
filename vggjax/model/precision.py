"""A frozen network that computes with fewer bits, for accelerators where that is faster."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from vggjax.model.chain import Chain, parameters, with_parameters


def in_precision(chain: Chain, dtype: DTypeLike) -> Chain:
    """`chain` with parameters and activations in `dtype`, such as bfloat16; outputs are float32.

    The preprocessing stays in float32: pixels minus their mean need more than 8 bits. Products of
    bfloat16 numbers are summed in float32 by accelerators. Parameters get no useful gradient.
    """
    cast = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), parameters(chain))
    narrow = with_parameters(chain, cast)
    return CastChain({name: narrow[name] for name in chain.names}, jnp.dtype(dtype).name)


class CastChain(Chain):
    """A chain that computes in another type than it takes and gives."""

    def __init__(self, layers: Any, dtype: str):
        super().__init__(layers)
        self.dtype = dtype

    def made_of(self, layers: Any) -> Chain:
        return CastChain(layers, self.dtype)

    def __call__(self, x: jax.Array) -> jax.Array:
        for name in self.names:
            x = self[name](x if name == "preprocess" else x.astype(self.dtype))
        return x.astype(jnp.float32)
