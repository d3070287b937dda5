"""Workload c: JPEG files to resized uint8 arrays."""

from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.inputs import Sizes, photo_like
from benchmarks.measure import Arm, compare
from benchmarks.results import Comparison
from vggjax.data import Dataset, ImageArray, images_below


def decoding(sizes: Sizes) -> list[Comparison]:
    """Image files, by threads and by a plain loop."""
    paths = images_below(sizes.folder or photo_like(sizes.photos))[: sizes.photos]
    return [_in_mode(sizes, paths, mode) for mode in ("nearest", "bilinear")]


def _in_mode(sizes: Sizes, paths: list[Path], mode: str) -> Comparison:
    side, ids = sizes.network.image_size, tuple(map(str, paths))
    labels = np.zeros(len(ids), np.int32)
    dataset = Dataset("photos", ("photo",), ids, labels, lambda name: Path(name).read_bytes())
    images = ImageArray(dataset, size=side, resize=mode)
    # A plain loop knows nothing of rotation and transparency, which real files may have.
    tolerance = None if sizes.folder else 0.0
    arms = [
        Arm("this project", lambda: lambda: images[:], ours=True),
        Arm("plain Pillow loop", lambda: partial(_plain_loop, paths, side, mode), tolerance),
    ]
    kind = "images of the folder" if sizes.folder else "JPEGs of 640 x 480"
    title = f"decoding: {len(paths)} {kind} to {side} px, {mode}"
    return Comparison(f"c {mode}", title, compare(arms, sizes.rounds), units=len(paths))


def _plain_loop(paths: list[Path], side: int, mode: str) -> np.ndarray:
    images = (Image.open(path).convert("RGB") for path in paths)
    resampling = Image.Resampling[mode.upper()]
    return np.stack([np.array(image.resize((side, side), resampling)) for image in images])
