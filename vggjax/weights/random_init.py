"""Random weights, the same for a layer whatever else is drawn."""

from collections.abc import Iterable
from zlib import crc32

import numpy as np

from vggjax.errors import WeightsError
from vggjax.model.config import VGGConfig, parameter_shapes
from vggjax.weights.info import Parameters


def random_parameters(config: VGGConfig, layers: Iterable[str], seed: int) -> Parameters:
    """He-normal kernels (standard deviation sqrt(2 / inputs), arXiv 1502.01852) and zero biases.

    Each of `layers` is drawn from (seed, its name) alone. Raises WeightsError for a negative seed.
    """
    if seed < 0:
        raise WeightsError(f"The seed of random weights must be 0 or more, not {seed}.")
    shapes = parameter_shapes(config)
    return {name: _random_layer(seed, name, shapes[name]["kernel"]) for name in layers}


def _random_layer(seed: int, name: str, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    generator = np.random.default_rng([seed, crc32(name.encode())])
    kernel = generator.standard_normal(shape, dtype=np.float32)
    kernel *= np.float32(np.sqrt(2 / np.prod(shape[:-1])))
    return {"kernel": kernel, "bias": np.zeros(shape[-1:], np.float32)}
