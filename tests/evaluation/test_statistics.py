import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from vggjax.evaluation import mean_interval, wilson_interval


@pytest.mark.parametrize(("right", "count"), [(0, 7), (1, 1), (12, 24), (23, 24), (960, 1000)])
def test_wilson_s_interval_is_statsmodels_(right, count):
    theirs = proportion_confint(right, count, method="wilson")
    assert wilson_interval(right / count, count) == pytest.approx(theirs, abs=1e-7)


def test_wilson_s_interval_holds_the_share_whatever_the_rounding():
    """Figures draw the distance from the share to both ends, which must not be below zero."""
    for count in range(1, 300):
        assert wilson_interval(1.0, count)[1] == 1
        assert wilson_interval(0.0, count)[0] == 0


def test_the_interval_of_a_mean_is_scipy_s():
    values = [0.71, 0.74, 0.69, 0.75, 0.72]
    theirs = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert mean_interval(values) == pytest.approx((np.mean(values), *theirs))


def test_a_single_split_has_no_interval():
    mean, low, high = mean_interval([0.5])
    assert mean == 0.5
    assert math.isnan(low)
    assert math.isnan(high)
