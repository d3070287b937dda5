"""What is given to be extracted: images, and the type in which their features are kept."""

import hashlib
from typing import Any

import jax.numpy as jnp
import numpy as np

from vggjax.errors import DataError
from vggjax.features.checked import checked_inputs

KEPT = ("float32", "float16", "bfloat16", "float64")


class PixelArray:
    """Images in memory, (N, H, W, 3), each named by its content, as `ImageArray` names files."""

    def __init__(self, pixels: np.ndarray):
        self.pixels = pixels
        self.shape = pixels.shape
        self.dtype = pixels.dtype

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, indices: Any) -> np.ndarray:
        return self.pixels[indices]

    def subset(self, indices: np.ndarray) -> "PixelArray":
        """The images at `indices`."""
        return PixelArray(self.pixels[indices])

    def keys(self) -> np.ndarray:
        """The key of each image's type, shape and values, (N, 32) uint8."""
        what = f"pixels {self.dtype.str} {self.shape[1:]}\n".encode()
        digests = [hashlib.sha256(what + image.tobytes()).digest() for image in self.pixels]
        return np.frombuffer(b"".join(digests), np.uint8).reshape(len(self), 32)


def as_images(images: Any) -> Any:
    """An `ImageArray`, or what has its `subset` and `keys`, as it is; an array with names besides.

    Raises DataError for anything else, and for an array that isn't of numbers (N, H, W, 3).
    """
    if hasattr(images, "subset") and hasattr(images, "keys"):
        return images
    if getattr(images, "ndim", 0) == 4 and hasattr(images, "__array__"):
        return PixelArray(checked_inputs(images))
    shape = f" of shape {tuple(images.shape)}" if hasattr(images, "shape") else ""
    raise DataError(
        f"Features are extracted from a vggjax.ImageArray or an array (N, H, W, 3), not from "
        f"{type(images).__name__}{shape}; of files, vggjax.ImageArray(vggjax.load_folder(…)) makes "
        "one, and vggjax.compute takes any other inputs."
    )


def kept_dtype(dtype: Any) -> np.dtype:
    """The type in which features are kept, one of KEPT; DataError for another.

    >>> kept_dtype("bfloat16")
    dtype(bfloat16)
    """
    try:
        found = None if dtype is None else jnp.dtype(dtype)
    except TypeError:
        found = None
    if found is None or found.name not in KEPT:
        named = getattr(dtype, "__name__", dtype)
        raise DataError(f"Features are kept as {', '.join(KEPT)}, not as {named}.")
    return found
