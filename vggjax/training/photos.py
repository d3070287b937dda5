"""What people hand to a classifier: paths, folders, encoded bytes, PIL images, arrays."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vggjax.data import WHOLE, decode_image, decode_view, images_below
from vggjax.data.image_array import decoding_pool
from vggjax.data.images import Source
from vggjax.errors import DataError
from vggjax.files import user_path

KINDS = "a path, a folder, an encoded image's bytes, a PIL image or a uint8 array (H, W, 3)"


@dataclass(frozen=True)
class Photos:
    """Photographs, not decoded yet, with their names; `single` if they were given as one."""

    sources: tuple[Source, ...]
    names: tuple[str, ...]
    single: bool

    def __len__(self) -> int:
        return len(self.sources)

    def __getitem__(self, part: slice) -> "Photos":
        """Some of them."""
        return Photos(self.sources[part], self.names[part], single=False)

    def decoded(self, size: int, resize: str, view: str = WHOLE) -> np.ndarray:
        """A view of all of them, uint8 (n, side, side, 3), as `vggjax.data.decode_view` gives it.

        Raises DataError, naming the photo, if one can't be decoded.
        """
        one = partial(_decoded, size=size, resize=resize, view=view)
        return np.stack(list(decoding_pool().map(one, self.sources, self.names)))

    def readable(self) -> tuple["Photos", list[str]]:
        """Those that can be decoded, and a sentence about each that can't."""
        found = list(decoding_pool().map(_problem, self.sources, self.names))
        good = [number for number, problem in enumerate(found) if not problem]
        kept = Photos(
            tuple(self.sources[n] for n in good), tuple(self.names[n] for n in good), False
        )
        return kept, [problem for problem in found if problem]


def _decoded(source: Source, name: str, size: int, resize: str, view: str) -> np.ndarray:
    return decode_view(source, size, resize, view, name)


def _problem(source: Source, name: str) -> str:
    """Why a photo can't be decoded, or nothing."""
    try:
        decode_image(source, 8, "nearest", name)
    except DataError as error:
        return str(error)
    return ""


def gather(photos: Any) -> Photos:
    """One or several photographs as they come: each is KINDS, several are a list or an array.

    A folder stands for all images in it and below, in the order of their names. Raises DataError
    for anything else, for what isn't there, and if there is none at all.
    """
    if _is_folder(photos):
        paths = images_below(user_path(photos))
        return Photos(tuple(paths), tuple(map(str, paths)), single=False)
    photos = _plain(photos)
    if _is_one(photos):
        return Photos((_source(photos),), (_name(photos, 0),), single=True)
    if isinstance(photos, np.ndarray):
        _check_batch(photos)
    elif not isinstance(photos, Iterable) or isinstance(photos, dict):
        raise DataError(f"A photo is {KINDS}, or a list of such, not {type(photos).__name__}.")
    items = [_plain(item) for item in photos]
    if not items:
        raise DataError("There are no photos to classify.")
    for item in items:
        if _is_folder(item):
            raise DataError(f"{item} is a folder; give a single one, or the images in it.")
        if not _is_one(item):
            raise DataError(f"A photo is {KINDS}, not {_described(item)}.")
    return Photos(tuple(map(_source, items)), tuple(map(_name, items, range(len(items)))), False)


def _plain(photos: Any) -> Any:
    """Arrays of other libraries as NumPy's, and arrays of paths or other things as lists."""
    if hasattr(photos, "__array__") and not isinstance(photos, Image.Image):
        photos = np.asarray(photos)
        return photos.tolist() if photos.dtype.kind in "OSU" else photos
    return photos


def _is_folder(photo: Any) -> bool:
    # An empty text is an empty field of a table, not the folder that one is in.
    return isinstance(photo, str | Path) and photo != "" and user_path(photo).is_dir()


def _is_one(photo: Any) -> bool:
    if isinstance(photo, np.ndarray):
        return photo.ndim < 4 and photo.dtype != object
    return isinstance(photo, str | Path | bytes | bytearray | memoryview | Image.Image)


def _source(photo: Any) -> Source:
    if isinstance(photo, str | Path):
        path = user_path(photo)
        if str(photo).startswith(("http://", "https://")):
            raise DataError(f"{photo} is an address; download the image first.")
        if not path.is_file():
            raise DataError(f"There is no image file {photo or 'of an empty name'}.")
        return path
    if isinstance(photo, np.ndarray):
        return _checked(photo)
    return photo if isinstance(photo, Image.Image) else bytes(photo)


def _checked(array: np.ndarray) -> np.ndarray:
    """An array that is an image."""
    good = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))
    if not good or not array.size:
        raise DataError(f"An image is an array (H, W, 3), not {array.shape}.")
    if array.dtype != np.uint8:
        raise DataError(
            f"An image's values are uint8, 0 to 255, not {array.dtype}; of values from 0 to 1, "
            "(255 * image).round().astype('uint8')."
        )
    return array[..., 0] if array.shape[2:] == (1,) else array


def _check_batch(array: np.ndarray) -> None:
    if array.ndim != 4:
        raise DataError(f"Images are an array (N, H, W, 3), not {array.shape}.")


def _name(photo: Any, number: int) -> str:
    return str(photo) if isinstance(photo, str | Path) else f"image {number + 1}"


def _described(item: Any) -> str:
    shape = f" of shape {item.shape}" if hasattr(item, "shape") else ""
    return f"{type(item).__name__}{shape}"
