"""The classes found below a folder, and in one sentence all that is wrong with them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vggjax.data.listing import LeftOut, in_words
from vggjax.errors import DataError, listed

LAYOUT = "one sub-folder of images for each class, such as cats/1.jpg and dogs/2.jpg"


@dataclass
class Tree:
    """The classes below a folder: where they lie, `{path below root: names of images}`.

    `parts` are the folders above them that are the parts of a split, `{folder: part}`.
    """

    root: Path
    classes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)
    left_out: LeftOut = field(default_factory=LeftOut)


def check_number(tree: Tree) -> None:
    """Raise DataError if there is only one class."""
    names = {name.rpartition("/")[2] for name in tree.classes}
    if len(names) == 1:
        raise DataError(
            f"There is only one class folder ({names.pop()}) in {tree.root}; it needs at least "
            f"2{_also(tree)}."
        )


def check_classes(
    tree: Tree,
    place: Path,
    folders: int,
    empty: Mapping[str, str],
    inside: Mapping[str, int],
    loose: int,
) -> None:
    """Raise DataError, with advice, if some of the `folders` at `place` are no classes.

    `empty` says what those without images hold, `inside` how many images are further down and
    where; `loose` is the number of images beside the folders.
    """
    own = [name for name in tree.classes if (tree.root / name).parent == place]
    if not own and not empty and loose:
        raise DataError(
            f"The images in {place} lie flat in it; sort them into {LAYOUT}; or, if their names "
            "begin with their classes, such as cat_1.jpg, add --dataset flat."
        )
    if not own and not empty:
        raise DataError(f"There are no class folders in {place}{_also(tree)}; it needs {LAYOUT}.")
    if len(own) < len(empty) and (above := _above_classes(inside)):
        found = listed([f"--data-dir {place / name}" for name in above], "or")
        raise DataError(f"The folders of {place} are no classes, but hold such: give {found}.")
    if empty:
        raise DataError(_empty_classes(place, folders, empty, inside))


def _empty_classes(
    place: Path, folders: int, empty: Mapping[str, str], inside: Mapping[str, int]
) -> str:
    """The sentence on classes without images, `{folder: what it holds}`."""
    several = len(empty) > 1
    where = [name for name in empty if any(path.startswith(f"{name}/") for path in inside)]
    advice = "add some or remove " + ("them" if several else "it")
    if where:
        up = f"move those further down up into {'their classes' if several else 'it'}"
        advice = up if len(where) == len(empty) else f"{up}, {advice}"
    if several:
        names = listed([f"{name} ({what})" for name, what in empty.items()])
        which = f"{len(empty)} of the {folders} class folders of {place}: {names}"
    else:
        ((name, what),) = empty.items()
        which = f"the class folder {place / name} ({what})"
    return f"There are no images in {which}; {advice}."


def _also(tree: Tree) -> str:
    return f" (left out: {in_words(tree.left_out)})" if +tree.left_out else ""


def _above_classes(inside: Mapping[str, int]) -> list[str]:
    """The folders with at least two sub-folders of images, of which `inside` tells the numbers."""
    parents = Counter(str(Path(name).parent) for name in inside)
    return [name for name, count in parents.items() if count > 1]


def check_same_classes(tree: Tree) -> None:
    """Raise DataError unless all parts of a split have the same classes."""
    found = {part: set[str]() for part in tree.parts}
    for name in tree.classes:
        part, _, class_name = name.partition("/")
        found[part].add(class_name)
    everything = set().union(*found.values())
    lacking = [f"{p}/{n}" for p, own in found.items() for n in sorted(everything - own)]
    if lacking:
        raise DataError(
            f"The parts {listed(list(tree.parts))} of {tree.root} don't hold the same classes; "
            f"there is no {listed(lacking, 'and no')}."
        )
