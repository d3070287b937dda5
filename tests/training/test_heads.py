"""Heads on any layer's features: standardised by the training images, trained, measured."""

import json

import numpy as np
import pytest

from vggjax.data import Dataset, ImageArray, make_split
from vggjax.features import Examples, extract
from vggjax.model import Chain, output_shape, parameters, softmax_head
from vggjax.model.heads import dense_head, flattening
from vggjax.model.layers import Dense
from vggjax.training import (
    FitConfig,
    Parts,
    Record,
    beyond_clip,
    cross_entropy,
    evaluate,
    keras_cross_entropy,
    layer_head,
    split_parts,
    standardizing,
    steady_rate,
    train_head,
    used_images,
)

KEY = {"layer": "block4_conv3", "seed": 3}


def cut_in_three(inputs, labels):
    parts = np.split(np.arange(70), [40, 55])
    return Parts(*(Examples(inputs.subset(part), labels[part]) for part in parts))


@pytest.fixture
def backbone(small_vgg):
    return small_vgg.until("block4_conv3")


@pytest.fixture
def parts(backbone, images, labels, tmp_path):
    return cut_in_three(extract(backbone, images, cache=tmp_path), labels)


@pytest.mark.parametrize("pool", [False, True])
def test_the_statistics_are_the_training_images_and_stay_frozen(backbone, parts, pool):
    inputs = parts.train.inputs
    head = layer_head(inputs, 5, pool=pool, standardize=True, seed=3)
    before = parameters(head)
    rows = np.asarray(flattening(inputs.shape[1:], pool=pool)(inputs[:]))
    statistics = before["head_standardize"]
    np.testing.assert_allclose(statistics["mean"], rows.mean(0), rtol=1e-5, atol=1e-6)
    config = FitConfig(epochs=3, learning_rate=steady_rate(rows.shape[1]))
    trained = train_head(head, parts, config, KEY, backbone=backbone)
    after = parameters(trained.head)
    for key, value in statistics.items():
        np.testing.assert_array_equal(after["head_standardize"][key], value)
    assert not np.array_equal(after["head"]["kernel"], before["head"]["kernel"])
    assert trained.record.trainable_parameters == rows.shape[1] * 5 + 5
    assert output_shape(head, inputs.shape[1:]) == (5,)


def test_all_dense_layers_of_a_head_are_trained_whatever_their_names(backbone, parts):
    rows = flattening(parts.train.inputs.shape[1:])
    statistics = standardizing(parts.train.inputs, rows)
    first = dense_head(128, 12, start="glorot")["head"]
    first.relu = True
    last = dense_head(12, 5, start="glorot")["head"]
    head = rows.then(Chain({"z": statistics, "wide": first, "answers": last}))
    before = parameters(head)
    trained = train_head(head, parts, FitConfig(epochs=2), KEY, backbone=backbone)
    after = parameters(trained.head)
    for name, moves in (("z", False), ("wide", True), ("answers", True)):
        for role, values in before[name].items():
            assert np.array_equal(values, after[name][role]) != moves, (name, role)
    assert trained.record.trainable_parameters == 128 * 12 + 12 + 12 * 5 + 5


def test_what_is_measured(backbone, parts):
    config, epochs = FitConfig(epochs=4, learning_rate=1e-2), []
    head = layer_head(parts.train.inputs, 5, standardize=True)
    trained = train_head(head, parts, config, KEY, backbone=backbone, on_epoch=epochs.append)
    record = trained.record
    for part in ("train", "validation", "test"):
        assert getattr(record, part) == evaluate(trained.head, getattr(parts, part))
    last = trained.history[-1].validation.loss
    assert record.validation.loss == pytest.approx(last, rel=1e-5)
    assert (record.epochs, record.kept_epoch, record.learning_rate) == (4, 4, 1e-2)
    assert record.images == {"train": 40, "validation": 15, "test": 15}
    counts = np.bincount(parts.test.labels, minlength=5)
    assert record.least_per_class["test"] == counts.min()
    assert tuple(epochs) == trained.history
    assert record.name == "block4_conv3-seed3"
    assert Record.from_json(json.loads(json.dumps(record.to_json()))) == record


def test_end_to_end_gives_the_same(small_vgg, images, labels, tmp_path):
    backbone, config = small_vgg.until("fc2"), FitConfig(epochs=3, batch_size=16)
    head, features = softmax_head((16,), 5), extract(backbone, images, cache=tmp_path)
    cached = train_head(head, cut_in_three(features, labels), config, KEY, backbone=backbone)
    whole = train_head(
        head, cut_in_three(images, labels), config, KEY, backbone=backbone, end_to_end=True
    )
    assert whole.head.names == ("head",)
    assert whole.record.test.loss == pytest.approx(cached.record.test.loss, rel=1e-5)
    for name in ("trainable_parameters", "frozen_parameters", "images", "least_per_class"):
        assert getattr(whole.record, name) == getattr(cached.record, name)


def test_a_split_s_parts_are_its_images():
    ids = tuple(f"{number}" for number in range(30))
    dataset = Dataset("x", ("a", "b"), ids, np.arange(30, dtype=np.int32) % 2, str.encode)
    split = make_split(dataset, 4, 3, 3)
    used = used_images(dataset, [split])
    assert len(used) == 20
    parts = split_parts(ImageArray(dataset, used), dataset, used, split, samples=2)
    for part, samples in (("train", 2), ("validation", None), ("test", None)):
        examples = getattr(parts, part)
        np.testing.assert_array_equal(
            examples.inputs.indices, split.indices(dataset, part, samples)
        )
        np.testing.assert_array_equal(examples.labels, examples.inputs.labels)


def test_the_clipped_loss_is_the_plain_one_within_the_clip():
    logits = np.array([[1, 2, -1], [0, 3, 2]], np.float32)
    labels = np.array([0, 2])
    np.testing.assert_allclose(
        keras_cross_entropy(logits, labels), cross_entropy(logits, labels), rtol=1e-5
    )


def test_examples_beyond_the_clip_are_counted():
    """Probabilities of the own class: 2e-9, 0.27, 4.5e-5."""
    logits, labels = np.array([[0, 20], [0, 1], [10, 0]], np.float32), np.array([0, 0, 1])
    assert beyond_clip(logits, labels).tolist() == [1, 0, 0]
    identity = Chain({"same": Dense(np.eye(2, dtype=np.float32), np.zeros(2, np.float32))})
    share = evaluate(identity, Examples(logits, labels), 2, beyond_clip).loss
    assert share == pytest.approx(1 / 3)


def test_past_the_clip_nothing_is_learned(labels):
    """The collapse of Table 2: large raw features, all classes but one past the clip."""
    features = 1000 + 5 * np.random.default_rng(0).normal(size=(70, 4, 4, 3))
    examples = Examples((100 * features).astype(np.float32), labels)
    parts, config = Parts(*[examples] * 3), FitConfig(epochs=5, learning_rate=1e-5)
    clipped, plain = (
        train_head(
            layer_head(examples.inputs, 5, start="glorot"),
            parts,
            config,
            KEY,
            backbone=Chain({}),
            loss=loss,
        )
        for loss in (keras_cross_entropy, cross_entropy)
    )
    train = clipped.record.train
    assert train.loss == pytest.approx(-np.log(1e-7) * (1 - train.accuracy), rel=0.02)
    assert len({epoch.train.accuracy for epoch in clipped.history}) == 1
    assert plain.record.train.loss > 100, "without the clip the loss shows how wrong it is"
