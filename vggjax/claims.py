"""Who is writing a file: a process says so, and what a killed one left behind is recognised.

A claim is the system's lock on an open file (`flock`). It ends with the process, however that ends,
so that no claim outlives its owner. Where there are no such locks (Windows, some network disks), a
process takes itself to be alone, and what is older than a day to be left behind.
"""

import contextlib
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

try:
    import fcntl
except ImportError:  # pragma: no cover
    fcntl = None  # type: ignore[assignment]

_LEFT_AFTER = 24 * 3600  # seconds
_POLL = 0.1  # seconds
_TEMPORARY = re.compile(r"\..+\.([0-9a-f]{32}|lock)")
_OURS: set[Path] = set()  # what this process would leave behind if it ended now


class Claim:
    """This process's claim on a file or folder that is there, until it is released."""

    def __init__(self, descriptor: int):
        self.descriptor = descriptor

    @classmethod
    def on(cls, path: Path) -> "Claim | None":
        """A claim on `path`, once nobody else has one; None if `path` is no longer there."""
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        _lock(descriptor, wait=True)  # who looks whether it is claimed has it for a moment
        if _is_at(descriptor, path):
            return cls(descriptor)
        os.close(descriptor)
        return None

    def release(self) -> None:
        """Let others claim it."""
        os.close(self.descriptor)


def is_claimed(path: Path) -> bool | None:
    """Whether a process, this one or another, is writing `path`; None if that can't be known."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        free = _lock(descriptor)
        return None if free is None else not free
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """A short block on a folder that is there, which one process enters at a time."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        _lock(descriptor, wait=True)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def claimed(path: Path) -> Iterator[None]:
    """A block that makes `path`, which only one process enters at a time.

    The others wait, and say so on stderr; who comes in later looks whether `path` is there by now.
    """
    place = lock_of(path)
    said = False
    while (claim := _created(place)) is None:
        if not said:
            print(f"Waiting for another process that writes {path}", file=sys.stderr, flush=True)
        said = True
        time.sleep(_POLL)
    _OURS.add(place)
    try:
        yield
    finally:
        place.unlink(missing_ok=True)
        _OURS.discard(place)
        claim.release()


def lock_of(path: Path) -> Path:
    """The file that is claimed while `path` is made."""
    return path.with_name(f".{path.name}.lock")


@contextlib.contextmanager
def temporary(path: Path, *, folder: bool = False) -> Iterator[Path]:
    """A claimed, empty, hidden sibling of `path` to fill, a file or a `folder`; it goes at the end.

    What killed processes left beside `path` goes at the beginning.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path.parent, path.name)
    claim = None
    while claim is None:  # between the making and the claim, another could take it for left
        place = path.with_name(f".{path.name}.{uuid4().hex}")
        place.mkdir() if folder else place.touch(exist_ok=False)
        _OURS.add(place)
        claim = Claim.on(place)
    try:
        yield place
    finally:
        remove(place)
        _OURS.discard(place)
        claim.release()


def remove_leftovers(folder: Path, name: str | None = None) -> None:
    """Remove what killed processes left in `folder` of a file called `name`, or of any."""
    for entry in os.scandir(folder) if folder.is_dir() else ():
        ours = name is None or entry.name.startswith(f".{name}.")
        if ours and _TEMPORARY.fullmatch(entry.name):
            _remove_left(Path(entry.path))


def remove_leftovers_below(folder: Path) -> None:
    """The same in `folder` and the folders one and two levels below it, as far as they are ours."""
    for place in (folder, *folder.glob("*/"), *folder.glob("*/*/")):
        with contextlib.suppress(OSError):
            remove_leftovers(place)


def remove_ours() -> None:
    """Remove what this process is in the middle of writing, when it ends at once."""
    for place in list(_OURS):
        remove(place)


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there and that can be."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _remove_left(path: Path) -> None:
    """Remove what nobody claims, and let nobody claim it meanwhile."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:  # it is gone, or another user's
        return
    try:
        free, age = _lock(descriptor), time.time() - os.fstat(descriptor).st_mtime
        if age > _LEFT_AFTER if free is None else free:
            remove(path)
    finally:
        os.close(descriptor)


def _created(place: Path) -> Claim | None:
    """A claim on the file at `place`, made if need be; None while another has it."""
    place.parent.mkdir(parents=True, exist_ok=True)  # whoever held it may have removed the folder
    try:
        descriptor = os.open(place, os.O_RDWR | os.O_CREAT, 0o666)
    except FileNotFoundError:
        return None
    if _lock(descriptor) is not False and _is_at(descriptor, place):
        return Claim(descriptor)
    os.close(descriptor)
    return None


def _lock(descriptor: int, *, wait: bool = False) -> bool | None:
    """Whether the lock could be had; None if there are no locks here."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether `path` is still the file that was opened."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
