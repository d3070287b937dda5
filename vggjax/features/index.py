"""Which place has a key: sorted numbers instead of a dictionary, which takes 300 bytes for each."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

# Keys are hashes, but nothing here rests on that: odd factors mix all of their bytes.
_FACTORS = np.random.default_rng(0).integers(2**63, size=4, dtype=np.uint64) * 2 + 1

_AT_ONCE = 2**16  # keys that are looked for, so that what that takes doesn't grow


@dataclass(frozen=True)
class KeyIndex:
    """Finds keys among `keys` (M, 32) uint8, in 16 bytes for each of them.

    >>> index = KeyIndex.of(np.arange(96, dtype=np.uint8).reshape(3, 32))
    >>> index.find(np.arange(32, 96, dtype=np.uint8).reshape(2, 32)).tolist()
    [1, 2]
    """

    keys: np.ndarray
    numbers: np.ndarray
    places: np.ndarray

    @classmethod
    def of(cls, keys: np.ndarray) -> "KeyIndex":
        """An index of `keys` (M, 32), which it goes on to use."""
        numbers = _numbers(keys)
        places = np.argsort(numbers, kind="stable")
        return cls(keys, numbers[places], places)

    def find(self, keys: np.ndarray) -> np.ndarray:
        """The first place of each of `keys` (n, 32), (n,) int64; -1 where it has none."""
        starts = range(0, len(keys), _AT_ONCE)
        found = [self._find(keys[start : start + _AT_ONCE]) for start in starts]
        return np.concatenate([np.empty(0, np.int64), *found])

    def _find(self, keys: np.ndarray) -> np.ndarray:
        wanted, found = _numbers(keys), np.full(len(keys), -1, np.int64)
        left = np.argsort(wanted)  # in order, since a search from anywhere costs far more
        at = np.searchsorted(self.numbers, wanted[left])
        while len(left):
            near = at < len(self.numbers)
            near[near] = self.numbers[at[near]] == wanted[left[near]]
            left, at = left[near], at[near]
            places = self.places[at]
            same = (self.keys[places] == keys[left]).all(axis=1)
            found[left[same]] = places[same]
            left, at = left[~same], at[~same] + 1  # another key of the same number
        return found


def first_of_equals(keys: np.ndarray) -> np.ndarray:
    """Indices of the `keys` (N, 32) that are no repetition of one before, in order.

    >>> first_of_equals(np.zeros((3, 32), np.uint8)).tolist()
    [0]
    """
    return np.flatnonzero(KeyIndex.of(keys).find(keys) == np.arange(len(keys)))


def grouped(values: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Each of the `values` (n,) with the indices where it stands.

    >>> [(value, where.tolist()) for value, where in grouped(np.array([5, 3, 5]))]
    [(3, [1]), (5, [0, 2])]
    """
    order = np.argsort(values, kind="stable")
    _, starts = np.unique(values[order], return_index=True)
    for where in np.split(order, starts[1:]) if len(values) else ():
        yield int(values[where[0]]), where


def _numbers(keys: np.ndarray) -> np.ndarray:
    """A number (N,) uint64 for each of `keys` (N, 32): equal ones have the same."""
    words = np.ascontiguousarray(keys).view(np.uint64)
    numbers: np.ndarray = words @ _FACTORS
    return numbers
