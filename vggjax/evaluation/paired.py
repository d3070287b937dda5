"""Two heads on the same test images: is the difference more than chance?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from vggjax.errors import DataError

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


@dataclass(frozen=True)
class McNemar:
    """How many images only one of two heads got right, of so many `images`, and the p value."""

    only_one: int
    only_other: int
    p: float
    images: int


def mcnemar(one: np.ndarray, other: np.ndarray) -> McNemar:
    """McNemar's exact test: `one`, `other` (N,) bool say what two heads got right.

    Of the images that only one of them got right, each would have as many if they were equal
    (McNemar, Psychometrika 1947; exact, by the binomial distribution). Raises DataError where they
    aren't of the same images.

    >>> mcnemar(np.array([1, 1, 1, 1, 0], bool), np.array([0, 0, 0, 1, 0], bool))
    McNemar(only_one=3, only_other=0, p=0.25, images=5)
    """
    _check_same(one, other)
    only_one, only_other = int((one & ~other).sum()), int((~one & other).sum())
    total = only_one + only_other
    tail = scipy.special.bdtr(min(only_one, total - only_one), total, 0.5)  # exact
    p = min(1.0, 2 * float(tail))
    return McNemar(only_one, only_other, p, len(one))


def paired_difference(
    one: Sequence[np.ndarray], other: Sequence[np.ndarray], ids: Sequence[Sequence[str]]
) -> Difference:
    """The difference in accuracy of two heads over one or more splits, by a paired bootstrap.

    For each split, what each head got right (N,) bool and which images those were. An image that
    is tested in several splits is tested by much the same heads each time, so its tests say little
    more than one: not tests are resampled (RESAMPLES times), but images, each with all its tests.
    `value` is the difference over all tests, as in the heads' accuracies. For one split `p` is
    McNemar's exact one, otherwise twice the share of resamples on the other side of 0. Raises
    DataError where the heads weren't tested on the same images, or on none.

    >>> right, wrong = np.ones(4, bool), np.zeros(4, bool)
    >>> paired_difference([right, right], [right, wrong], [list("abcd"), list("abcd")])
    Difference(value=0.5, low=0.5, high=0.5, p=0.0001, images=4)
    """
    if not len(one) == len(other) == len(ids) or not len(one):
        raise DataError("Heads are compared on the same splits, one at least.")
    sums: dict[str, list[float]] = {}
    for a, b, names in zip(one, other, ids, strict=True):
        _check_same(a, b, names)
        for name, gap in zip(names, a.astype(float) - b.astype(float), strict=True):
            sums.setdefault(name, []).append(gap)
    totals = np.array([sum(gaps) for gaps in sums.values()])
    counts = np.array([len(gaps) for gaps in sums.values()])
    low, high, p = _resampled(totals, counts)
    p = mcnemar(one[0], other[0]).p if len(one) == 1 else p
    return Difference(float(totals.sum() / counts.sum()), low, high, p, len(totals))


def _check_same(*of_images: Sequence[object] | np.ndarray) -> None:
    if len(set(map(len, of_images))) != 1 or not len(of_images[0]):
        raise DataError("Heads are compared on the same test images, one at least.")


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
