"""The demo set on disk: a Caltech-256-like tree of JPEGs, rendered on first use."""

import hashlib
import io
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from vggjax.checksums import (
    files_in,
    is_whole,
    line_of,
    list_of,
    read_list,
    require_no_others,
)
from vggjax.claims import claimed
from vggjax.demo import scene
from vggjax.demo.classes import CLASS_COUNTS, class_names
from vggjax.demo.scene import VERSION, render_image
from vggjax.errors import DataError
from vggjax.files import atomic_file, cache_folder, cache_named
from vggjax.interrupts import keeping

_QUALITY = 90
_MOST = 9999  # file names count with four digits


def demo_folder(group: str = "target", per_class: int = 80) -> Path:
    """The folder with `per_class` images, 64 x 64 JPEGs, of each class of a group.

    They are rendered into the cache on first use (about 1 ms each), found there after that, and
    checked at each use (0.05 s); the first images of a class stay the same however many are asked
    for. Raises DataError for an unknown group or number of images, or as `saved_jpegs` does.
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

    Each is checked at each use; those that a killed process didn't come to are drawn, and those
    that are missing or damaged are, too. Raises DataError if the folder holds other files, or if it
    is in the cache, as it usually is, and can't be written.
    """
    if len(_whole(folder, images)) < len(images):
        with cache_named(folder), claimed(folder):
            _draw_lacking(folder, images)
    require_no_others(folder, files_in(folder).difference(images))
    return folder


def _whole(folder: Path, names: Iterable[str]) -> list[str]:
    """Those of the images that are there as they were drawn."""
    known = read_list(folder)
    return [name for name in names if name in known and is_whole(folder, name, known[name])]


def _draw_lacking(folder: Path, images: Mapping[str, Callable[[], np.ndarray]]) -> None:
    """Draw what isn't there; while it does, what is there is listed, line by line."""
    done = dict.fromkeys(_whole(folder, images))
    if damaged := len(read_list(folder).keys() & images.keys() - done.keys()):
        print(f"{folder}: {damaged:,} images are damaged or missing: drawn again", file=sys.stderr)
    with atomic_file(list_of(folder)) as temporary:
        temporary.write_bytes(b"".join(_line(folder, name) for name in done))
    kept = keeping(lambda: f"{len(done):,} of {len(images):,} rendered images are kept")
    with list_of(folder).open("ab", buffering=0) as lines, kept:
        lacking = [name for name in images if name not in done]
        for name in tqdm(lacking, "rendering", unit="image", disable=None):
            _save(folder / name, images[name]())
            lines.write(_line(folder, name))
            done[name] = None


def _save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # it could be a link to somewhere else
    Image.fromarray(pixels).save(path, "jpeg", quality=_QUALITY)


def _line(folder: Path, name: str) -> bytes:
    return line_of(folder, name, (folder / name).read_bytes())
