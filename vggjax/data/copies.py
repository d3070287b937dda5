"""Byte-identical images of a data set: what a split must not have on both sides."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from vggjax.errors import DataError

TAIL = 4096  # files of one size that end differently are different


@runtime_checkable
class SizedReader(Protocol):
    """Reads the images of a source that knows their sizes without reading them."""

    def __call__(self, name: str) -> bytes:
        """A whole image."""

    def size(self, name: str) -> int:
        """Bytes of an image."""

    def tail(self, name: str, length: int) -> bytes:
        """Its last bytes."""


@dataclass(frozen=True)
class Copies:
    """Groups of byte-identical images by their ids.

    Those `repeated` lie in one class and are sorted; those `contradicting` begin with two of
    different classes.

    >>> copies = Copies((("a/1.jpg", "a/2.jpg"),), ())
    >>> copies.unused
    frozenset({'a/2.jpg'})
    """

    repeated: tuple[tuple[str, ...], ...] = ()
    contradicting: tuple[tuple[str, ...], ...] = ()

    @property
    def unused(self) -> frozenset[str]:
        """The ids that no split uses: all but the first in a class, all that are in several."""
        again = (name for group in self.repeated for name in group[1:])
        return frozenset((*again, *(name for group in self.contradicting for name in group)))

    @property
    def sentences(self) -> list[str]:
        """What is to be said of them, with one example each; nothing where there are none."""
        again = sum(len(group) - 1 for group in self.repeated)
        within = [
            f"{again:,} image{'s are byte-identical copies' if again > 1 else ' is a copy'} of "
            f"others of the same class ({group[1]} is {group[0]}); each image is used once."
            for group in self.repeated[:1]
        ]
        count = len(self.contradicting)
        between = [
            f"{count:,} image{'s are' if count > 1 else ' is'} byte for byte in more than one "
            f"class ({group[0]} is {group[1]}); no part of a split has them."
            for group in self.contradicting[:1]
        ]
        return within + between


def find_copies(
    ids: Sequence[str], labels: np.ndarray, read: Callable[[str], bytes] | SizedReader
) -> Copies:
    """The byte-identical images among those called `ids`, of classes `labels` (N,).

    Only images of one size are read: their ends first, and wholly where those are equal. Where
    `read` doesn't know the sizes, none are found. Images that can't be read are no copies.
    """
    if not isinstance(read, SizedReader):
        return Copies()
    classes = dict(zip(ids, labels.tolist(), strict=True))
    groups: list[list[str]] = [sorted(ids)]
    for key in (read.size, lambda name: read.tail(name, TAIL), lambda name: _digest(read(name))):
        groups = [part for group in groups for part in _alike(group, key)]
    repeated, contradicting = list[tuple[str, ...]](), list[tuple[str, ...]]()
    for first, *others in sorted(groups):
        others.sort(key=lambda name: classes[name] == classes[first])
        several = classes[others[0]] != classes[first]
        (contradicting if several else repeated).append((first, *others))
    return Copies(tuple(repeated), tuple(contradicting))


def _alike(names: Iterable[str], key: Callable[[str], object]) -> list[list[str]]:
    """Groups of two names or more with the same key; empty files have none."""
    groups: dict[object, list[str]] = {}
    for name in names:
        with suppress(DataError):
            if found := key(name):
                groups.setdefault(found, []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def _digest(encoded: bytes) -> bytes:
    return hashlib.sha256(encoded).digest()
