"""The demo set on disk: a Caltech-256-like tree of JPEGs, rendered on first use."""

import hashlib
import io
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from vggjax.demo import scene
from vggjax.demo.classes import CLASS_COUNTS, class_names
from vggjax.demo.scene import VERSION, render_image
from vggjax.errors import DataError
from vggjax.files import atomic_folder, cache_folder

_QUALITY = 90
_MOST = 9999  # file names count with four digits


def demo_folder(group: str = "target", per_class: int = 80) -> Path:
    """The folder with `per_class` images, 64 x 64 JPEGs, of each class of a group.

    They are rendered into the cache on first use (about 1 ms each) and found there after that; the
    first images of a class stay the same however many are asked for.
    Raises DataError for an unknown group or number of images, or if the cache can't be written.
    """
    if not 1 <= per_class <= _MOST:
        raise DataError(
            f"The demo set has 1 to {_MOST} images for each class, but {per_class} were asked for."
        )
    images = {
        f"{name}/{name[:3]}_{number:04d}.jpg": partial(render_image, group, label, number - 1)
        for label, name in enumerate(class_names(group))
        for number in range(1, per_class + 1)
    }
    drawn = f"v{VERSION}-{drawing()[:8]}"
    return saved_jpegs(cache_folder() / "demo" / drawn / f"{group}-{per_class}", images)


@cache
def drawing() -> str:
    """SHA-256 (64 hex digits) of an image of each class, as this Pillow draws and encodes it.

    Releases of Pillow differ in edges: what one has drawn is not taken for what another would draw.
    """
    digest = hashlib.sha256()
    for label in range(CLASS_COUNTS["target"]):
        content = io.BytesIO()
        Image.fromarray(scene.render_image("target", label, 0)).save(
            content, "jpeg", quality=_QUALITY
        )
        digest.update(content.getvalue())
    return digest.hexdigest()


def saved_jpegs(folder: Path, images: Mapping[str, Callable[[], np.ndarray]]) -> Path:
    """`folder`, with JPEGs `{path in it: function that draws it}` made on first use.

    Raises DataError if that is in the cache, as it usually is, and can't be written.
    """
    if folder.is_dir():
        return folder
    with atomic_folder(folder) as temporary:
        for name, draw in tqdm(images.items(), "rendering", unit="image", disable=None):
            (temporary / name).parent.mkdir(exist_ok=True)
            Image.fromarray(draw()).save(temporary / name, "jpeg", quality=_QUALITY)
    return folder
