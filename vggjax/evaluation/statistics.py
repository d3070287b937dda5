"""How far a measured number can be trusted."""

import math
import statistics
from collections.abc import Sequence

import scipy


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float]:
    """Mean and sample standard deviation; the deviation of a single value is 0."""
    return statistics.mean(values), statistics.stdev(values) if len(values) > 1 else 0.0


def wilson_interval(share: float, count: int, z: float = 1.959964) -> tuple[float, float]:
    """The 95 % interval of a share (0–1) that was counted in `count` independent cases.

    Wilson, "Probable inference, the law of succession, and statistical inference" (1927): it stays
    within 0–1, holds the share itself, and has a width even where that is 0 or 1.

    >>> low, high = wilson_interval(0.5, 100)
    >>> round(low, 4), round(high, 4)
    (0.4038, 0.5962)
    """
    spread = z * math.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    middle, scale = share + z**2 / (2 * count), 1 + z**2 / count
    low, high = (middle - spread) / scale, (middle + spread) / scale
    return max(0.0, min(low, share)), min(1.0, max(high, share))  # rounding may just miss it


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """The mean of several splits' results, and its 95 % interval (low, high), by Student's t.

    It says how far the mean of so many other splits of the same images might lie, not of other
    images. A single value has no such interval: both ends are NaN.

    >>> [round(value, 4) for value in mean_interval([0.5, 0.6, 0.7])]
    [0.6, 0.3516, 0.8484]
    """
    mean, deviation = mean_and_deviation(values)
    if len(values) < 2:
        return mean, math.nan, math.nan
    quantile = float(scipy.special.stdtrit(len(values) - 1, 0.975))
    reach = quantile * deviation / math.sqrt(len(values))
    return mean, mean - reach, mean + reach
