"""Heads on any layer's features: standardised by the training images, trained, measured."""

import numpy as np
import pytest

from vggjax.errors import DataError
from vggjax.model import Chain, output_shape, parameters
from vggjax.model.heads import flattening
from vggjax.transfer import (
    FitConfig,
    Parts,
    cross_entropy,
    evaluate,
    extract,
    fit_head,
    keras_cross_entropy,
    layer_head,
    standardizing,
    steady_rate,
)
from vggjax.transfer.statistics import mean_and_deviation


@pytest.fixture
def features():
    rng = np.random.default_rng(0)
    return (1000 + 5 * rng.normal(size=(70, 4, 4, 3))).astype(np.float32)


@pytest.mark.parametrize("size", [7, 32, 100])
def test_statistics_are_numpy_s_whatever_the_batches(features, size):
    batches = [features[i : i + size] for i in range(0, 70, size)]
    mean, deviation = mean_and_deviation(batches)
    np.testing.assert_allclose(mean, features.astype(np.float64).mean(0), rtol=1e-12)
    np.testing.assert_allclose(deviation, features.astype(np.float64).std(0), rtol=1e-10)


def test_standardised_features_have_mean_0_and_deviation_1(features):
    rows = flattening(features.shape[1:], pool=True)
    chain = rows.then(Chain({"standardize": standardizing(features, rows, batch_size=16)}))
    z = np.asarray(chain(features))
    assert z.shape == (70, 12)
    np.testing.assert_allclose(z.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(z.std(0), 1, atol=1e-4)


@pytest.mark.parametrize("constant", [0, 0.1, -1234.567])
def test_a_feature_that_never_varies_is_left_out(features, constant):
    features[:, 1, 2, 0] = constant
    layer = standardizing(features)
    assert layer.scale[...][1, 2, 0] == 0
    assert (np.asarray(layer(features + 1))[:, 1, 2, 0] == 0).all()
    assert np.count_nonzero(layer.scale[...]) == 4 * 4 * 3 - 1


def test_a_feature_that_hardly_varies_is_not_blown_up(features):
    features[:, 0, 0, 0] = 1000 + 1e-2 * features[:, 0, 0, 1] / 1000
    layer = standardizing(features, floor=0.3)
    deviations = np.asarray(layer(features)).std(0)
    assert deviations[0, 0, 0] < 0.01
    np.testing.assert_allclose(deviations.ravel()[1:], 1, atol=1e-4)


def test_no_features():
    with pytest.raises(DataError, match="no features"):
        standardizing(np.zeros((0, 3)))


@pytest.fixture
def parts(small_vgg, images, labels, tmp_path):
    features = extract(small_vgg.until("block4_conv3"), images, cache=tmp_path)
    return Parts.of(features, labels, np.arange(40), np.arange(40, 55), np.arange(55, 70))


@pytest.mark.parametrize("pool", [False, True])
def test_the_statistics_are_the_training_images_and_stay_frozen(parts, pool):
    inputs = parts.train.inputs
    head = layer_head(inputs, 5, pool=pool, standardize=True, seed=3)
    before = parameters(head)
    rows = np.asarray(flattening(inputs.shape[1:], pool=pool)(inputs[:]))
    statistics = before["head_standardize"]
    np.testing.assert_allclose(statistics["mean"], rows.mean(0), rtol=1e-5, atol=1e-6)
    fitted = fit_head(head, parts, FitConfig(epochs=3, learning_rate=steady_rate(rows.shape[1])))
    after = parameters(fitted.head)
    for key, value in statistics.items():
        np.testing.assert_array_equal(after["head_standardize"][key], value)
    assert not np.array_equal(after["head"]["kernel"], before["head"]["kernel"])
    assert fitted.trainable_parameters == rows.shape[1] * 5 + 5
    assert output_shape(head, inputs.shape[1:]) == (5,)


def test_what_is_measured(parts):
    config = FitConfig(epochs=4, learning_rate=1e-2)
    fitted = fit_head(layer_head(parts.train.inputs, 5, standardize=True), parts, config)
    assert fitted.test == evaluate(fitted.head, parts.test)
    assert fitted.train == evaluate(fitted.head, parts.train)
    assert fitted.validation.loss == pytest.approx(fitted.history[-1].validation.loss, rel=1e-5)
    summary = fitted.summary()
    assert summary["test_accuracy"] == fitted.test.accuracy
    assert (summary["epochs"], summary["learning_rate"]) == (4, 1e-2)


def test_the_clipped_loss_is_the_plain_one_within_the_clip():
    logits = np.array([[1, 2, -1], [0, 3, 2]], np.float32)
    labels = np.array([0, 2])
    np.testing.assert_allclose(
        keras_cross_entropy(logits, labels), cross_entropy(logits, labels), rtol=1e-5
    )


def test_past_the_clip_nothing_is_learned(features, labels):
    """The collapse of Table 2: large raw features, all classes but one past the clip."""
    parts = Parts.of(Sliced(100 * features), labels, *[np.arange(70)] * 3)
    head, config = layer_head(parts.train.inputs, 5), FitConfig(epochs=5, learning_rate=1e-5)
    clipped = fit_head(head, parts, config, keras_cross_entropy)
    wrong = 1 - clipped.train.accuracy
    assert clipped.train.loss == pytest.approx(-np.log(1e-7) * wrong, rel=0.02)
    assert len({epoch.train.accuracy for epoch in clipped.history}) == 1
    plain = fit_head(head, parts, config, cross_entropy)
    assert plain.train.loss > 100, "without the clip the loss shows how wrong it is"


class Sliced(np.ndarray):
    """An array that can be asked for a subset, as features can."""

    def __new__(cls, array):
        return np.asarray(array).view(cls)

    def subset(self, indices):
        return self[indices]
