import dataclasses
import io
import json

import numpy as np
import pytest
from flax import nnx
from PIL import Image
from scipy.special import softmax

from vggjax.data import decode_view
from vggjax.errors import DataError, WeightsError
from vggjax.features import forward
from vggjax.model import (
    Chain,
    JointHead,
    chain_digest,
    dense_application,
    in_precision,
    parameters,
    softmax_head,
    temperature_head,
    with_parameters,
)
from vggjax.model.layers import Dense
from vggjax.training import Classifier, layer_head
from vggjax.training.saved import load_head
from vggjax.weights import WeightsInfo, load_vgg, save

CLASSES = ("ants", "bees", "cats")
RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(9, 16)).astype(np.float32)


def dense(inputs, outputs, relu=False):
    kernel = RNG.normal(size=(inputs, outputs)).astype(np.float32)
    return Dense(kernel, np.ones(outputs, np.float32), relu)


# Each with the layer that it stands behind.
HEADS = {
    "one layer": ("fc2", softmax_head((16,), 3, seed=5, start="glorot")),
    "maps": ("block5_pool", softmax_head((1, 1, 8), 3, start="glorot")),
    "pooled": ("block4_conv3", softmax_head((4, 4, 8), 3, pool=True, start="glorot")),
    "standardised": ("fc2", layer_head(ROWS, 3, standardize=True, start="glorot")),
    "temperature": ("predictions", temperature_head(5, 3, 4.0, start="glorot")),
    "two dense layers": ("fc2", Chain({"wide": dense(16, 9, True), "answers": dense(9, 3)})),
}


@pytest.fixture
def classifier(backbone, small_weights):
    return Classifier(backbone, HEADS["one layer"][1], CLASSES, "nearest", str(small_weights))


@pytest.fixture
def saved(classifier, tmp_path):
    classifier.save(tmp_path / "saved")
    return tmp_path / "saved"


def assert_same(loaded, classifier, images):
    np.testing.assert_array_equal(loaded.probabilities(images), classifier.probabilities(images))
    for name in ("class_names", "resize", "weights", "image_size"):
        assert getattr(loaded, name) == getattr(classifier, name)
    assert loaded.backbone.names == classifier.backbone.names


@pytest.mark.parametrize(("layer", "head"), HEADS.values(), ids=HEADS)
def test_the_same_numbers_after_loading(small_weights, tmp_path, small_images, layer, head):
    backbone = load_vgg(str(small_weights), until=layer)
    classifier = Classifier(backbone, head, CLASSES, "nearest", str(small_weights))
    classifier.save(tmp_path / "saved")
    loaded = Classifier.load(tmp_path / "saved")
    assert_same(loaded, classifier, small_images)
    assert loaded.head.names == head.names
    rows = classifier.probabilities(small_images)
    np.testing.assert_allclose(rows.sum(axis=1), 1, rtol=1e-5)
    assert np.ptp(rows) > 0.01, "images are told apart"


def test_the_precision_of_the_backbone_is_kept(small_weights, tmp_path, small_images):
    backbone = in_precision(load_vgg(str(small_weights), until="fc2"), "bfloat16")
    classifier = Classifier(backbone, HEADS["one layer"][1], CLASSES, weights=str(small_weights))
    classifier.save(tmp_path / "saved")
    loaded = Classifier.load(tmp_path / "saved")
    assert loaded.backbone.dtype == "bfloat16"
    assert_same(loaded, classifier, small_images)


