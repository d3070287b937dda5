"""Urban Tribes (Kwak et al., BMVC 2013), or any flat folder with the labels in the file names.

No public download is known; the user gives the folder (rows U).
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from vggjax.data.dataset import Dataset
from vggjax.data.folder import FolderReader, image_files
from vggjax.data.splits import ClassSplit, Split, make_split
from vggjax.errors import DataError

LAYOUT = "the images lie flat in it, named CLASS_anything, such as biker_group-pic00001.jpg"


def load_flat_folder(path: Path | str) -> Dataset:
    """The images of a flat folder; an image's class is its file name up to the first `_`.

    Urban Tribes itself has the classes biker, clubber, country, formal, goth, heavy, hiphop,
    hipster, others, ravers and surfer, but any names do. Ids are file names; classes and ids are
    in sorted order. Hidden files and files without an image's ending are ignored.

    Raises DataError if the folder is missing, unreadable or laid out otherwise, if a name has no
    class, or if there are fewer than two classes. The files themselves are not opened here.
    """
    path = Path(path)
    if not path.is_dir():
        raise DataError(f"There is no folder {path}; give one where {LAYOUT}.")
    ids = image_files(path)
    if not ids:
        raise DataError(f"There are no images in {path}; give a folder where {LAYOUT}.")
    names = _classes(path, ids)
    classes = sorted(set(names))
    if len(classes) < 2:
        raise DataError(f"All images in {path} are of the class {classes[0]}; it needs at least 2.")
    labels = np.array([classes.index(name) for name in names], np.int32)
    return Dataset(path.resolve().name, tuple(classes), tuple(ids), labels, FolderReader(path))


def make_reference_split(
    dataset: Dataset, samples: int, val: int = 32, test: int = 32, seed: int = 0
) -> Split:
    """The reference's split (U1): the last `test` images of each class validate *and* test.

    They are the images that `make_split` divides between the two, so the numbers of training
    images are the same. A result on them is too good: early stopping has seen the test images.
    Raises DataError as `make_split` does, and unless `val` equals `test` and is at least 2.
    """
    if val != test or test < 2:
        raise DataError(
            "In the reference's split validation and test are the same images, at least 2 a class."
        )
    split = make_split(dataset, samples, test // 2, test - test // 2, seed)
    classes = {}
    for name, part in split.classes.items():
        held_out = (*part.validation, *part.test)
        classes[name] = ClassSplit(part.train, held_out, held_out)
    return replace(split, val=val, test=test, classes=classes)


def _classes(path: Path, ids: Sequence[str]) -> list[str]:
    """The class in each of the file names."""
    parts = [name.partition("_") for name in ids]
    for name, (prefix, underscore, _) in zip(ids, parts, strict=True):
        if not (prefix and underscore):
            raise DataError(f"The name of {path / name} has no class before a `_`; rename it.")
    return [prefix for prefix, *_ in parts]
