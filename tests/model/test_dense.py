"""The dense application is the mean over windows, each of which goes through the usual layers."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from vggjax.errors import LayerError
from vggjax.features import compute
from vggjax.model import (
    Chain,
    VGGConfig,
    build_vgg,
    chain_digest,
    dense_application,
    dense_layers,
    in_precision,
    optimize_inference,
)
from vggjax.model.layers import MeanMap, WindowMean, Windows

DENSE = ("flatten", "fc1", "fc2", "predictions")
CONFIG = VGGConfig(widths=(4, 6, 8, 8, 8), hidden=16, classes=5, image_size=64)


@pytest.fixture(scope="module")
def tree(random_tree):
    return random_tree(CONFIG)


@pytest.fixture(scope="module")
def vgg(tree):
    return build_vgg(CONFIG, tree)


@pytest.fixture(scope="module")
def large_images():
    return np.random.default_rng(4).integers(0, 256, (3, 128, 128, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def maps(vgg, large_images):
    """What the convolutions make of the larger images, by layer."""
    return vgg.activations(large_images, ["block4_pool", "block5_conv2", "block5_pool"])


def windows(maps, side):
    """All windows, (rows · columns, B, side, side, C)."""
    cut = np.moveaxis(sliding_window_view(maps, (side, side), axis=(1, 2)), 3, -1)
    return cut.swapaxes(0, 1).swapaxes(1, 2).reshape(-1, *cut.shape[:1], *cut.shape[3:])


def test_windows_and_their_mean_written_out():
    x = np.arange(24, dtype=np.float32).reshape(1, 3, 4, 2)
    corner = [0, 1, 2, 3, 8, 9, 10, 11]  # rows 0 and 1, columns 0 and 1
    found = np.asarray(Windows(2)(x))
    assert found.shape == (1, 2, 3, 8)
    assert found[0, 0, 0].tolist() == corner
    assert found[0, 1, 2].tolist() == [value + 12 for value in corner]
    # Windows start at rows 0 and 1 (8 apart), columns 0, 1 and 2 (2 apart): on average 4 + 2 on.
    mean = np.asarray(WindowMean(2)(x))
    assert mean.reshape(-1).tolist() == [value + 6 for value in corner]


@pytest.mark.parametrize(
    ("layer", "side"), [("block4_pool", 4), ("block5_conv2", 4), ("block5_pool", 2)]
)
def test_maps_become_their_mean_window(vgg, maps, large_images, layer, side):
    found = dense_application(vgg.until(layer), 128)(large_images)
    expected = windows(np.asarray(maps[layer]), side).mean(0)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("layer", DENSE)
@pytest.mark.parametrize("prepare", [lambda chain: chain, optimize_inference])
def test_dense_layers_see_each_window(vgg, tree, maps, large_images, layer, prepare):
    found = prepare(dense_application(vgg.until(layer), 128))(large_images)
    rows = windows(np.asarray(maps["block5_pool"]), 2).reshape(9, 3, -1)
    for name in DENSE[1 : DENSE.index(layer) + 1]:
        rows = rows @ tree[name]["kernel"] + tree[name]["bias"]
        rows = rows if name == "predictions" else np.maximum(rows, 0)
    np.testing.assert_allclose(found, rows.mean(0), rtol=1e-5, atol=1e-5)


def test_images_of_the_usual_size_go_through_as_ever(vgg):
    assert chain_digest(dense_application(vgg, 64)) == chain_digest(vgg)


def test_each_size_and_layer_has_an_identity(vgg):
    """So that no cached feature of one is taken for another's; sizes differ in the images' keys."""
    chains = dense_layers(vgg, ["block5_pool", "flatten", "fc1"], 96)
    assert [chain.names[-2:] for chain in chains.values()] == [
        (name, "window_mean") for name in chains
    ]
    plain = [vgg.until(name) for name in chains]
    assert len({chain_digest(chain) for chain in (*chains.values(), *plain)}) == 6


def test_it_computes_in_the_chain_s_precision(vgg, large_images):
    chain, images = vgg.until("fc1"), large_images[:, :96, :96]
    narrow = dense_application(in_precision(chain, "bfloat16"), 96)
    assert narrow.dtype == "bfloat16"
    found, wide = compute(narrow, images, 3), compute(dense_application(chain, 96), images, 3)
    assert found.dtype == np.float32
    assert 1e-5 < np.abs(found - wide).max() / np.abs(wide).max() < 0.03


def test_smaller_images_and_other_layers_are_refused(vgg):
    with pytest.raises(LayerError, match="32 by 32 pixels are smaller than the 64 that"):
        dense_application(vgg, 32)
    means = vgg.until("block4_pool").then(Chain({"means": MeanMap()}))
    with pytest.raises(LayerError, match="layer means can't be applied to larger images"):
        dense_application(means, 96)
