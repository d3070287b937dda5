"""Linear heads against scikit-learn, in the dual and in the primal; what chooses them."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import NearestCentroid

from vggjax.features import Examples
from vggjax.linear import (
    LayerFeatures,
    class_means,
    coordinates,
    fit_linear,
    logistic,
    logits_of,
    ridge,
    ridge_held_out,
)

STRENGTHS = (1e-3, 1.0, 100.0)


@pytest.fixture(params=[(40, 90), (90, 40)], ids=["dual", "primal"])
def data(request):
    """Rows of five classes, more features than rows or fewer."""
    random, (count, width) = np.random.default_rng(0), request.param
    labels = np.arange(count) % 5
    rows = random.normal(size=(count, width)) + 0.5 * np.eye(5, width)[labels] + 1
    return rows.astype(np.float32), labels


def test_ridge_is_scikit_learn_s_at_every_strength(data):
    rows, labels = data
    at = coordinates(rows)
    for alpha, found in zip(STRENGTHS, ridge(at, labels, 5, STRENGTHS), strict=True):
        expected = Ridge(alpha=alpha).fit(rows.astype(np.float64), np.eye(5)[labels])
        weights = at.expand(found.weights)
        np.testing.assert_allclose(
            weights.T, expected.coef_, rtol=1e-5, atol=1e-5 * np.abs(expected.coef_).max()
        )
        np.testing.assert_allclose(
            found.bias - at.mean @ weights, expected.intercept_, rtol=1e-5, atol=1e-8
        )


@pytest.mark.parametrize("folds", [None, 4])
def test_held_out_answers_are_those_of_fits_without_the_fold(data, folds):
    rows, labels = data
    at = coordinates(rows)
    fold = np.arange(len(rows)) if folds is None else np.arange(len(rows)) // 5 % folds
    (found,) = ridge_held_out(at, labels, 5, [1.0], None if folds is None else fold)
    for number in np.unique(fold)[:4]:
        own = fold == number
        model = Ridge(alpha=1.0).fit(rows[~own].astype(np.float64), np.eye(5)[labels[~own]])
        np.testing.assert_allclose(found[own], model.predict(rows[own]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("strength", [1e-1, 1e-3])
def test_logistic_regression_is_scikit_learn_s(data, strength):
    rows, labels = data
    at = coordinates(rows)
    (found,) = logistic(at, labels, 5, [strength])
    inverse = 1 / (len(rows) * strength)
    model = LogisticRegression(C=inverse, tol=1e-10, max_iter=10_000).fit(
        rows.astype(np.float64), labels
    )
    told = softmax(found.logits(at.train), axis=1)
    np.testing.assert_allclose(told, model.predict_proba(rows.astype(np.float64)), atol=1e-4)


def test_class_means_are_the_nearest_centroids(data):
    rows, labels = data
    at = coordinates(rows)
    others = rows[::-1] + 0.3
    expected = NearestCentroid().fit(rows, labels).predict(others)
    found = class_means(at, labels, 5).logits(at.project(others)).argmax(1)
    np.testing.assert_array_equal(found, expected)


def features(labels, seed):
    """Maps and rows of three classes, well apart."""
    random = np.random.default_rng(seed)
    maps = random.random((len(labels), 3, 3, 4)) + np.eye(3, 4)[labels][:, None, None]
    rows = random.random((len(labels), 6)) + np.eye(3, 6)[labels]
    found = {"pool": maps.astype(np.float32), "fc": rows.astype(np.float32)}
    return Examples(LayerFeatures({"whole": found}), labels)


@pytest.mark.parametrize(
    ("each", "held_out", "judge"),
    [(4, 6, "validation"), (4, 2, "training"), (4, 0, "training"), (1, 0, "nothing")],
)
def test_the_best_is_chosen_by_images_it_was_not_fitted_on(each, held_out, judge):
    train = features(np.repeat(np.arange(3), each), 0)
    validation = features(np.repeat(np.arange(3), held_out), 1) if held_out else None
    found = fit_linear(train, 3, validation)
    assert found.judge == judge
    test = features(np.repeat(np.arange(3), 20), 2)
    last = found.chosen.choice.layers[-1]
    logits = logits_of(found.head, test.inputs, last)
    assert (logits.argmax(1) == test.labels).mean() > 0.9
    if judge == "validation":
        own = logits_of(found.head, validation.inputs, last) * found.chosen.temperature
        np.testing.assert_allclose(own, found.chosen.logits, rtol=1e-3, atol=1e-4)
