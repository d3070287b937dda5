"""A folder takes the place of another by two renames; a kill between them is mended afterwards."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from vggjax.claims import claimed, remove, remove_leftovers
from vggjax.files import atomic_folder


@contextlib.contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """A temporary folder to fill, which takes the place of `folder` if the block succeeds.

    What was there stays until then. To be used under the claim on `folder`. Raises OSError as
    `atomic_folder` does.
    """
    with atomic_folder(folder) as temporary:
        yield temporary
        set_aside(folder)
    remove(_old(folder))


def set_aside(folder: Path) -> None:
    """Rename what is where a finished folder is about to go."""
    if folder.exists():
        remove(_old(folder))
        folder.rename(_old(folder))


def mend(folder: Path, parts: set[str]) -> None:
    """End what a process left that was killed while it replaced `folder`, which has these `parts`.

    Nothing happens where that can't be written. Not to be used under the claim on `folder`.
    """
    if _has_only(_old(folder), parts):
        with contextlib.suppress(OSError), claimed(folder):
            put_back(folder, parts)


def put_back(folder: Path, parts: set[str]) -> None:
    """As `mend`, under the claim on `folder`.

    If the kill came between the renames, the old folder is put back; after them, it is removed. One
    with other parts isn't ours.
    """
    if not _has_only(_old(folder), parts):
        return
    remove_leftovers(folder.parent, folder.name)
    if folder.exists():
        remove(_old(folder))
    else:
        _old(folder).rename(folder)


def _has_only(folder: Path, parts: set[str]) -> bool:
    try:
        return set(os.listdir(folder)) <= parts  # noqa: PTH208
    except OSError:
        return False


def _old(folder: Path) -> Path:
    return folder.parent / f".{folder.name}.old"
