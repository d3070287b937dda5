"""Workload c: JPEG files to resized uint8 arrays."""

from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.measure import Arm, compare
from benchmarks.pictures import flat_dataset, photo_like
from benchmarks.results import Comparison
from benchmarks.sizes import Sizes
from vggjax.data import Dataset, ImageArray

_MODES = {"nearest": Image.Resampling.NEAREST, "bilinear": Image.Resampling.BILINEAR}


def decoding(sizes: Sizes, photos: Path | None = None) -> list[Comparison]:
    """Image files in batches, by threads and by a plain loop; `photos` is a folder of real ones."""
    folder = photos or photo_like(sizes.photos)
    dataset = flat_dataset(folder, sizes.photos)
    return [_in_mode(sizes, folder, dataset, mode, real=photos is not None) for mode in _MODES]


def _in_mode(sizes: Sizes, folder: Path, dataset: Dataset, mode: str, *, real: bool) -> Comparison:
    side = sizes.network.image_size
    paths = [folder / name for name in dataset.ids]
    images = ImageArray(dataset, size=side, resize=mode)
    # A plain loop knows nothing of rotation and transparency, which real files may have.
    tolerance = None if real else 0.0
    arms = [
        Arm("this project", lambda: partial(_batches, images, sizes.batch)),
        Arm("plain Pillow loop", lambda: partial(_plain_loop, paths, side, mode), tolerance),
    ]
    kind = "images of the folder" if real else "JPEGs of 640 x 480"
    return Comparison(
        f"c {mode}",
        f"decoding: {len(paths)} {kind} to {side} px, {mode}",
        tuple(compare(arms, sizes.rounds)),
        units=len(paths),
    )


def _batches(images: ImageArray, size: int) -> np.ndarray:
    starts = range(0, len(images), size)
    return np.concatenate([images[start : start + size] for start in starts])


def _plain_loop(paths: list[Path], side: int, mode: str) -> np.ndarray:
    size, resample = (side, side), _MODES[mode]
    return np.stack([np.array(_opened(path).resize(size, resample)) for path in paths])


def _opened(path: Path) -> Image.Image:
    return Image.open(path).convert("RGB")
