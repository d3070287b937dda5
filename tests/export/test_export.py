"""Exported networks give our own numbers, in JAX alone and in ONNX Runtime."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vggjax.errors import DataError, LayerError
from vggjax.export import export_jax, export_onnx, load_jax
from vggjax.export.__main__ import main
from vggjax.model import Chain, JointHead, build_vgg, in_precision, softmax_head
from vggjax.model.layers import (
    Center,
    Flatten,
    MeanMap,
    Power,
    Pyramid,
    Standardize,
    Temperature,
    UnitLength,
)
from vggjax.training import Classifier, cut_before

onnxruntime = pytest.importorskip("onnxruntime")


def by_onnx(file, images):
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    assert given.shape[0] == "batch"
    return session.run(None, {given.name: images})[0], session


@pytest.mark.parametrize("mode", ["caffe", "torch"])
@pytest.mark.parametrize("until", ["block3_conv2", "block5_pool", "predictions"])
def test_a_network_until_a_layer(mode, until, small_config, small_tree, small_images, tmp_path):
    config = replace(small_config, preprocessing=mode)
    chain = build_vgg(config, small_tree).until(until)
    expected = np.asarray(jax.jit(chain)(small_images))
    export_onnx(chain, tmp_path / "network.onnx")
    export_jax(chain, tmp_path / "network.jax")
    for count in (1, 6):  # the batch is open
        found, _ = by_onnx(tmp_path / "network.onnx", small_images[:count])
        scale = np.abs(expected).max()
        np.testing.assert_allclose(found, expected[:count], atol=1e-5 * scale)
        ours = load_jax(tmp_path / "network.jax")(small_images[:count])
        np.testing.assert_allclose(ours, expected[:count], atol=1e-5 * scale)


def dense(width):
    return softmax_head((width,), 3, seed=width, start="glorot")


def heads(random):
    """A head for each kind of layer that heads are made of."""
    maps, rows = random.normal(size=(2, 2, 8)), random.normal(size=16)
    mean, scale = (jnp.asarray(array, jnp.float32) for array in (maps, maps**2))
    row = jnp.asarray(rows, jnp.float32)
    return {
        "pyramid": ("block4_pool", {"power": Power(0.5), "pyramid": Pyramid()}, 40),
        "average": ("block4_pool", {"mean": MeanMap(), "unit": UnitLength()}, 8),
        "centred maps": ("block4_pool", {"center": Center(mean), "flat": Flatten()}, 32),
        "steady": ("block4_pool", {"steady": Standardize(mean, scale), "flat": Flatten()}, 32),
        "rows": ("fc1", {"flat": Flatten(), "power": Power(0.3), "center": Center(row)}, 16),
        "warm": ("predictions", {"warm": Temperature(3.0)}, 5),
    }


@pytest.fixture
def joint(small_vgg):
    made = heads(np.random.default_rng(4)).values()
    alone = {layer: Chain(layers).then(dense(width)) for layer, layers, width in made}
    return Classifier(small_vgg, JointHead(alone), ("ant", "bee", "cat"))


@pytest.mark.parametrize("name", heads(np.random.default_rng(0)))
def test_a_classifier(name, small_vgg, small_images, tmp_path):
    layer, layers, width = heads(np.random.default_rng(0))[name]
    head = Chain(layers).then(dense(width))
    classifier = Classifier(small_vgg.until(layer), head, ("ant", "bee", "cat"))
    told = classifier.probabilities(small_images)
    export_onnx(classifier, tmp_path / "classifier.onnx")
    found, session = by_onnx(tmp_path / "classifier.onnx", small_images)
    np.testing.assert_allclose(found, told, atol=1e-5)
    about = session.get_modelmeta().custom_metadata_map
    assert about == {"class_names": '["ant", "bee", "cat"]', "resize": '"crop"'}
    export_jax(classifier, tmp_path / "classifier.jax")
    ours = load_jax(tmp_path / "classifier.jax")(small_images)
    np.testing.assert_allclose(ours, told, atol=1e-5)


def test_a_tuned_classifier(small_vgg, small_images, tmp_path):
    """Its head begins with convolutions."""
    frozen, tail = cut_before(small_vgg.until("block5_pool"), "block5")
    head = tail.then(Chain({"pyramid": Pyramid()})).then(dense(16))
    classifier = Classifier(frozen, head, ("ant", "bee", "cat"))
    told = classifier.probabilities(small_images)
    export_onnx(classifier, tmp_path / "tuned.onnx")
    export_jax(classifier, tmp_path / "tuned.jax")
    np.testing.assert_allclose(by_onnx(tmp_path / "tuned.onnx", small_images)[0], told, atol=1e-5)
    np.testing.assert_allclose(load_jax(tmp_path / "tuned.jax")(small_images), told, atol=1e-5)


def test_a_head_on_several_layers(joint, small_images, tmp_path):
    told = joint.probabilities(small_images)
    export_onnx(joint, tmp_path / "joint.onnx")
    export_jax(joint, tmp_path / "joint.jax")
    np.testing.assert_allclose(by_onnx(tmp_path / "joint.onnx", small_images)[0], told, atol=1e-5)
    np.testing.assert_allclose(load_jax(tmp_path / "joint.jax")(small_images), told, atol=1e-5)


@pytest.mark.parametrize("name", ["model.onnx", "model.jax"])
def test_the_command(name, small_weights, backbone, small_images, tmp_path, capsys):
    classifier = Classifier(backbone, dense(16), ("a", "b", "c"), weights=str(small_weights))
    classifier.save(tmp_path / "classifier")
    main([str(tmp_path / "classifier"), str(tmp_path / name)])
    assert "(B, 32, 32, 3) uint8 → 3" in capsys.readouterr().out
    assert (tmp_path / name).stat().st_size > 1000


def test_what_cannot_be_exported_says_so(small_vgg, backbone, small_images, tmp_path):
    names = ("a", "b", "c")
    viewed = Classifier(backbone, dense(16), names, views=("whole", "flip"))
    for export in (export_onnx, export_jax):
        with pytest.raises(LayerError, match="several views"):
            export(viewed, tmp_path / "file")
        with pytest.raises(LayerError, match="starts with the images"):
            export(small_vgg.after("fc1"), tmp_path / "file")
    with pytest.raises(LayerError, match="float32"):
        export_onnx(in_precision(backbone, "bfloat16"), tmp_path / "file")
    with pytest.raises(DataError, match=r"ends in \.onnx or \.jax, not model\.pb"):
        main([str(tmp_path), "model.pb"])
    (tmp_path / "file").write_bytes(b"nonsense")
    with pytest.raises(DataError, match="exported"):
        load_jax(tmp_path / "file")
