import numpy as np
import pytest

from vggjax.files import cache_folder
from vggjax.model import parameters, with_parameters
from vggjax.transfer import cache as cache_module
from vggjax.transfer import extract, predict
from vggjax.transfer.digest import chain_digest


@pytest.fixture
def backbone(small_vgg):
    return small_vgg.until("fc2")


def test_features_are_the_chain_s_outputs(backbone, images, tmp_path):
    features = extract(backbone, images, batch_size=16, cache=tmp_path)
    assert features.shape == (70, 16)
    np.testing.assert_allclose(np.asarray(features), backbone(images.pixels), rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(features[3], np.asarray(features)[3])
    np.testing.assert_array_equal(features[5:9], np.asarray(features)[5:9])
    order = np.array([7, 2, 7])
    np.testing.assert_array_equal(features[order], np.asarray(features)[order])
    np.testing.assert_array_equal(features.subset(order)[np.array([0])], features[order[:1]])


def test_maps_keep_their_axes(small_vgg, images, tmp_path):
    features = extract(small_vgg.until("block4_pool"), images, cache=tmp_path)
    assert features.shape == (70, 2, 2, 8)


def test_nothing_is_computed_twice(backbone, images, tmp_path):
    first = np.asarray(extract(backbone, images.subset(np.arange(50)), cache=tmp_path))
    extract(backbone, images, cache=tmp_path)
    assert images.decoded <= 32  # the 20 new ones, in one padded batch
    images.decoded = 0
    again = extract(backbone, images, cache=tmp_path)
    assert images.decoded == 0
    np.testing.assert_array_equal(again[:50], first)


def test_equal_images_share_a_row(backbone, images, tmp_path):
    twice = images.subset(np.array([4, 4, 4]))
    features = extract(backbone, twice, cache=tmp_path)
    assert len(features) == 3
    assert len(features.segments[0]) == 1


def test_other_weights_have_other_features(backbone, images, tmp_path):
    tree = parameters(backbone)
    tree["fc2"]["bias"] = tree["fc2"]["bias"] + 1
    changed = with_parameters(backbone, tree)
    assert chain_digest(changed) != chain_digest(backbone)
    old, new = (np.asarray(extract(c, images, cache=tmp_path)) for c in (backbone, changed))
    assert not np.array_equal(old, new)
    assert len(list(tmp_path.iterdir())) == 2


def test_the_digest_sees_preprocessing_layers_and_names(small_vgg):
    chains = [small_vgg, small_vgg.until("fc2"), small_vgg.after("preprocess")]
    assert len({chain_digest(chain) for chain in chains}) == 3
    assert chain_digest(small_vgg.until("fc2")) == chain_digest(small_vgg.until("fc2"))


def test_segments_are_small_and_complete(backbone, images, tmp_path, monkeypatch):
    monkeypatch.setattr(cache_module, "SEGMENT_BYTES", 20 * (32 + 16 * 4))
    features = extract(backbone, images, batch_size=16, cache=tmp_path)
    assert [len(segment) for segment in features.segments] == [20, 20, 20, 10]
    np.testing.assert_allclose(np.asarray(features), predict(backbone, images), rtol=1e-6)


def test_an_interrupted_extraction_keeps_what_it_finished(backbone, images, tmp_path, monkeypatch):
    monkeypatch.setattr(cache_module, "SEGMENT_BYTES", 20 * (32 + 16 * 4))
    whole = images.pixels.copy()

    class Stopped(type(images)):
        def __getitem__(self, indices):
            if np.max(indices) >= 48:
                raise KeyboardInterrupt
            return super().__getitem__(indices)

    with pytest.raises(KeyboardInterrupt):
        extract(backbone, Stopped(whole), batch_size=16, cache=tmp_path)
    assert not list(tmp_path.rglob(".*")), "nothing half-written stays"
    extract(backbone, images, batch_size=16, cache=tmp_path)
    assert images.decoded <= 32  # 40 rows were finished


@pytest.mark.parametrize("kept_bytes", [0, 10, 200, 3000])
def test_a_truncated_file_is_computed_again(backbone, images, tmp_path, kept_bytes):
    before = np.asarray(extract(backbone, images, cache=tmp_path))
    (file,) = tmp_path.rglob("*.npy")
    file.write_bytes(file.read_bytes()[:kept_bytes])
    after = np.asarray(extract(backbone, images, cache=tmp_path))
    np.testing.assert_array_equal(after, before)


def test_half_precision_takes_half_the_space(backbone, images, tmp_path):
    half = extract(backbone, images, cache=tmp_path, dtype=np.float16)
    assert half.dtype == np.float16
    full = np.asarray(extract(backbone, images, cache=tmp_path))
    np.testing.assert_allclose(np.asarray(half, np.float32), full, rtol=1e-3)


def test_the_default_place_is_the_cache_folder(backbone, images):
    extract(backbone, images)
    assert any((cache_folder() / "features").iterdir())
