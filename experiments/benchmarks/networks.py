"""The same network for every arm: random weights until a layer, and this project's own arms."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from vggjax.model import Chain, Parameters, VGGConfig, build_vgg, freeze, parameters, table_until
from vggjax.model.config import LayerSpec
from vggjax.transfer.step import forward_step
from vggjax.weights import load_weights


@dataclass(frozen=True)
class Network:
    """A VGG with random weights, up to and including `layer`."""

    config: VGGConfig
    layer: str
    params: Parameters

    @classmethod
    def random(cls, config: VGGConfig, layer: str) -> "Network":
        """He-normal kernels from seed 0."""
        return cls(config, layer, load_weights("random", layer, config=config).params)

    @property
    def table(self) -> tuple[LayerSpec, ...]:
        """Its layers, without the preprocessing: what other libraries build."""
        return table_until(self.config, self.layer)[1:]

    def chain(self) -> Chain:
        """The network as this project runs it."""
        return build_vgg(self.config, self.params, self.layer)


def random_images(count: int, side: int) -> np.ndarray:
    """Images with structure at several scales, uint8 RGB (count, side, side, 3)."""
    rng = np.random.default_rng(0)
    total = np.zeros((count, side, side, 3), np.float32)
    for scale in (1, 8, side // 4):
        cells = -(-side // scale)
        coarse = rng.standard_normal((count, cells, cells, 3), dtype=np.float32)
        total += coarse.repeat(scale, axis=1).repeat(scale, axis=2)[:, :side, :side]
    return np.clip(128 + 40 * total, 0, 255).astype(np.uint8)


def noise_images(count: int, side: int) -> np.ndarray:
    """Grey with a little noise, as visualization starts: float32 RGB (count, side, side, 3)."""
    rng = np.random.default_rng(0)
    return rng.uniform(108, 148, (count, side, side, 3)).astype(np.float32)


def prepared(chain: Chain, images: np.ndarray) -> np.ndarray:
    """What the other arms get, already preprocessed, outside their time: float32 (B, H, W, 3)."""
    return np.array(chain["preprocess"](images))


def forward(chain: Chain, images: np.ndarray) -> Callable[[], np.ndarray]:
    """This project's features of one batch of uint8 images, run as `transfer.extract` does."""
    chain = freeze(chain)
    graph, tree = nnx.graphdef(chain), parameters(chain)
    return lambda: np.asarray(forward_step(graph, tree, images))


def input_gradient(
    chain: Chain, images: np.ndarray, channels: np.ndarray
) -> Callable[[], np.ndarray]:
    """This project's gradient of one mean activation per image, with respect to the images."""
    chain = freeze(chain, gradient=True)
    graph, tree = nnx.graphdef(chain), parameters(chain)
    step = jax.jit(jax.grad(lambda x, tree: activation(nnx.merge(graph, tree)(x), channels)))
    inputs = jnp.asarray(images, jnp.float32)
    return lambda: np.asarray(step(inputs, tree))


def activation(features: jax.Array, channels: np.ndarray) -> jax.Array:
    """The mean of channel `channels[i]` of image i, summed over the images (B, H, W, C)."""
    return features.mean((1, 2))[np.arange(len(channels)), channels].sum()
