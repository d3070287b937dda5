"""A strict runtime for all tests, and the small networks they share."""

import os

os.environ["KERAS_BACKEND"] = "jax"
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
os.environ["JAX_PLATFORMS"] = "cpu"

import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from vggjax.model import Chain, VGGConfig, build_vgg, parameter_shapes

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "experiments"))
jax.config.update("jax_numpy_rank_promotion", "raise")

SMALL = VGGConfig(widths=(4, 6, 8, 8, 8), hidden=16, classes=5, image_size=32)


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory):
    """No test reads or writes the user's cache."""
    os.environ["VGGJAX_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def small_config() -> VGGConfig:
    return SMALL


@pytest.fixture(scope="session")
def random_tree():
    """Draws a tree of parameters: He-normal kernels, small random biases (not the library's)."""

    def draw(config: VGGConfig, seed: int = 0) -> dict:
        rng = np.random.default_rng(seed)
        return {
            layer: {
                "kernel": _normal(rng, np.sqrt(2 / np.prod(s["kernel"][:-1])), s["kernel"]),
                "bias": _normal(rng, 0.1, s["bias"]),
            }
            for layer, s in parameter_shapes(config).items()
        }

    return draw


def _normal(rng, deviation, shape):
    return rng.normal(scale=deviation, size=shape).astype(np.float32)


@pytest.fixture(scope="session")
def small_tree(random_tree) -> dict:
    return random_tree(SMALL)


@pytest.fixture(scope="session")
def small_vgg(small_tree) -> Chain:
    return build_vgg(SMALL, small_tree)


@pytest.fixture(scope="session")
def small_images() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
