"""Rendered JPEG files to work on, kept in the cache folder."""

from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from vggjax.data import IMAGE_SUFFIXES, Dataset
from vggjax.data.demo import CLASS_COUNTS, VERSION, render_image
from vggjax.errors import DataError
from vggjax.files import atomic_folder, cache_folder

_QUALITY = 90
_DEMO_CLASSES = [(group, index) for group, count in CLASS_COUNTS.items() for index in range(count)]


def rendered_tree(classes: int, per_class: int) -> Path:
    """A folder with `per_class` rendered images, 64 x 64 JPEGs, in each of `classes` folders."""
    folder = cache_folder() / "benchmark" / f"v{VERSION}-{classes}x{per_class}"
    if folder.is_dir():
        return folder
    total = classes * per_class
    with (
        tqdm(total=total, desc="rendering", unit="image", disable=None, leave=False) as bar,
        atomic_folder(folder) as temporary,
    ):
        for number in range(classes):
            (temporary / f"{number:03d}").mkdir()
            for image in range(per_class):
                path = temporary / f"{number:03d}" / f"{image:05d}.jpg"
                Image.fromarray(_rendered(number, image, per_class)).save(path, quality=_QUALITY)
                bar.update()
    return folder


def photo_like(count: int) -> Path:
    """A folder with `count` JPEGs of 640 x 480, as detailed as a compact camera's photographs."""
    folder = cache_folder() / "benchmark" / f"v{VERSION}-photos-{count}"
    if not folder.is_dir():
        with atomic_folder(folder) as temporary:
            for number in range(count):
                path = temporary / f"{number:04d}.jpg"
                _enlarged(number).save(path, quality=_QUALITY)
    return folder


def flat_dataset(folder: Path, most: int) -> Dataset:
    """The first `most` images below a folder, however it is laid out; DataError if it has none."""
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES)[:most]
    if not paths:
        raise DataError(f"There are no images in {folder}; give a folder of JPEG files.")
    ids = tuple(str(path.relative_to(folder)) for path in paths)
    labels = np.zeros(len(ids), np.int32)
    return Dataset(folder.name, ("photo",), ids, labels, lambda name: (folder / name).read_bytes())


def _rendered(number: int, image: int, per_class: int) -> np.ndarray:
    """Beyond the demo's classes, they come again in other colours, and as other images."""
    turn, place = divmod(number, len(_DEMO_CLASSES))
    group, index = _DEMO_CLASSES[place]
    return np.roll(render_image(group, index, image + turn * per_class), turn, axis=-1)


def _enlarged(number: int) -> Image.Image:
    small = Image.fromarray(render_image("target", number % CLASS_COUNTS["target"], number))
    pixels = np.asarray(small.resize((640, 480), Image.Resampling.BICUBIC), np.float32)
    grain = np.random.default_rng(number).normal(scale=6, size=pixels.shape)
    return Image.fromarray(np.clip(np.rint(pixels + grain), 0, 255).astype(np.uint8))
