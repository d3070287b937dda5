"""Several layers from one pass are those that separate extractions give."""

import tracemalloc

import numpy as np
import pytest

from vggjax.errors import LayerError
from vggjax.transfer import cache as cache_module
from vggjax.transfer import extract, extract_layers
from vggjax.transfer.cache import FeatureStore

LAYERS = ["block5_conv3", "block4_pool", "fc2"]


@pytest.mark.parametrize("size", [16, 7])
def test_they_equal_separate_extractions(small_vgg, images, tmp_path, size):
    together = extract_layers(small_vgg, LAYERS, images, batch_size=size, cache=tmp_path / "one")
    assert images.decoded <= 70 + 2 * size, "one pass over the images"
    for name in LAYERS:
        alone = extract(small_vgg.until(name), images, batch_size=size, cache=tmp_path / name)
        assert together[name].shape == alone.shape
        np.testing.assert_allclose(together[name][:], alone[:], rtol=1e-6, atol=1e-6)


def test_each_is_found_later_under_its_own_name(small_vgg, images, tmp_path):
    together = extract_layers(small_vgg, LAYERS, images, cache=tmp_path)
    images.decoded = 0
    for name in LAYERS:
        alone = extract(small_vgg.until(name), images, cache=tmp_path)
        np.testing.assert_array_equal(alone[:], together[name][:])
    assert images.decoded == 0
    assert len(list(tmp_path.iterdir())) == len(LAYERS)


def test_only_what_some_layer_lacks_is_computed(small_vgg, images, tmp_path):
    extract(small_vgg.until("block4_pool"), images.subset(np.arange(40)), cache=tmp_path)
    extract(small_vgg.until("fc2"), images.subset(np.arange(60)), cache=tmp_path)
    extract_layers(small_vgg, ["fc2", "block4_pool"], images, batch_size=10, cache=tmp_path)
    assert images.decoded <= 30 + 10
    rows = {
        folder.name.split("-")[0]: sorted(len(np.load(path)) for path in folder.glob("*.npy"))
        for folder in tmp_path.iterdir()
    }
    assert rows == {"block4_pool": [30, 40], "fc2": [10, 60]}


def test_the_pass_ends_at_the_deepest_layer_that_lacks_something(
    small_vgg, images, tmp_path, monkeypatch
):
    extract(small_vgg.until("fc2"), images, cache=tmp_path)
    passes = []
    monkeypatch.setattr(
        "vggjax.transfer.features.freeze", lambda chain: passes.append(chain.names[-1]) or chain
    )
    extract_layers(small_vgg, LAYERS, images, cache=tmp_path)
    extract_layers(small_vgg, LAYERS, images, cache=tmp_path)
    assert passes == ["block5_conv3"], "fc2 was there, and the second time all were"


def test_an_interruption_keeps_each_layer_s_finished_segments(
    small_vgg, images, tmp_path, monkeypatch
):
    monkeypatch.setattr(cache_module, "SEGMENT_BYTES", 20 * (32 + 16 * 4))  # 20 rows of fc2

    class Stopped(type(images)):
        def __getitem__(self, indices):
            if np.max(indices) >= 48:
                raise KeyboardInterrupt
            return super().__getitem__(indices)

    with pytest.raises(KeyboardInterrupt):
        extract_layers(small_vgg, LAYERS, Stopped(images.pixels), batch_size=16, cache=tmp_path)
    assert not list(tmp_path.rglob(".*")), "nothing half-written stays"
    (folder,) = tmp_path.glob("fc2-*")
    assert len(list(folder.glob("*.npy"))) >= 1
    features = extract_layers(small_vgg, LAYERS, images, batch_size=16, cache=tmp_path)
    np.testing.assert_allclose(
        features["fc2"][:], small_vgg.until("fc2")(images.pixels), rtol=1e-5, atol=1e-5
    )


def test_an_unknown_layer(small_vgg, images, tmp_path):
    with pytest.raises(LayerError, match="There is no layer 'fc9'"):
        extract_layers(small_vgg, ["fc2", "fc9"], images, cache=tmp_path)


def test_wide_features_are_read_row_by_row(tmp_path):
    """100,352 features an image (C5): a batch takes the memory of its rows, not of the file."""
    store = FeatureStore(tmp_path, (14, 14, 512), np.dtype(np.float32))
    keys = np.arange(200 * 32).view(np.uint8)[: 200 * 32].reshape(200, 32).copy()
    keys[:, :8] = np.arange(200, dtype=np.int64).view(np.uint8).reshape(200, 8)
    store.add(keys, (np.full((1, 14, 14, 512), i, np.float32) for i in range(200)), {})
    features = store.select(keys)
    row_bytes = 14 * 14 * 512 * 4
    tracemalloc.start()
    batch = features[np.array([199, 0, 170, 5])]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert batch[:, 3, 3, 3].tolist() == [199, 0, 170, 5]
    assert peak < 3 * 4 * row_bytes
