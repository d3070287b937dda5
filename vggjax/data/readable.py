"""Which images of a data set can't be read: all told at once, or left out."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from vggjax.data.dataset import Dataset
from vggjax.data.image_array import mapped
from vggjax.data.images import decode_image
from vggjax.data.room import read_image
from vggjax.data.signatures import surely_whole
from vggjax.data.unreadable import UnreadableImage, counted
from vggjax.errors import DataError, listed


def unreadable(
    dataset: Dataset, indices: np.ndarray | None = None, thorough: bool = False
) -> dict[str, str]:
    """The images at `indices` (all by default) that can't be read: `{id: reason}`.

    An image that begins and ends as a whole one does isn't decoded, unless `thorough`; its inside
    may still be damaged. Any other is.

    >>> import vggjax
    >>> unreadable(vggjax.data.load_demo(per_class=4))
    {}
    """
    chosen = range(len(dataset)) if indices is None else indices
    ids = [dataset.ids[index] for index in chosen]
    reasons = mapped(lambda name: _reason(dataset, name, thorough), ids)
    return {name: why for name, why in zip(ids, reasons, strict=True) if why}


def without(dataset: Dataset, ids: Mapping[str, str]) -> Dataset:
    """The data set without some unreadable images, and a note that says how many.

    Raises DataError if a class has none left.
    """
    kept = [index for index, name in enumerate(dataset.ids) if name not in ids]
    note = f"skipped: {counted(ids)} that can't be read"
    left = replace(dataset.subset(np.array(kept, int)), notes=(*dataset.notes, note))
    if empty := [name for name, count in left.counts().items() if not count]:
        raise DataError(f"No image can be read of {listed(empty)} in {dataset.name}.")
    return left


def _reason(dataset: Dataset, name: str, thorough: bool) -> str:
    try:
        with read_image(dataset.read, name) as encoded:
            if thorough or not surely_whole(encoded):
                decode_image(encoded, 8, "nearest", name)
    except UnreadableImage as error:
        return error.reason
    except DataError as error:
        return str(error).rstrip(".")
    return ""
