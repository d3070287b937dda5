import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from vggjax.errors import DataError
from vggjax.evaluation import Predictions

TWO = np.array([[0.9, 0.1], [0.6, 0.4]])


def test_accuracies_are_scikit_learn_s(told):
    assert told.accuracy == pytest.approx(accuracy_score(told.labels, told.guesses))
    assert told.balanced_accuracy == pytest.approx(
        balanced_accuracy_score(told.labels, told.guesses)
    )
    assert told.accuracy > told.balanced_accuracy + 0.05, "the small classes are the hard ones"


def test_a_class_without_images_has_no_part_in_the_balanced_accuracy():
    told = Predictions("ab", np.array([0, 0]), np.array([[0.5, 0.2, 0.3], [0.1, 0.2, 0.7]]), "xyz")
    assert told.balanced_accuracy == 0.5
    assert told.confidence.tolist() == [0.5, 0.7]


def test_a_subset_is_of_the_same_images(told):
    part = told.subset(np.flatnonzero(told.correct)[:7])
    assert part.accuracy == 1
    assert [int(name) for name in part.ids] == np.flatnonzero(told.correct)[:7].tolist()


@pytest.mark.parametrize(
    ("probabilities", "labels", "said"),
    [
        (TWO[:1], [0, 1], "don't fit 2 images of 2 classes"),
        (TWO.T[:, :1], [0, 1], "don't fit"),
        (TWO, [0], "don't fit"),
        (TWO, [0, 2], "between 0 and 1"),
        (TWO, [-1, 0], "between 0 and 1"),
        (TWO, [0.0, 1.0], "whole numbers, not float64"),
        (TWO, [True, False], "whole numbers, not bool"),
        (TWO * 0.9, [0, 1], "sum to 1"),
        (np.array([[1.5, -0.5], [0.5, 0.5]]), [0, 1], "0 to 1"),
        (np.array([[np.nan, 0.5], [0.5, 0.5]]), [0, 1], "finite"),
        (np.array([[np.inf, -np.inf], [0.5, 0.5]]), [0, 1], "finite"),
    ],
)
def test_what_does_not_fit_is_told(probabilities, labels, said):
    with pytest.raises(DataError, match=said):
        Predictions("ab", np.array(labels), probabilities, "xy")


def test_no_images_are_told():
    with pytest.raises(DataError, match="no images"):
        Predictions((), np.zeros(0, int), np.zeros((0, 2)), "xy")


def test_rounded_probabilities_will_do():
    told = Predictions("ab", np.array([0, 1]), TWO.astype(np.float32) * np.float32(1.0005), "xy")
    assert told.accuracy == 0.5
