import numpy as np
import pytest
from sklearn import metrics
from statsmodels.stats.proportion import proportion_confint

from vggjax.evaluation import (
    Confused,
    Predictions,
    Suspect,
    class_accuracies,
    confusion_matrix,
    most_confused,
    suspects,
    worst_errors,
)

# Five images of two cats, two dogs and a cow; one cat is a dog, and the cow is a cat.
FEW = Predictions(
    ("cat1", "cat2", "dog1", "dog2", "cow1"),
    np.array([0, 0, 1, 1, 2]),
    np.array([[0.8, 0.1, 0.1], [0.3, 0.6, 0.1], [0, 1, 0], [0.2, 0.7, 0.1], [0.9, 0, 0.1]]),
    ("cat", "dog", "cow"),
)


def test_the_confusion_matrix_is_scikit_learn_s(told):
    assert np.array_equal(
        confusion_matrix(told), metrics.confusion_matrix(told.labels, told.guesses)
    )


def test_each_class_s_accuracy_is_its_recall(told):
    recalls = metrics.recall_score(told.labels, told.guesses, average=None)
    found = {each.name: each for each in class_accuracies(told)}
    assert [found[name].accuracy for name in "abcde"] == pytest.approx(recalls)
    for name, count in zip("abcde", np.bincount(told.labels), strict=True):
        right = round(found[name].accuracy * count)
        theirs = proportion_confint(right, count, method="wilson")
        assert (found[name].low, found[name].high) == pytest.approx(theirs, abs=1e-6)
        assert found[name].images == count


def test_the_worst_classes_come_first():
    rows = [(each.name, each.accuracy, each.taken_for) for each in class_accuracies(FEW)]
    assert rows == [("cow", 0, "cat"), ("cat", 0.5, "dog"), ("dog", 1, "")]


def test_the_most_confused_pairs_and_the_worst_errors():
    assert most_confused(FEW) == [Confused("cat", "dog", 1), Confused("cow", "cat", 1)]
    assert most_confused(FEW, most=1) == [Confused("cat", "dog", 1)]
    assert worst_errors(FEW).tolist() == [4, 1]
    assert worst_errors(FEW, most=1).tolist() == [4]
    assert most_confused(FEW.subset(np.array([0, 2]))) == []


def test_labels_that_may_be_wrong_by_hand():
    """Thresholds: cat (.8 + .3) / 2 = .55, dog (1 + .7) / 2 = .85, cow .1.

    cat2 reaches cow's only, though dog is likelier: cow is suggested. cow1 reaches cat's .55 by .9.
    """
    assert suspects(FEW) == [Suspect(4, 0), Suspect(1, 2)]


def test_a_label_that_is_the_likeliest_class_is_not_suspect():
    """The first image reaches b's low threshold, and not a's high one; still it is an a."""
    told = [[0.6, 0.4], [0.98, 0.02], [0.99, 0.01], [0.7, 0.3], [0.6, 0.4]]
    assert suspects(Predictions("vwxyz", np.array([0, 0, 0, 1, 1]), np.array(told), "ab")) == []


def test_equal_probabilities_reach_their_mean_whatever_the_rounding():
    """The mean of three 0.8 is a little more than 0.8; the last image is a b nevertheless."""
    assert np.mean([0.8] * 3) > 0.8
    told = Predictions("wxyz", np.array([1, 1, 1, 0]), np.array([[0.2, 0.8]] * 4), "ab")
    assert suspects(told) == [Suspect(3, 1)]


@pytest.mark.parametrize("seed", range(4))
def test_suspects_and_their_order_are_cleanlab_s(told, seed):
    cleanlab = pytest.importorskip("cleanlab.filter")
    random = np.random.default_rng(seed)
    changed = np.where(
        random.random(len(told)) < 0.1, random.integers(0, 5, len(told)), told.labels
    )
    noisy = Predictions(told.ids, changed, told.probabilities, told.class_names)
    theirs = cleanlab.find_label_issues(
        changed, told.probabilities, filter_by="confident_learning",
        return_indices_ranked_by="normalized_margin", n_jobs=1,
    )  # fmt: skip
    assert len(theirs) > 10
    assert [each.image for each in suspects(noisy)] == theirs.tolist()
