"""A folder with one sub-folder for each class, as a data set."""

import io
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vggjax.data.bounds import MOST_BYTES
from vggjax.data.dataset import Dataset
from vggjax.data.layout import find_classes
from vggjax.data.listing import LeftOut, in_words, walk
from vggjax.data.tree import Tree
from vggjax.errors import DataError
from vggjax.files import read_regular


def load_folder(
    path: Path | str, name: str | None = None, demo: bool = False, skip: Collection[str] = ()
) -> Dataset:
    """The images of a class-per-folder tree.

    Class names are the sub-folders' names, ids are `class/file`, both in sorted order. A folder
    that holds nothing but one folder with the classes stands for that one. Folders `train`, `val`
    (or `valid`, `validation`) and `test` above the classes are the split: see `Dataset.parts`; ids
    are `part/class/file` then. Hidden files, what systems, file servers and this program itself
    leave behind, loose images, files that are no images and folders inside a class are left out,
    and told in `Dataset.notes`; `skip` names sub-folders that are no classes. `name` is the
    folder's own by default.

    Raises DataError if the folder is missing, unreadable or laid out otherwise, has fewer than
    two classes, or classes have no images. The files themselves are not opened here, but for those
    without an ending.

    >>> import vggjax
    >>> from vggjax.demo import demo_folder
    >>> dataset = vggjax.load_folder(demo_folder("target", per_class=4))
    >>> len(dataset), len(dataset.class_names)
    (128, 32)
    >>> dataset.ids[0]
    '001.dotted-pentagon-beside-shaded-spiral/001_0001.jpg'
    """
    path = Path(path)
    tree = find_classes(path, skip)
    folders = sorted(tree.classes, key=lambda folder: (Path(folder).name, folder))
    classes = sorted({Path(folder).name for folder in folders})
    numbers = {name: number for number, name in enumerate(classes)}
    counts = [len(tree.classes[folder]) for folder in folders]
    labels = np.repeat(np.array([numbers[Path(f).name] for f in folders], np.int32), counts)
    ids = tuple(f"{folder}/{file}" for folder in folders for file in tree.classes[folder])
    parts = tuple(tree.parts[name.partition("/")[0]] for name in ids) if tree.parts else ()
    name, read = name or path.resolve().name, FolderReader(tree.root)
    return Dataset(name, tuple(classes), ids, labels, read, demo, _notes(path, tree), parts)


def _notes(path: Path, tree: Tree) -> tuple[str, ...]:
    """What is to be said of the folder, beside the numbers of images."""
    wrapper = [f"its classes are in {tree.root}"] * (tree.root != path)
    return (*wrapper, *_split_note(tree.parts), *told(tree.left_out))


def _split_note(parts: Mapping[str, str]) -> list[str]:
    """Which folder is which part of the split."""
    if not parts:
        return []
    folders = {part: folder for folder, part in parts.items()}
    names = [folders.get(part, folders["train"]) for part in ("train", "validation", "test")]
    return ["images of {}/ train, of {}/ validate, of {}/ test".format(*names)]


def told(left_out: LeftOut) -> list[str]:
    """What was left out, as a note of a data set."""
    return [f"left out: {in_words(left_out)}"] if +left_out else []


@dataclass(frozen=True)
class FolderReader:
    """Reads an image's bytes by its id; knows its size."""

    root: Path

    def __call__(self, name: str) -> bytes:
        with self._named(name):
            return read_regular(self.root / name, MOST_BYTES)

    def size(self, name: str) -> int:
        """Bytes of an image; DataError if it isn't there."""
        with self._named(name):
            return os.stat(f"{self.root}/{name}").st_size  # noqa: PTH116 (a Path takes as long again)

    def tail(self, name: str, length: int) -> bytes:
        """Its last bytes; DataError if it can't be read."""
        with self._named(name), io.FileIO(f"{self.root}/{name}") as file:
            file.seek(-min(length, file.seek(0, io.SEEK_END)), io.SEEK_END)
            return file.read()

    @contextmanager
    def _named(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            path = self.root / name
            raise DataError(f"Cannot read the image {path}: {error.strerror}.") from error


def images_below(folder: Path) -> list[Path]:
    """The images in a folder and its sub-folders, by name, as `scan_below` finds them."""
    return scan_below(folder)[0]


def scan_below(folder: Path) -> tuple[list[Path], list[str]]:
    """The images in a folder and its sub-folders, by name; and a note on what was left out.

    Raises DataError if there are none.
    """
    found, left_out = list[Path](), LeftOut()
    for place, listing in walk(folder):
        found += [place / name for name in listing.images]
        left_out += listing.left_out
    notes = told(left_out)
    if not found:
        also = f" ({notes[0]})" if notes else ""
        raise DataError(f"There are no images in {folder} and its sub-folders{also}.")
    return sorted(found), notes
