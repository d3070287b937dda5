import numpy as np
import pytest

from vggjax.errors import DataError
from vggjax.model import Chain
from vggjax.model.heads import flattening
from vggjax.training import standardizing
from vggjax.training.standardize import mean_and_deviation


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
