import numpy as np
import pytest
import torch
from sklearn.calibration import calibration_curve

from vggjax.evaluation import (
    Predictions,
    calibration_error,
    confident_errors,
    fit_temperature,
    reliability,
    sure_above,
)


def answers(confidences, right):
    """Answers of two classes with these confidences, right or not."""
    told = np.stack([confidences, 1 - np.asarray(confidences)], axis=1)
    ids = tuple(map(str, range(len(told))))
    return Predictions(ids, 1 - np.asarray(right, int), told, ("a", "b"))


def torch_s_temperature(logits, labels):
    """The least cross-entropy with PyTorch's label smoothing: its eps / C is of each class."""
    log_t = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([log_t], max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        scaled = torch.tensor(logits) / log_t.exp()
        loss = torch.nn.functional.cross_entropy(
            scaled, torch.tensor(labels), label_smoothing=1 / (len(labels) + 2)
        )
        loss.backward()
        return loss

    optimizer.step(closure)
    return float(log_t.detach().exp())


def test_the_temperature_is_pytorch_s(logits_and_labels):
    assert fit_temperature(*logits_and_labels) == pytest.approx(
        torch_s_temperature(*logits_and_labels), rel=1e-4
    )


@pytest.mark.parametrize("scale", [1e-3, 1e-1, 300])
def test_the_temperature_grows_with_the_logits(logits_and_labels, scale):
    """Of a ridge, whose outputs are some 0 to 1, and of logits in the hundreds."""
    logits, labels = logits_and_labels
    expected = scale * fit_temperature(logits, labels)
    assert fit_temperature((logits * scale).astype(np.float32), labels) == pytest.approx(
        expected, rel=1e-3
    )


def test_no_certainty_follows_from_a_few_images_that_are_all_right():
    """By hand: two classes, n images; each is as sure as its smoothed label, 1 - 1 / 2(n + 2)."""
    for n in (4, 40):
        labels = np.arange(n) % 2
        temperature = fit_temperature(np.eye(2)[labels] * 8, labels)
        sure = 1 / (1 + np.exp(-8 / temperature))
        assert sure == pytest.approx(1 - 1 / (2 * (n + 2)), abs=1e-4)


def test_without_images_or_differences_logits_stay_as_they_are():
    assert fit_temperature(np.zeros((0, 3)), np.zeros(0, int)) == 1
    assert fit_temperature(np.full((4, 3), 7.0), np.zeros(4, int)) == 1


def test_reliability_is_scikit_learn_s(told):
    """Its curve of a yes-or-no: was the guess right, with the confidence that it is."""
    shares, confidences = calibration_curve(told.correct, told.confidence, n_bins=15)
    bins = reliability(told)
    assert [each.accuracy for each in bins] == pytest.approx(shares)
    assert [each.confidence for each in bins] == pytest.approx(confidences)
    assert sum(each.count for each in bins) == len(told)


def test_the_calibration_error_by_hand():
    told = answers([0.95, 0.95, 0.95, 0.95, 0.55], [1, 1, 1, 0, 1])
    assert calibration_error(told, bins=10) == pytest.approx((4 * 0.2 + 1 * 0.45) / 5)
    assert calibration_error(answers([1.0, 1.0], [1, 1])) == 0


def test_confident_errors_are_a_share_of_the_wrong_answers():
    told = answers([0.99, 0.97, 0.6, 0.96, 0.95], [1, 0, 0, 0, 0])
    assert confident_errors(told) == pytest.approx(2 / 4), "0.95 itself isn't above it"
    assert confident_errors(told, above=0.5) == 1
    assert confident_errors(answers([0.99], [1])) == 0


def test_sure_is_what_was_right_so_often():
    """By hand: of 40 images, the 10 least confident wrong; with one of them 30 of 31 are right."""
    confidence = np.linspace(0.99, 0.6, 40)
    told = answers(confidence, np.arange(40) < 30)
    assert sure_above(told) == pytest.approx(confidence[30])
    sure = told.confidence >= sure_above(told)
    assert told.correct[sure].mean() >= 0.95
    assert sure_above(told, share=0.75) == pytest.approx(0.6), "30 of 40"


@pytest.mark.parametrize("order", [1, -1])
def test_equally_confident_images_are_all_sure_or_none(order):
    """Whatever their order: half of those at 0.9 are wrong, so none of them is sure."""
    confidence = np.r_[np.full(30, 0.97), np.full(40, 0.9)][::order]
    right = np.r_[np.ones(30), np.ones(20), np.zeros(20)][::order]
    assert sure_above(answers(confidence, right)) == 0.97
    assert sure_above(answers(np.full(40, 0.9), np.arange(40)[::order] < 20)) == 1


@pytest.mark.parametrize(
    ("count", "right", "least"), [(20, 1, 0.8), (19, 1, 1), (100, 0, 1)],
    ids=["all right", "too few images", "all wrong"],
)  # fmt: skip
def test_nothing_is_sure_on_little_ground(count, right, least):
    assert sure_above(answers(np.linspace(0.99, 0.8, count), np.full(count, right))) == least
