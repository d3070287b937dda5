"""Byte-identical images of a data set: what a split must not have on both sides."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from vggjax.data.signatures import HEAD, is_heif, what_instead
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
    """Groups of byte-identical images: of each group the ids in each of its classes, sorted.

    >>> copies = Copies(((("ants/1.jpg", "ants/2.jpg"), ("bees/7.jpg",)),))
    >>> copies.again, copies.twins
    (['ants/2.jpg'], {'ants/1.jpg': 0, 'bees/7.jpg': 0})
    """

    groups: tuple[tuple[tuple[str, ...], ...], ...] = ()

    @property
    def again(self) -> list[str]:
        """The ids of all but the first of a group in each class."""
        return [name for group in self.groups for own in group for name in own[1:]]

    @property
    def twins(self) -> dict[str, int]:
        """The first of a group in each class, and the group's number, where there are several."""
        several = {n: group for n, group in enumerate(self.groups) if len(group) > 1}
        return {own[0]: number for number, group in several.items() for own in group}

    @property
    def sentences(self) -> list[str]:
        """What is to be said of them, with one example each; nothing where there are none."""
        again, twins = self.again, [group for group in self.groups if len(group) > 1]
        within = [
            f"{_images(len(again), 'are copies', 'is a copy')} of others of the same class, byte "
            f"for byte ({own[1]} is {own[0]}); each is used once."
            for own in [own for group in self.groups for own in group if len(own) > 1][:1]
        ]
        between = [
            f"{_images(len(twins), 'are', 'is')} in several classes, byte for byte ({one[0]} is "
            f"{other[0]}); one part of a split has all copies."
            for one, other, *_ in twins[:1]
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
    alike: list[list[str]] = [sorted(ids)]
    for key in (
        read.size,
        lambda name: hashlib.sha256(read.tail(name, TAIL)).digest(),
        lambda name: _digest(read(name)),
    ):
        alike = [part for group in alike for part in _alike(group, key)]
    copies = {name for group in alike for name in group}
    classes = {n: c for n, c in zip(ids, labels.tolist(), strict=True) if n in copies}
    return Copies(tuple(_by_class(group, classes) for group in sorted(alike)))


def _by_class(group: Iterable[str], classes: Mapping[str, int]) -> tuple[tuple[str, ...], ...]:
    found: dict[int, list[str]] = {}
    for name in group:
        found.setdefault(classes[name], []).append(name)
    return tuple(map(tuple, found.values()))


def _alike(names: Iterable[str], key: Callable[[str], object]) -> list[list[str]]:
    """Groups of two names or more with the same key; empty files have none."""
    first, groups = dict[object, str](), dict[object, list[str]]()
    for name in names:
        try:
            found = key(name)
        except DataError:
            continue
        if found and first.setdefault(found, name) is not name:
            groups.setdefault(found, [first[found]]).append(name)
    return list(groups.values())


def _digest(encoded: bytes) -> bytes:
    """What tells images apart; empty for what is none, such as a page saved several times."""
    no_image = what_instead(encoded) and not is_heif(encoded[:HEAD])
    return b"" if no_image else hashlib.sha256(encoded).digest()


def _images(count: int, several: str, one: str) -> str:
    return f"{count:,} image{f's {several}' if count > 1 else f' {one}'}"
