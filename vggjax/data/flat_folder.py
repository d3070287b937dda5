"""Urban Tribes (Kwak et al., BMVC 2013), or any flat folder with the labels in the file names.

No public download is known; the user gives the folder (rows U).
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from vggjax.data.dataset import Dataset
from vggjax.data.folder import FolderReader, told
from vggjax.data.listing import LeftOut, list_folder
from vggjax.data.splits import ClassSplit, Split, make_split
from vggjax.errors import DataError, listed

# american_bulldog_7, and copies that a system names "american_bulldog_7 (1)".
_NUMBERED = re.compile(r"(.+?)_\d+(?:[ (.-].*)?")
LAYOUT = "the images lie flat in it, named CLASS_anything, such as biker_group-pic00001.jpg"


def load_flat_folder(path: Path | str) -> Dataset:
    """The images of a flat folder, with the classes in their names.

    Where most names are NAME_number, as in `american_bulldog_7.jpg`, the class is what stands
    before the last `_number`; otherwise what stands before the first `_`, as in Urban Tribes'
    `biker_group-pic00001.jpg`, whose classes are biker, clubber, country, formal, goth, heavy,
    hiphop, hipster, others, ravers and surfer. Ids are file names; classes and ids are in sorted
    order. What is left out, folders among it, is told in `Dataset.notes`.

    Raises DataError if the folder is missing, unreadable or laid out otherwise, if names have no
    class, or if there are fewer than two classes. The files themselves are not opened here, but
    for those without an ending.
    """
    path = Path(path)
    if not path.is_dir():
        raise DataError(f"There is no folder {path}; give one where {LAYOUT}.")
    listing = list_folder(path)
    ids = listing.images
    notes = tuple(told(listing.left_out + LeftOut({"folder*": len(listing.folders)})))
    if not ids:
        also = "; ".join(("", *notes))
        raise DataError(f"There are no images in {path}; give a folder where {LAYOUT}{also}.")
    names = _classes(path, ids)
    classes = sorted(set(names))
    if len(classes) < 2:
        raise DataError(f"All images in {path} are of the class {classes[0]}; it needs at least 2.")
    numbers = {name: number for number, name in enumerate(classes)}
    labels = np.array([numbers[name] for name in names], np.int32)
    name, read = path.resolve().name, FolderReader(path)
    return Dataset(name, tuple(classes), ids, labels, read, notes=notes)


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
    numbered = [_NUMBERED.fullmatch(Path(name).stem) for name in ids]
    if 2 * sum(map(bool, numbered)) > len(ids):
        found = [match[1] if match else "" for match in numbered]
        place = "a last `_` and number"
    else:
        found = [name.partition("_")[0] if "_" in name else "" for name in ids]
        place = "a `_`"
    wrong = [str(path / name) for name, own in zip(ids, found, strict=True) if not own]
    if wrong:
        have, them = ("have", "them") if len(wrong) > 1 else ("has", "it")
        raise DataError(f"{listed(wrong)} {have} no class before {place}; rename {them}.")
    return found
