"""A data set's images as an array that is decoded where it is indexed."""

import functools
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from itertools import chain
from typing import TypeVar

import numpy as np

from vggjax.data.dataset import Dataset
from vggjax.data.images import DECODER_VERSION, check_resize, deep_version
from vggjax.data.room import read_image
from vggjax.data.unreadable import UnreadableImage, unreadable_error
from vggjax.data.views import WHOLE, View, decode_view, view_called
from vggjax.errors import DataError

Index = int | slice | np.ndarray
Item = TypeVar("Item")
Result = TypeVar("Result")

_KEY_BYTES = 32
_TOGETHER = 64  # small files that a thread reads one after another: handing one over takes longer
_UNDER_WAY = 256  # of such groups; each takes a kilobyte


class ImageArray:
    """The images of a data set, uint8 RGB (N, side, side, 3), decoded on access by threads.

    `indices` (N,) picks images of `dataset` and their order, all of them by default; `size` and
    `resize` are those of `decode_image`; `view` is one of `vggjax.data.VIEWS` or a `View`, and the
    side is `size` unless it is a larger one; `threads` is the number of decoding threads, as many
    as processors by default. Nothing is decoded or kept until it is asked for.

    >>> import vggjax
    >>> from vggjax.data import load_demo
    >>> images = vggjax.ImageArray(load_demo(per_class=4), range(10), size=32)
    >>> images.shape, images[2:5].shape
    ((10, 32, 32, 3), (3, 32, 32, 3))
    """

    dtype = np.dtype(np.uint8)

    def __init__(
        self,
        dataset: Dataset,
        indices: np.ndarray | None = None,
        size: int = 224,
        resize: str = "crop",
        threads: int | None = None,
        view: str | View = WHOLE,
    ) -> None:
        check_resize(size, resize)
        self.dataset = dataset
        self.indices = np.arange(len(dataset))[slice(None) if indices is None else indices]
        self.size = size
        self.resize = resize
        self.view = view_called(view)
        self.threads = threads or _threads()
        self._known = np.zeros(len(dataset), np.bool_)
        self._keys = np.zeros((len(dataset), _KEY_BYTES), np.uint8)  # takes memory once it is used

    def __len__(self) -> int:
        return len(self.indices)

    def __repr__(self) -> str:
        return f"ImageArray({self.shape}, {self.dtype}, of {self.dataset.name}, {self.resize})"

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, side, side, 3)."""
        side = self.view.side(self.size)
        return len(self), side, side, 3

    @property
    def labels(self) -> np.ndarray:
        """The images' labels, (N,) int32."""
        return self.dataset.labels[self.indices]

    def subset(self, indices: Index) -> "ImageArray":
        """The images at `indices` of this array, as a lazy array again."""
        chosen = np.atleast_1d(self.indices[indices])
        part = copy(self)
        part.indices = chosen
        return part

    def seen_as(self, view: str | View) -> "ImageArray":
        """The same images in another view, as a lazy array again."""
        return ImageArray(
            self.dataset, self.indices, self.size, self.resize, self.threads, view=view
        )

    def __getitem__(self, index: Index) -> np.ndarray:
        """Decode: (n, side, side, 3) uint8 for a slice or an array, (side, side, 3) for a number.

        Raises DataError, naming all images that can't be decoded, or one changed since `keys`.
        """
        chosen = self.indices[index]
        numbers = np.atleast_1d(chosen).tolist()
        batch = np.empty((len(numbers), *self.shape[1:]), np.uint8)
        errors = dict[str, UnreadableImage]()
        for row, image in enumerate(decoding_pool(self.threads).map(self._tried, numbers)):
            if isinstance(image, UnreadableImage):
                errors[image.name] = image
            else:
                batch[row] = image
        if len(errors) > 1:
            raise unreadable_error({name: error.reason for name, error in errors.items()})
        for error in errors.values():
            raise error
        return batch if np.ndim(chosen) else batch[0]

    def keys(self) -> np.ndarray:
        """A content key for each image, (N, 32) uint8: what its pixels here are determined by.

        That is the sha256 of the encoded bytes together with side, resize mode, flip and
        the decoder's version, so what is stored under a key can never be stale.
        """
        wanted = np.unique(self.indices)
        new = wanted[~self._known[wanted]]
        for number, key in zip(new, mapped(self._digest, new.tolist(), self.threads), strict=True):
            self._keys[number], self._known[number] = np.frombuffer(key, np.uint8), True
        return self._keys[self.indices]

    def _tried(self, number: int) -> np.ndarray | UnreadableImage:
        try:
            return self._decode(number)
        except UnreadableImage as error:
            return error

    def _decode(self, number: int) -> np.ndarray:
        name = self.dataset.ids[number]
        with read_image(self.dataset.read, name) as encoded:
            if self._known[number] and self._keys[number].tobytes() != self._key(encoded):
                raise DataError(f"The image {name} has changed while it was in use; start again.")
            return decode_view(encoded, self.size, self.resize, self.view, name)

    def _digest(self, number: int) -> bytes:
        with read_image(self.dataset.read, self.dataset.ids[number]) as encoded:
            return self._key(encoded)

    def _key(self, encoded: bytes) -> bytes:
        flipped = " flip" if self.view.flip else ""
        side = self.view.side(self.size)
        version = f"{DECODER_VERSION}{deep_version(encoded)}"
        how = f"vggjax {version} {side} {self.resize}{flipped}\n".encode()
        return hashlib.sha256(how + encoded).digest()


def mapped(
    function: Callable[[Item], Result], items: Sequence[Item], threads: int | None = None
) -> Iterator[Result]:
    """What `function` makes of each of the `items`, in order, by the threads of `decoding_pool`."""
    count = min(_TOGETHER, -(-len(items) // (8 * (threads or _threads()))))
    starts = range(0, len(items), max(count, 1))

    def together(start: int) -> list[Result]:
        return [function(item) for item in items[start : start + count]]

    for first in range(0, len(starts), _UNDER_WAY):
        parts = decoding_pool(threads).map(together, starts[first : first + _UNDER_WAY])
        yield from chain.from_iterable(parts)


@functools.cache
def decoding_pool(threads: int | None = None) -> ThreadPoolExecutor:
    """One pool for all arrays, made when first needed; its idle threads end with the program."""
    return ThreadPoolExecutor(threads or _threads(), thread_name_prefix="vggjax-decode")


# The threads of a process are not those of its children: a child makes a pool of its own.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=decoding_pool.cache_clear)


def _threads() -> int:
    return min(16, os.cpu_count() or 1)
