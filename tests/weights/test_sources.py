import hashlib
from dataclasses import replace

import numpy as np
import pytest
from weights_helpers import assert_equal, write_legacy

from vggjax.errors import LayerError, WeightsError
from vggjax.model import chain_digest
from vggjax.model.config import VGGConfig
from vggjax.weights import sources
from vggjax.weights.importer import convert_file
from vggjax.weights.info import WeightsInfo, digest_layers, parameter_layers
from vggjax.weights.sources import load_vgg, load_weights, weights_identity
from vggjax.weights.store import save


def test_layers_until():
    config = VGGConfig()
    assert parameter_layers(config, "preprocess") == ()
    assert parameter_layers(config, "block1_conv1") == ("block1_conv1",)
    assert parameter_layers(config, "block2_pool")[-1] == "block2_conv2"
    assert len(parameter_layers(config, "fc2")) == 15
    assert parameter_layers(config) == parameter_layers(config, "predictions")
    with pytest.raises(LayerError, match=r"no layer 'block6_pool'; did you mean block5_pool\?"):
        parameter_layers(config, "block6_pool")
    with pytest.raises(LayerError, match="These weights end at block5_pool"):
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


def test_the_same_content_is_the_same_whatever_it_is_called(tmp_path, params, config, keras_files):
    """A file, a store of it under another name: one identity, for one cut; each change, another."""
    file = str(keras_files["named.h5"])
    convert_file(keras_files["named.h5"], tmp_path / "mine", "mine")
    mine = str(tmp_path / "mine")
    cuts = [None, "fc1", "flatten", "block5_conv3", "block1_pool"]
    found = [weights_identity(file, cut) for cut in cuts]
    assert found == [weights_identity(mine, cut) for cut in cuts]
    assert found == [load_weights(mine, cut).hash for cut in cuts]
    assert found[2] == found[3], "the same parameters"
    assert len({*found}) == 4
    assert chain_digest(load_vgg(file, "fc1")) == chain_digest(load_vgg(mine, "fc1"))
    changed = {**params, "fc2": {**params["fc2"], "bias": params["fc2"]["bias"] + 1e-6}}
    for name, tree, other in (
        ("fc2", changed, config),
        ("torch", params, replace(config, preprocessing="torch")),
    ):
        save(tmp_path / name, tree, WeightsInfo(name, "", "", other, {}))
        assert weights_identity(str(tmp_path / name)) != found[0]
    assert weights_identity(str(tmp_path / "fc2"), "fc1") == found[1]
    assert weights_identity("random", "fc1") == "random"


def test_path_to_a_file(keras_files, torch_files, params):
    weights = load_weights(str(keras_files["named.h5"]), "block2_pool")
    assert_equal(weights.params, {name: params[name] for name in list(params)[:4]})
    assert weights.info.digests == digest_layers(weights.params)
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
