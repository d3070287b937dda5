"""Which folders of a tree are classes, which are the parts of a split, and what else lies there."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from vggjax.data.listing import OUTPUT, LeftOut, in_words, list_folder, walk
from vggjax.data.tree import LAYOUT, Tree, check_classes, check_number, check_same_classes
from vggjax.errors import DataError, listed

# Folders named so above the classes are the parts of a split; beside classes they are none.
PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
# Beside a folder of images, these are about them.
_IMAGES = {"image", "images", "img", "imgs", "jpegimages"}
_ABOUT_IMAGES = {
    *("mask", "masks", "label", "labels", "annotation", "annotations", "trimaps", "bboxes"),
    *("segmentation", "segmentations", "segmentationclass", "segmentationobject", "groundtruth"),
}


def find_classes(path: Path, skip: Collection[str] = ()) -> Tree:
    """The class folders below `path`, or in its only sub-folder; `skip` names what is none.

    Folders train, val and test that hold classes are the parts of a split. Raises DataError, one
    sentence on all that is wrong, if `path` is missing or laid out otherwise.
    """
    tree, folders, loose = _descended(path, skip)
    parts = _parts(tree.root, folders)
    if parts:
        aside = [name for name in folders if name not in parts]
        tree.left_out.update({f"folder* beside the parts of the split ({n})": 1 for n in aside})
        tree.parts = parts if "test" in parts.values() else _tested_instead(parts)
        for part in tree.parts:
            _add_classes(tree, f"{part}/", _chosen(tree, list_folder(tree.root / part).folders))
        check_same_classes(tree)
    else:
        _add_classes(tree, "", _without_parts(tree, folders), loose)
    check_number(tree)
    return tree


def _descended(path: Path, skip: Collection[str]) -> tuple[Tree, list[str], int]:
    """The tree at `path`, or in the only sub-folder of it: its folders and number of images."""
    for wrong, words in ((not path.exists(), f"There is no folder {path}"),
                         (not path.is_dir(), f"{path} is not a folder")):  # fmt: skip
        if wrong:
            raise DataError(f"{words}; give one with {LAYOUT}.")
    tree = Tree(path)
    while True:
        listing = list_folder(tree.root)
        tree.left_out += listing.left_out
        folders = _chosen(tree, [name for name in listing.folders if name not in skip])
        if len(folders) != 1 or listing.images:
            break
        inner = list_folder(tree.root / folders[0])
        if inner.images or not inner.folders:
            break
        tree.root /= folders[0]
    tree.left_out["loose image*"] += len(listing.images)
    return tree, folders, len(listing.images)


def _chosen(tree: Tree, folders: Iterable[str]) -> list[str]:
    """The folders without masks and the like, if there are images beside those."""
    names = list(folders)
    if not _IMAGES & {name.casefold() for name in names}:
        return names
    about = [name for name in names if name.casefold() in _ABOUT_IMAGES]
    tree.left_out.update({f"folder* about the images beside it ({name})": 1 for name in about})
    return [name for name in names if name not in about]


def _parts(root: Path, folders: Sequence[str]) -> dict[str, str]:
    """The folders that are the parts of a split, `{folder: part}`; none if they are classes.

    A train is a vehicle, too: images lie in a class, but not in a part.
    """
    parts = {name: PARTS[name.casefold()] for name in folders if name.casefold() in PARTS}
    if "train" not in parts.values() or len(parts) < 2:
        return {}
    listings = {name: list_folder(root / name) for name in parts}
    flat = [name for name, listing in listings.items() if listing.images and not listing.folders]
    if len(flat) == len(folders):
        raise DataError(
            f"The images in {listed(flat)} of {root} lie flat; sort those of each into {LAYOUT}."
        )
    if len(set(parts.values())) < len(parts):
        raise DataError(f"{root} has {listed(list(parts))}, two for one part; remove one of them.")
    train = next(name for name, part in parts.items() if part == "train")
    return parts if listings[train].folders and not listings[train].images else {}


def _tested_instead(parts: Mapping[str, str]) -> dict[str, str]:
    """Without a folder to test on, the validation images test."""
    return {name: "test" if part == "validation" else part for name, part in parts.items()}


def _without_parts(tree: Tree, folders: Sequence[str]) -> list[str]:
    """The folders but for those named like a held-out part of a split."""
    parts = [name for name in folders if PARTS.get(name.casefold(), "train") != "train"]
    tree.left_out.update({f"folder* named like a part of a split ({name})": 1 for name in parts})
    return [name for name in folders if name not in parts]


def _add_classes(tree: Tree, above: str, folders: Sequence[str], loose: int = 0) -> None:
    """Look into the folders and add those that are classes to the tree."""
    empty, inside = dict[str, str](), Counter[str]()
    place = tree.root / above
    for folder in folders:
        (_, own), *inner = walk(place / folder, given=False)
        below = {p.relative_to(place).as_posix(): len(li.images) for p, li in inner if li.images}
        left_out = sum((listing.left_out for _, listing in inner), own.left_out)
        if left_out[OUTPUT] and not (own.images or below):
            left_out = LeftOut([f"{OUTPUT} ({folder})"])
        elif own.images:
            tree.classes[above + folder] = own.images
            inside.update(below)
        else:
            inside.update(below)
            empty[folder] = _instead(below, left_out)
        tree.left_out += left_out
    check_classes(tree, place, len(folders), empty, inside, loose)
    if inside:
        kind = f"image* in folders inside a class ({next(iter(inside))})"
        tree.left_out[kind] += inside.total()


def _instead(below: Mapping[str, int], left_out: LeftOut) -> str:
    """What a class folder without images holds."""
    if below:
        return f"{sum(below.values()):,} below it, such as in {next(iter(below))}"
    return in_words(left_out) or "empty"
