"""A data set's images as an array that is decoded where it is indexed."""

import functools
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from copy import copy

import numpy as np

from vggjax.data.dataset import Dataset
from vggjax.data.images import DECODER_VERSION, check_resize, deep_version
from vggjax.data.room import read_image
from vggjax.data.unreadable import UnreadableImage, unreadable_error
from vggjax.data.views import WHOLE, View, decode_view, view_called
from vggjax.errors import DataError

Index = int | slice | np.ndarray


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
        self._digests: dict[str, bytes] = {}

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
        ids = [self.dataset.ids[number] for number in np.atleast_1d(chosen)]
        batch = np.empty((len(ids), *self.shape[1:]), np.uint8)
        errors = dict[str, UnreadableImage]()
        for row, image in enumerate(decoding_pool(self.threads).map(self._tried, ids)):
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
        ids = [self.dataset.ids[number] for number in self.indices]
        new = [name for name in ids if name not in self._digests]
        for start in range(0, len(new), 1000):  # each one under way takes a kilobyte
            part = new[start : start + 1000]
            digests = decoding_pool(self.threads).map(self._digest, part)
            self._digests.update(zip(part, digests, strict=True))
        joined = b"".join(self._digests[name] for name in ids)
        return np.frombuffer(joined, np.uint8).reshape(len(ids), 32)

    def _tried(self, name: str) -> np.ndarray | UnreadableImage:
        try:
            return self._decode(name)
        except UnreadableImage as error:
            return error

    def _decode(self, name: str) -> np.ndarray:
        with read_image(self.dataset.read, name) as encoded:
            if name in self._digests and self._digests[name] != self._key(encoded):
                raise DataError(f"The image {name} has changed while it was in use; start again.")
            return decode_view(encoded, self.size, self.resize, self.view, name)

    def _digest(self, name: str) -> bytes:
        with read_image(self.dataset.read, name) as encoded:
            return self._key(encoded)

    def _key(self, encoded: bytes) -> bytes:
        flipped = " flip" if self.view.flip else ""
        side = self.view.side(self.size)
        version = f"{DECODER_VERSION}{deep_version(encoded)}"
        how = f"vggjax {version} {side} {self.resize}{flipped}\n".encode()
        return hashlib.sha256(how + encoded).digest()


@functools.cache
def decoding_pool(threads: int | None = None) -> ThreadPoolExecutor:
    """One pool for all arrays, made when first needed; its idle threads end with the program."""
    return ThreadPoolExecutor(threads or _threads(), thread_name_prefix="vggjax-decode")


# The threads of a process are not those of its children: a child makes a pool of its own.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=decoding_pool.cache_clear)


def _threads() -> int:
    return min(16, os.cpu_count() or 1)
