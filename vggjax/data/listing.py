"""What lies in a folder: images, sub-folders, and by kind what is left out. One rule for all."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from vggjax.data.images import IMAGE_SUFFIXES
from vggjax.data.signatures import HEAD, HEIF_HINT, begins_an_image
from vggjax.errors import DataError

# Kinds of what is left out; `*` is an s where there are several.
LeftOut = Counter[str]
OUTPUT = "folder* of this program's own output"
_HIDDEN = ("hidden file*", "hidden folder*")
_NO_ENDING = "file* without an ending"

# Folders that nobody made for a class, in lower case, by what made them. Those of Caltech-101 and
# Caltech-256 hold what is of no class.
_FOLDERS = {
    name: kind
    for kind, names in {
        "folder* of a file server": ("@eadir", "@recycle", "@recently-snapshot", "#recycle",
                                     "#snapshot", "@tmp"),
        "folder* of the system": ("$recycle.bin", "recycler", "system volume information",
                                  "lost+found", "found.000", "thumbs", "thumbnails", "__macosx"),
        "folder* of a tool": ("node_modules", "venv"),
        "folder* of clutter": ("background_google", "257.clutter"),
    }.items()
    for name in names
}  # fmt: skip
_FILES = ("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r")

_HINTS = dict.fromkeys((".heic", ".heif", ".hif"), HEIF_HINT) | dict.fromkeys(
    (".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".raf", ".rw2", ".jxl"), "save them as JPEG"
)


@dataclass(frozen=True)
class Listing:
    """The names of a folder's images and sub-folders, sorted, and the number of other things.

    `is_output` tells a folder of results, weights or a classifier that this program wrote.
    """

    images: tuple[str, ...]
    folders: tuple[str, ...]
    left_out: LeftOut
    is_output: bool = False


def list_folder(folder: Path) -> Listing:
    """What lies in `folder` itself.

    Hidden files, what systems, file servers and tools leave behind, and files that are no images
    are left out. A file without an ending is an image if its first bytes are those of one; no
    other file is opened. Raises DataError if the folder can't be read.
    """
    images, folders, left_out = list[str](), list[str](), LeftOut()
    names = set[str]()
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                names.add(entry.name)
                is_folder = entry.is_dir()
                if kind := _kind(entry, is_folder):
                    left_out[kind] += 1
                else:
                    (folders if is_folder else images).append(entry.name)
        is_output = _is_output(folder, names)
    except OSError as error:
        raise DataError(f"Cannot read the folder {folder}: {error.strerror}.") from error
    return Listing(tuple(sorted(images)), tuple(sorted(folders)), left_out, is_output)


def walk(folder: Path, given: bool = True) -> Iterator[tuple[Path, Listing]]:
    """A folder and those below it, each with what lies in it, in the order of their names.

    Folders of this program's own output are told, with nothing in them, unless one is `given`;
    links to folders are not followed. Raises DataError if a folder can't be read.
    """
    listing = list_folder(folder)
    if listing.is_output and not given:
        yield folder, Listing((), (), LeftOut([OUTPUT]), is_output=True)
        return
    yield folder, listing
    for name in listing.folders:
        if not (folder / name).is_symlink():
            yield from walk(folder / name, given=False)


def in_words(left_out: Mapping[str, int], most: int = 6) -> str:
    """What was left out, the commonest first, hidden things last; after `most` kinds a number.

    >>> in_words({".HEIC": 20, "loose image*": 3, "folder* of a file server": 1})
    '20 .HEIC (pip install pillow-heif reads them), 3 loose images, 1 folder of a file server'
    """
    kinds = sorted(
        (+Counter(left_out)).items(), key=lambda kind: (kind[0] in _HIDDEN, -kind[1], kind[0])
    )
    words = [f"{count:,} {_named(kind, count)}" for kind, count in islice(kinds, most)]
    rest = sum(count for _, count in kinds[most:])
    return ", ".join([*words, f"{rest:,} of other kinds"] if rest else words)


def _named(kind: str, count: int) -> str:
    hint = _HINTS.get(kind.lower())
    return kind.replace("*", "s" * (count != 1)) + (f" ({hint})" if hint else "")


def _kind(entry: os.DirEntry[str], is_folder: bool) -> str:
    """Why a thing is left out; empty for an image, and for a folder to look into."""
    name, lower = entry.name, entry.name.casefold()
    if name.startswith("."):
        return _HIDDEN[is_folder]
    if is_folder:
        return _FOLDERS.get(lower) or "folder* of a tool" * name.startswith("__")
    if lower in _FILES:
        return "file* of the system"
    if not entry.is_file():
        return "broken link*" if entry.is_symlink() else "special file*"
    _, dot, ending = lower.rpartition(".")
    if dot + ending in IMAGE_SUFFIXES:
        return ""
    if not dot or not ending or ending.isdigit():  # as in scan.001
        return "" if _is_image(entry) else _NO_ENDING
    return name[-1 - len(ending) :]


def _is_image(entry: os.DirEntry[str]) -> bool:
    try:
        with Path(entry.path).open("rb") as file:
            return begins_an_image(file.read(HEAD))
    except OSError:
        return False


def _is_output(folder: Path, names: set[str]) -> bool:
    if {"params", "metadata"} <= names:  # an Orbax checkpoint
        return True
    result = folder / "result.json"
    if "result.json" not in names or not result.is_file():
        return False
    with result.open("rb") as file:
        return b'"experiment"' in file.read(HEAD)