def test_photos_after_loading(classifier, saved):
    stream = io.BytesIO()
    pixels = np.random.default_rng(3).integers(0, 256, (50, 41, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, "PNG")
    (answer,) = Classifier.load(saved).predict([stream.getvalue()])
    assert [answer] == classifier.predict([stream.getvalue()])
    assert list(answer.values()) == sorted(answer.values(), reverse=True)


def test_images_of_another_size_are_refused(classifier, small_images):
    with pytest.raises(DataError, match=r"takes images \(N, 32, 32, 3\), not \(6, 16, 16, 3\)"):
        classifier.probabilities(small_images[:, :16, :16])


def test_a_known_identity_is_not_computed(classifier, tmp_path, monkeypatch):
    known = chain_digest(classifier.backbone)
    monkeypatch.setattr("vggjax.training.classifier.chain_digest", None)
    classifier.save(tmp_path / "saved", digest=known)
    monkeypatch.undo()
    Classifier.load(tmp_path / "saved")


def test_a_backbone_that_was_changed_is_not_saved_by_its_old_name(classifier, tmp_path):
    tree = parameters(classifier.backbone)
    tree["fc1"]["bias"] = tree["fc1"]["bias"] + 1e-6
    changed = with_parameters(classifier.backbone, tree)
    with pytest.raises(WeightsError, match=r"small give until fc2: leave `weights` out"):
        dataclasses.replace(classifier, backbone=changed).save(tmp_path / "changed")
    assert not (tmp_path / "changed").exists()
    dataclasses.replace(classifier, backbone=changed, weights="").save(tmp_path / "changed")
    assert Classifier.load(tmp_path / "changed", changed).class_names == CLASSES


def test_other_weights_are_refused(saved, small_vgg, small_config, random_tree, tmp_path):
    other = tmp_path / "other"
    save(other, random_tree(small_config, 1), WeightsInfo("x", "test", "", small_config, {}))
    with pytest.raises(WeightsError, match=r"other are not those that the classifier .*saved was"):
        Classifier.load(saved, other)
    tree = parameters(small_vgg)
    changed = {**tree, "fc2": {**tree["fc2"], "bias": tree["fc2"]["bias"] + 1e-6}}
    with pytest.raises(WeightsError, match="The weights given are not those"):
        Classifier.load(saved, with_parameters(small_vgg, changed))
    torch_like = dataclasses.replace(small_config, preprocessing="torch")
    save(tmp_path / "torch", random_tree(small_config), WeightsInfo("x", "", "", torch_like, {}))
    with pytest.raises(WeightsError, match="are not those"):
        Classifier.load(saved, tmp_path / "torch")


@pytest.mark.parametrize(
    ("named", "given", "message"),
    [
        ("", None, "does not say which weights"),
        ("nowhere.h5", None, r"cannot be loaded: There are no weights .*nowhere\.h5"),
        ("", "block5_pool", "needs a network with the layer fc2"),
    ],
)
def test_missing_weights_and_layers_are_named(
    classifier, small_vgg, tmp_path, named, given, message
):
    dataclasses.replace(classifier, weights=named).save(tmp_path / "saved")
    with pytest.raises(WeightsError, match=message):
        Classifier.load(tmp_path / "saved", given and small_vgg.until(given))


def test_the_logits_of_views_are_averaged(backbone, monkeypatch):
    """In one dense pass for both layers of a joint head."""
    heads = {
        "block5_conv1": softmax_head((2, 2, 8), 3, 1, start="glorot"),
        "fc2": HEADS["one layer"][1],
    }
    views = ("whole", "flip", "large")
    classifier = Classifier(backbone, JointHead(heads), CLASSES, "crop", views=views)
    pixels = RNG.integers(0, 256, (50, 70, 3), dtype=np.uint8)
    logits = []
    for view in views:
        image = decode_view(pixels, 32, "crop", view)
        assert image.shape == ((64, 64, 3) if view == "large" else (32, 32, 3))
        parts = {n: dense_application(backbone.until(n), len(image))(image[None]) for n in heads}
        logits.append(sum(np.asarray(head(parts[name])) for name, head in heads.items()))
    expected = softmax(np.mean(logits, axis=0)[0])
    found = classifier.predict(pixels)
    assert [found[name] for name in CLASSES] == pytest.approx(expected, rel=1e-4)
    assert np.abs(np.diff(logits, axis=0)).min() > 1e-3, "views differ"
    prepared = []
    monkeypatch.setattr(forward, "optimize_inference", lambda c: prepared.append(c.names) or c)
    classifier.predict(pixels)
    assert not [names for names in prepared if "preprocess" in names], "the network is, already"


def test_unknown_layers_are_not_saved(classifier, tmp_path):
    class Odd(nnx.Module):
        def __call__(self, x):
            return x[:, : len(classifier.class_names)]

    odd = dataclasses.replace(classifier, head=Chain({"odd": Odd()}))
    with pytest.raises(WeightsError, match="kind Odd"):
        odd.save(tmp_path / "saved")
    assert not list(tmp_path.iterdir())


DESCRIPTION = ("classifier", "metadata")


def test_no_edit_of_a_description_is_used(saved):
    """Names, the temperature, what is sure: all that isn't the head's own numbers."""
    path, rng = saved.joinpath(*DESCRIPTION), np.random.default_rng(0)
    text = path.read_text()
    edited = [text.replace(*pair) for pair in (
        ('"bees"', '"bats"'), ('"sure_above": 0.0', '"sure_above": 0.5'), ("nearest", "crop"),
        ('"caffe"', '"torch"'), ('"version": 4', '"version": 3'), ('"views": ["whole"]',
        '"views": ["flip"]'), ('"image_size": 32', '"image_size": 64'),
    )]  # fmt: skip
    assert all(each != text for each in edited)
    datas = [each.encode() for each in edited]
    for _ in range(200):
        data = bytearray(text.encode())
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        datas.append(bytes(data))
    for data in datas:
        path.write_bytes(data)
        with pytest.raises(WeightsError, match="damaged"):
            load_head(saved)


def test_a_classifier_of_the_version_without_a_checksum_is_read(saved, classifier, small_images):
    path = saved.joinpath(*DESCRIPTION)
    content = json.loads(path.read_text())
    del content["checksum"]
    path.write_text(json.dumps(content))
    with pytest.raises(WeightsError, match="checksum of its description"):
        load_head(saved)
    path.write_text(json.dumps({**content, "version": 3}))
    assert_same(Classifier.load(saved), classifier, small_images)
