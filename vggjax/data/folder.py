"""A folder with one sub-folder for each class, as a data set."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vggjax.data.dataset import Dataset
from vggjax.data.images import IMAGE_SUFFIXES
from vggjax.errors import DataError

LAYOUT = "one sub-folder of images for each class, such as cats/1.jpg and dogs/2.jpg"


def load_folder(
    path: Path | str, name: str | None = None, demo: bool = False, skip: Collection[str] = ()
) -> Dataset:
    """The images of a class-per-folder tree.

    Class names are the sub-folders' names, ids are `class/file`, both in sorted order. Hidden
    files, files without an image's ending and folders inside a class folder are ignored; `skip`
    names sub-folders that are no classes. `name` is the folder's own by default.

    Raises DataError if the folder is missing, unreadable or laid out otherwise, has fewer than
    two classes, or a class has no images. The files themselves are not opened here.

    >>> import vggjax
    >>> from vggjax.demo import demo_folder
    >>> dataset = vggjax.load_folder(demo_folder("target", per_class=4))
    >>> len(dataset), len(dataset.class_names)
    (128, 32)
    >>> dataset.ids[0]
    '001.dotted-pentagon-beside-shaded-spiral/001_0001.jpg'
    """
    path = Path(path)
    classes = [folder for folder in _class_folders(path) if folder not in skip]
    files = {folder: image_files(path / folder) for folder in classes}
    _check_classes(path, files)
    ids = tuple(f"{folder}/{file}" for folder in classes for file in files[folder])
    labels = np.repeat(np.arange(len(classes), dtype=np.int32), [len(files[c]) for c in classes])
    name = name or path.resolve().name
    return Dataset(name, tuple(classes), ids, labels, FolderReader(path), demo)


@dataclass(frozen=True)
class FolderReader:
    """Reads an image's bytes by its id."""

    root: Path

    def __call__(self, name: str) -> bytes:
        try:
            return (self.root / name).read_bytes()
        except OSError as error:
            raise DataError(
                f"Cannot read the image {self.root / name}: {error.strerror}."
            ) from error


def _class_folders(path: Path) -> list[str]:
    if not path.exists():
        raise DataError(f"There is no folder {path}; give one with {LAYOUT}.")
    if not path.is_dir():
        raise DataError(f"{path} is not a folder; give one with {LAYOUT}.")
    # Names like __MACOSX are left behind by unpackers.
    return [entry.name for entry in _entries(path) if entry.is_dir() and entry.name[:2] != "__"]


def image_files(folder: Path) -> list[str]:
    """The names of the images in `folder`, sorted; DataError if it can't be read."""
    files = [entry for entry in _entries(folder) if entry.is_file()]
    return [file.name for file in files if file.suffix.lower() in IMAGE_SUFFIXES]


def images_below(folder: Path) -> list[Path]:
    """The images in a folder and its sub-folders, by name; hidden ones are ignored.

    Raises DataError if there are none.
    """
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    shown = [path for path in found if path.is_file() and not path.name.startswith(".")]
    if not shown:
        raise DataError(f"There are no images in {folder} and its sub-folders.")
    return shown


def _entries(folder: Path) -> list[Path]:
    """What is in a folder, sorted by name, without hidden files."""
    try:
        entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    except OSError as error:
        raise DataError(f"Cannot read the folder {folder}: {error.strerror}.") from error
    return sorted(entries, key=lambda entry: entry.name)


def _check_classes(path: Path, files: dict[str, list[str]]) -> None:
    if not files and image_files(path):
        raise DataError(f"The images in {path} lie flat in it; sort them into {LAYOUT}.")
    if not files:
        raise DataError(f"There are no class folders in {path}; it needs {LAYOUT}.")
    empty = [folder for folder, names in files.items() if not names]
    if empty:
        raise DataError(
            f"There are no images in the class folder {path / empty[0]}; add some or remove it."
        )
    if len(files) == 1:
        raise DataError(
            f"There is only one class folder ({next(iter(files))}) in {path}; it needs at least 2."
        )
