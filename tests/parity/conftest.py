"""A full-size VGG16 with random weights, and how other libraries' VGG16 is made."""

import jax
import numpy as np
import pytest

from vggjax.model import VGGConfig, build_vgg
from vggjax.weights import load_weights


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


@pytest.fixture(scope="package")
def loaded():
    """Reads the network in a file, which is then removed."""

    def load(path, preprocessing):
        info, params = load_weights(str(path))
        path.unlink()
        assert info.config.preprocessing == preprocessing
        return build_vgg(info.config, params)

    return load


@pytest.fixture(scope="package")
def assert_same_outputs(images):
    """Compares some layers, each to within 1e-5 of its largest value, and the logits to 1e-4."""

    def check(ours, theirs):
        outputs = ours.activations(images, theirs)
        for name, expected in theirs.items():
            assert outputs[name].shape == expected.shape, name
            error = np.abs(np.asarray(outputs[name]) - expected).max()
            assert error <= 1e-5 * np.abs(expected).max(), name
        logits = theirs["predictions"]
        assert 5 < np.abs(logits).max() < 15, f"logits of order 10, not {np.abs(logits).max()}"
        assert np.abs(np.asarray(ours(images)) - logits).max() <= 1e-4

    return check
