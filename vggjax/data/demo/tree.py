"""The demo set on disk: a Caltech-256-like tree of JPEGs, rendered on first use."""

from pathlib import Path

from PIL import Image
from tqdm import tqdm

from vggjax.data.dataset import Dataset
from vggjax.data.demo.classes import Group, check_group, class_names
from vggjax.data.demo.scene import VERSION, render_image
from vggjax.errors import DataError
from vggjax.files import atomic_folder, cache_folder

JPEG_QUALITY = 90
_MOST = 9999  # file names count with four digits


def load_demo(group: str = "target", per_class: int = 80) -> Dataset:
    """The rendered demo set: `per_class` images, 64 x 64 JPEGs, of each class of a group.

    The group `target` has 32 classes to experiment on, `source` another 96 to pretrain on. The
    images are rendered into the cache on first use (about 1 ms each) and read from there after
    that; the first images of a class stay the same however many are asked for.

    Raises DataError for an unknown group or number of images, or if the cache can't be written.
    """
    from vggjax.data.folder import load_folder

    name = "demo" if group == "target" else f"demo-{group}"
    return load_folder(demo_folder(group, per_class), name=name, demo=True)


def demo_folder(group: str = "target", per_class: int = 80) -> Path:
    """The folder with a group's images, rendered now if it isn't there yet; errors as above."""
    checked = check_group(group)
    if not 1 <= per_class <= _MOST:
        raise DataError(
            f"The demo set has 1 to {_MOST} images for each class, but {per_class} were asked for."
        )
    folder = cache_folder() / "demo" / f"v{VERSION}" / f"{group}-{per_class}"
    if not folder.is_dir():
        _render_into(folder, checked, per_class)
    return folder


def _render_into(folder: Path, group: Group, per_class: int) -> None:
    names = class_names(group)
    bar = tqdm(
        total=len(names) * per_class,
        desc=f"rendering demo {group}",
        unit="image",
        disable=None,
        leave=False,
    )
    try:
        with bar, atomic_folder(folder) as temporary:
            for class_index, name in enumerate(names):
                (temporary / name).mkdir()
                for image_index in range(per_class):
                    path = temporary / name / f"{name[:3]}_{image_index + 1:04d}.jpg"
                    image = Image.fromarray(render_image(group, class_index, image_index))
                    image.save(path, quality=JPEG_QUALITY)
                    bar.update()
    except OSError as error:
        raise DataError(
            f"Cannot write the demo images to {folder} ({error.strerror or error}); "
            "set VGGJAX_CACHE to a folder with room in it."
        ) from error
