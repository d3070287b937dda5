"""Two heads on the same test images: is the difference more than chance?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

RESAMPLES = 10_000


@dataclass(frozen=True)
class Difference:
    """How much more one head got right than another: `value`, and 95 % `low` to `high`, −1 … 1.

    `p` is the probability of such a difference, or a larger one, if there were none; `images` are
    the different images it rests on.
    """

    value: float
    low: float
    high: float
    p: float
    images: int


def mcnemar(one: np.ndarray, other: np.ndarray) -> float:
    """The exact p value of McNemar's test: `one`, `other` (N,) bool, what two heads got right.

    Of the images that only one of them got right, each would have as many if they were equal
    (McNemar, Psychometrika 1947; exact, by the binomial distribution).

    >>> mcnemar(np.array([1, 1, 1, 1, 0], bool), np.array([0, 0, 0, 1, 0], bool))
    0.25
    """
    only_one, only_other = int((one & ~other).sum()), int((~one & other).sum())
    total = only_one + only_other
    return float(binomtest(only_one, total).pvalue) if total else 1.0


def paired_difference(
    one: Sequence[np.ndarray], other: Sequence[np.ndarray], ids: Sequence[Sequence[str]]
) -> Difference:
    """The difference in accuracy of two heads over one or more splits, by a paired bootstrap.

    For each split, what each head got right (N,) and which images those were. An image that is
    tested in several splits is one image, with the mean of its differences: such tests are not
    independent, so images are resampled (RESAMPLES times), and not tests. For one split `p` is
    McNemar's exact one, otherwise twice the share of resamples on the other side of 0.
    """
    sums: dict[str, list[float]] = {}
    for a, b, names in zip(one, other, ids, strict=True):
        for name, gap in zip(names, a.astype(float) - b.astype(float), strict=True):
            sums.setdefault(name, []).append(gap)
    totals = np.array([sum(gaps) for gaps in sums.values()])
    counts = np.array([len(gaps) for gaps in sums.values()])
    low, high, p = _resampled(totals, counts)
    p = mcnemar(one[0], other[0]) if len(one) == 1 else p
    return Difference(float(totals.sum() / counts.sum()), low, high, p, len(totals))


def _resampled(totals: np.ndarray, counts: np.ndarray) -> tuple[float, float, float]:
    """The 95 % interval of sum(totals) / sum(counts), and p, by resampling both together."""
    random = np.random.default_rng(0)
    values = np.empty(RESAMPLES)
    for start in range(0, RESAMPLES, 100):  # a million numbers at a time, for 10,000 images
        chosen = random.integers(0, len(totals), (min(100, RESAMPLES - start), len(totals)))
        values[start : start + 100] = totals[chosen].sum(1) / counts[chosen].sum(1)
    low, high = np.percentile(values, (2.5, 97.5))
    tail = min((values <= 0).mean(), (values >= 0).mean())
    return float(low), float(high), float(min(1.0, max(2 * tail, 1 / RESAMPLES)))
