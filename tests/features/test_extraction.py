"""Features are the chain's outputs, computed once, and found by all that they depend on."""

import tracemalloc
from contextlib import closing

import numpy as np
import pytest
from flax import nnx

from vggjax.errors import LayerError
from vggjax.features import extract, extract_layers, filling
from vggjax.features.cache import FeatureStore
from vggjax.files import cache_folder
from vggjax.model import Chain, kernels, parameters, with_parameters
from vggjax.model.layers import Convolution

LAYERS = ["block5_conv3", "block4_pool", "fc2"]


def rows_of(path):
    """How many rows a file has, as its first line says it for people."""
    return int(path.read_bytes().split(b": ")[1].split()[0])


@pytest.mark.parametrize(("layer", "shape"), [("fc2", (16,)), ("block4_pool", (2, 2, 8))])
def test_features_are_the_chain_s_outputs(small_vgg, images, tmp_path, layer, shape):
    chain = small_vgg.until(layer)
    features = extract(chain, images, batch_size=16, cache=tmp_path)
    assert features.shape == (70, *shape)
    whole, order = np.asarray(features), np.array([7, 2, 7])
    np.testing.assert_allclose(whole, chain(images.pixels), rtol=1e-5, atol=1e-5)
    for index in (3, slice(5, 9), order):
        np.testing.assert_array_equal(features[index], whole[index])
    np.testing.assert_array_equal(features.subset(order)[np.array([0])], whole[order[:1]])


def test_nothing_is_computed_twice(backbone, images, tmp_path):
    first = np.asarray(extract(backbone, images.subset(np.arange(50)), cache=tmp_path))
    extract(backbone, images, cache=tmp_path)
    assert images.decoded <= 32  # the 20 new ones, in one padded batch
    images.decoded = 0
    again = extract(backbone, images, cache=tmp_path)
    assert images.decoded == 0
    np.testing.assert_array_equal(again[:50], first)


def test_equal_images_share_a_row(backbone, images, tmp_path):
    features = extract(backbone, images.subset(np.array([4, 4, 4])), cache=tmp_path)
    assert len(features) == 3
    assert len(features.segments[0]) == 1


def test_other_weights_have_other_features(backbone, images, tmp_path):
    tree = parameters(backbone)
    tree["fc2"]["bias"] = tree["fc2"]["bias"] + 1
    changed = with_parameters(backbone, tree)
    old, new = (np.asarray(extract(c, images, cache=tmp_path)) for c in (backbone, changed))
    assert not np.array_equal(old, new)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("owner", "name", "value"),
    [
        (Convolution, "version", Convolution.version + 1),
        (kernels, "family", lambda: "another machine's"),
    ],
)
def test_another_arithmetic_has_other_features(
    backbone, images, tmp_path, monkeypatch, owner, name, value
):
    few = images.subset(np.arange(3))
    extract(backbone, few, cache=tmp_path)
    monkeypatch.setattr(owner, name, value)
    few.decoded = 0
    extract(backbone, few, cache=tmp_path)
    assert few.decoded >= 3, "computed again"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_layer_without_an_identity_is_refused(images, tmp_path):
    own = Chain({"own": nnx.Linear(3, 3, rngs=nnx.Rngs(0))})
    with pytest.raises(LayerError, match="class Linear has no identity"):
        extract(own, images, cache=tmp_path)


def test_an_interruption_keeps_all_but_the_batch_in_hand(small_vgg, images, tmp_path):
    class Stopped(type(images)):
        def __getitem__(self, indices):
            if np.max(indices) >= 48:
                raise KeyboardInterrupt
            return super().__getitem__(indices)

    with pytest.raises(KeyboardInterrupt):
        extract_layers(small_vgg, LAYERS, Stopped(images.pixels), batch_size=16, cache=tmp_path)
    assert not list(tmp_path.rglob(".*")), "nothing half-written stays"
    features = extract_layers(small_vgg, LAYERS, images, batch_size=16, cache=tmp_path)
    assert images.decoded <= 48  # of three batches, two were written: the third was being read
    expected = small_vgg.until("fc2")(images.pixels)
    np.testing.assert_allclose(features["fc2"][:], expected, rtol=1e-5, atol=1e-5)


def test_wide_features_are_read_row_by_row(tmp_path):
    """100,352 features an image (C5): a batch takes the memory of its rows, not of the file."""
    store = FeatureStore(tmp_path, (14, 14, 512), np.dtype(np.float32))
    keys = np.zeros((200, 32), np.uint8)
    keys[:, 0] = np.arange(200)
    with closing(store.writer(keys)) as writer:
        for number in range(200):
            writer.write(np.full((1, 14, 14, 512), number, np.float32))
    store.refresh()
    features = store.select(keys)
    row_bytes = 14 * 14 * 512 * 4
    tracemalloc.start()
    batch = features[np.array([199, 0, 170, 5])]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert batch[:, 3, 3, 3].tolist() == [199, 0, 170, 5]
    assert peak < 3 * 4 * row_bytes


def test_half_precision_takes_half_the_space_in_the_usual_folder(backbone, images):
    half = extract(backbone, images, dtype=np.float16)
    assert half.dtype == np.float16
    np.testing.assert_allclose(half[:].astype(np.float32), extract(backbone, images)[:], rtol=1e-3)
    assert any((cache_folder() / "features").glob("fc2-16-float16-*"))


@pytest.mark.parametrize("size", [16, 7])
def test_several_layers_equal_separate_extractions(small_vgg, images, tmp_path, size):
    together = extract_layers(small_vgg, LAYERS, images, batch_size=size, cache=tmp_path / "one")
    assert images.decoded <= 70 + 2 * size, "one pass over the images"
    assert len(list((tmp_path / "one").iterdir())) == len(LAYERS)
    for name in LAYERS:
        chain = small_vgg.until(name)
        alone = extract(chain, images, batch_size=size, cache=tmp_path / name)
        np.testing.assert_allclose(together[name][:], alone[:], rtol=1e-6, atol=1e-6)
        images.decoded = 0
        np.testing.assert_array_equal(
            extract(chain, images, cache=tmp_path / "one")[:], together[name][:]
        )
        assert images.decoded == 0, "found under the layer's own name"


def test_only_what_some_layer_lacks_is_computed(small_vgg, images, tmp_path):
    extract(small_vgg.until("block4_pool"), images.subset(np.arange(40)), cache=tmp_path)
    extract(small_vgg.until("fc2"), images.subset(np.arange(60)), cache=tmp_path)
    extract_layers(small_vgg, ["fc2", "block4_pool"], images, batch_size=10, cache=tmp_path)
    assert images.decoded <= 30 + 10
    rows = {
        folder.name.split("-")[0]: sorted(rows_of(path) for path in folder.glob("*.rows"))
        for folder in tmp_path.iterdir()
    }
    assert rows == {"block4_pool": [30, 40], "fc2": [10, 60]}


def test_the_pass_is_for_the_layers_that_lack_something(small_vgg, images, tmp_path, monkeypatch):
    extract(small_vgg.until("fc2"), images, cache=tmp_path)
    passes, outputs = [], filling.branch_outputs

    def noted(chains, inputs, **options):
        passes.append(tuple(chains))
        return outputs(chains, inputs, **options)

    monkeypatch.setattr(filling, "branch_outputs", noted)
    for _ in range(2):
        extract_layers(small_vgg, LAYERS, images, cache=tmp_path)
    assert passes == [("block4_pool", "block5_conv3")], "fc2 was there, later all were"
