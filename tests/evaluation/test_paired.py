import numpy as np
import pytest
from scipy.stats import bootstrap
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar

from vggjax.errors import DataError
from vggjax.evaluation import mcnemar, paired_difference


@pytest.fixture(scope="module")
def heads():
    """What two heads got right of 200 images; the first is the better one."""
    random = np.random.default_rng(3)
    hard = random.random(200)
    return hard < 0.85, np.where(random.random(200) < 0.9, hard < 0.75, hard < 0.9)


NAMES = [f"{number}.jpg" for number in range(200)]


def test_mcnemar_s_test_is_statsmodels_(heads):
    one, other = heads
    table = [[(one & other).sum(), (one & ~other).sum()],
             [(~one & other).sum(), (~one & ~other).sum()]]  # fmt: skip
    found = mcnemar(one, other)
    assert found.p == pytest.approx(statsmodels_mcnemar(table, exact=True).pvalue)
    assert (found.only_one, found.only_other) == (table[0][1], table[1][0])
    assert found.images == 200


def test_heads_that_never_differ_are_equal(heads):
    assert mcnemar(heads[0], heads[0]).p == 1
    found = paired_difference([heads[0]] * 2, [heads[0]] * 2, [NAMES] * 2)
    assert (found.value, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_the_interval_is_scipy_s_of_the_images_differences(heads):
    one, other = (correct.astype(float) for correct in heads)
    theirs = bootstrap(((one - other),), np.mean, n_resamples=10_000, method="percentile", rng=1)
    found = paired_difference(heads[:1], heads[1:], [NAMES])
    assert found.value == pytest.approx(one.mean() - other.mean())
    assert found.low == pytest.approx(theirs.confidence_interval.low, abs=0.006)
    assert found.high == pytest.approx(theirs.confidence_interval.high, abs=0.006)
    assert found.p == mcnemar(*heads).p


def test_an_image_that_is_tested_again_is_no_new_image(heads):
    """Four splits with the same images and answers say no more than one."""
    once = paired_difference(heads[:1], heads[1:], [NAMES])
    again = paired_difference(heads[:1] * 4, heads[1:] * 4, [NAMES] * 4)
    assert again.images == 200
    assert (again.value, again.low, again.high) == (once.value, once.low, once.high)
    others = [[f"{split} {name}" for name in NAMES] for split in range(4)]
    apart = paired_difference(heads[:1] * 4, heads[1:] * 4, others)
    assert apart.images == 800
    assert apart.high - apart.low < 0.6 * (once.high - once.low), "half, were they other images"


def test_the_difference_is_that_of_all_tests():
    """Even if images are tested more or less often, as in the accuracies that stand beside it."""
    ones, none = np.ones(2, bool), np.zeros(2, bool)
    found = paired_difference([ones, ones], [ones, none], [["a", "b"], ["a", "c"]])
    assert found.value == 0.5
    assert found.images == 3


@pytest.mark.parametrize(
    "wrong",
    [
        lambda a, b: paired_difference([], [], []),
        lambda a, b: paired_difference([a, a], [b], [NAMES]),
        lambda a, b: paired_difference([a], [b[:1]], [NAMES]),
        lambda a, b: paired_difference([a], [b], [NAMES[:7]]),
        lambda a, b: paired_difference([a[:0]], [b[:0]], [[]]),
        lambda a, b: mcnemar(a, b[:1]),
    ],
)
def test_heads_are_compared_on_the_same_images_only(heads, wrong):
    with pytest.raises(DataError, match="the same"):
        wrong(*heads)
