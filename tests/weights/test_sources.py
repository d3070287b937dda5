import hashlib

import numpy as np
import pytest
from weights_helpers import CONFIG, assert_equal, write_legacy

from vggjax.errors import LayerError, WeightsError
from vggjax.model.config import VGGConfig
from vggjax.weights import sources
from vggjax.weights.info import WeightsInfo, digest_layers
from vggjax.weights.sources import load_weights, parameter_layers
from vggjax.weights.store import save


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VGGJAX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_layers_until():
    config = VGGConfig()
    assert parameter_layers(config, "preprocess") == ()
    assert parameter_layers(config, "block1_conv1") == ("block1_conv1",)
    assert parameter_layers(config, "block2_pool")[-1] == "block2_conv2"
    assert len(parameter_layers(config, "fc2")) == 15
    assert parameter_layers(config) == parameter_layers(config, "predictions")
    with pytest.raises(LayerError, match=r"no layer 'block6_pool'; did you mean block5_pool\?"):
        parameter_layers(config, "block6_pool")
    with pytest.raises(LayerError, match="no layer 'fc1'"):
        parameter_layers(VGGConfig(top=False), "fc1")


@pytest.mark.parametrize("kind", ["store", "file"])
def test_layers_of_a_deeper_network_in_any_order(tmp_path, random_tree, kind):
    """VGG19 has layers that VGG16 lacks; which is the deepest does not depend on their order."""
    config = VGGConfig((4, 4, 6, 6, 8), (2, 2, 4, 4, 4), hidden=16, classes=5, image_size=64)
    params, path = random_tree(config), tmp_path / "vgg19"
    if kind == "store":
        save(path, params, WeightsInfo("vgg19", "", "", config, digest_layers(params)))
    else:
        write_legacy(path, params, 2)
    info, found = load_weights(str(path), ["block5_conv4", "block1_conv1"])
    assert info.config == config
    assert_equal(found, {name: params[name] for name in list(params)[:16]})
    with pytest.raises(LayerError, match=r"no layer 'block5_conv5'; did you mean block5_conv4\?"):
        load_weights(str(path), ["block1_conv1", "block5_conv5"])


def test_random_is_the_same_whatever_the_cut(config):
    whole = load_weights("random", seed=3, config=config)
    part = load_weights("random", "block3_conv1", seed=3, config=config)
    assert list(part.params) == [layer for layer in whole.params if layer < "block3_conv2"]
    assert_equal(part.params, {name: whole.params[name] for name in part.params})
    assert part.info.digests == digest_layers(part.params)
    other = load_weights("random", "block1_conv1", seed=4, config=config)
    assert other.info.digests["block1_conv1"] != part.info.digests["block1_conv1"]


def test_random_is_he_normal():
    kernel, bias = load_weights("random", "block3_conv1").params["block3_conv1"].values()
    assert not bias.any()
    assert kernel.mean() == pytest.approx(0, abs=1e-3)
    assert kernel.std() == pytest.approx(np.sqrt(2 / (9 * 128)), rel=0.01)
    with pytest.raises(WeightsError, match="seed of random weights"):
        load_weights("random", "block1_conv1", seed=-1)


def test_path_to_a_store(tmp_path, params, info):
    save(tmp_path / "mine", params, info)
    found_info, found = load_weights(str(tmp_path / "mine"), "fc1")
    assert found_info == info
    assert_equal(found, {name: params[name] for name in list(params)[:-2]})


def test_path_to_a_file(keras_files, torch_files, params):
    weights = load_weights(str(keras_files["named.h5"]), "block2_pool")
    assert_equal(weights.params, {name: params[name] for name in list(params)[:4]})
    assert weights.info.digests == digest_layers(params)
    assert weights.info.source == "named.h5"
    content = keras_files["named.h5"].read_bytes()
    assert weights.info.source_sha256 == hashlib.sha256(content).hexdigest()
    assert load_weights(str(torch_files["zip"])).info.config.preprocessing == "torch"


def test_unknown_names(tmp_path):
    with pytest.raises(WeightsError, match="no weights imagnet; name imagenet, imagenet-notop"):
        load_weights("imagnet")
    with pytest.raises(WeightsError, match="not a folder of stored weights"):
        load_weights(str(tmp_path))


def test_demo(tmp_path, params, info, monkeypatch):
    assert sources.demo_folder().parts[-2:] == ("weights", "demo"), "in the checkout"
    monkeypatch.setattr(sources, "demo_folder", lambda: tmp_path / "demo")
    with pytest.raises(WeightsError, match=r"experiments/pretrain_demo.py"):
        load_weights("demo")
    save(tmp_path / "demo", params, info)
    assert_equal(load_weights("demo").params, params)


def serve(monkeypatch, file, known_hash):
    remote = sources.Remote(f"http://nowhere.invalid/{file.name}", 1, known_hash, CONFIG)
    monkeypatch.setitem(sources.REMOTES, "imagenet", remote)
    monkeypatch.setattr("vggjax.download.url_reachable", lambda url, timeout=5.0: True)

    def fetch(url, target):
        target.write_bytes(file.read_bytes())

    monkeypatch.setattr("vggjax.download._fetch", fetch)


def test_downloaded_once_and_converted(cache, keras_files, params, monkeypatch, capsys):
    file = keras_files["named.h5"]
    serve(monkeypatch, file, "md5:" + hashlib.md5(file.read_bytes()).hexdigest())
    info, found = load_weights("imagenet", "block1_pool")
    assert_equal(found, {name: params[name] for name in list(params)[:2]})
    assert info.name == "imagenet"
    assert info.source == "http://nowhere.invalid/named.h5"
    assert "Downloading" in capsys.readouterr().err
    monkeypatch.setattr(sources, "download", None)  # a second download would now fail
    assert_equal(load_weights("imagenet").params, params)
    assert not list((cache / "downloads").iterdir())


def test_a_wrong_layer_shows_before_a_download(monkeypatch):
    monkeypatch.setattr(sources, "download", None)
    with pytest.raises(LayerError, match=r"'block5_conv4'; did you mean block5_conv3\?"):
        load_weights("imagenet", ["block1_conv1", "block5_conv4"])


def test_wrong_checksum(cache, keras_files, monkeypatch):
    serve(monkeypatch, keras_files["named.h5"], "sha256:397923af")
    with pytest.raises(WeightsError, match=r"imagenet could not be fetched: .* its sha256 is"):
        load_weights("imagenet")
    assert not [path for path in cache.rglob("*") if path.is_file()]
