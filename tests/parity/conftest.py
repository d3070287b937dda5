"""A full-size VGG16 with random weights, and how other libraries' VGG16 is made."""

import jax
import numpy as np
import pytest

from vggjax.model import VGGConfig


@pytest.fixture(autouse=True, scope="package")
def _as_others_broadcast():
    """Keras relies on rank promotion."""
    with jax.numpy_rank_promotion("allow"):
        yield


@pytest.fixture(scope="package")
def tree(random_tree):
    """Random parameters for a VGG16 whose logits are of order 10 for images in 0–255."""
    tree = random_tree(VGGConfig())
    tree["predictions"]["kernel"] *= 0.011
    return tree


@pytest.fixture(scope="package")
def images():
    """Three images with structure at several scales, uint8 (3, 224, 224, 3)."""
    rng = np.random.default_rng(5)
    total = np.zeros((3, 224, 224, 3))
    for scale in (1, 8, 56):
        coarse = rng.normal(size=(3, 224 // scale, 224 // scale, 3))
        total += coarse.repeat(scale, axis=1).repeat(scale, axis=2)
    return np.clip(128 + 40 * total, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def assert_layer_close():
    """Compares one layer's output, to within 1e-5 of its largest value."""

    def check(name, ours, theirs):
        ours, theirs = np.asarray(ours), np.asarray(theirs)
        assert ours.shape == theirs.shape, name
        scale = np.abs(theirs).max()
        assert np.abs(ours - theirs).max() <= 1e-5 * scale, name

    return check
