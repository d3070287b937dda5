"""Where files are kept, and how they get their final name: whole, or not at all."""

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EACCES, EDQUOT, EFBIG, EINVAL, EISDIR, ENOENT, ENOSPC, ENOTDIR, EPERM, EROFS
from pathlib import Path
from typing import Any

import platformdirs

from vggjax.claims import temporary
from vggjax.errors import DataError, VggjaxError

# How text that holds files' names is written: a name that isn't UTF-8 comes out as it is on disk.
AS_ON_DISK = "surrogateescape"

_UNWRITABLE = {EACCES, EDQUOT, EFBIG, ENOENT, ENOSPC, ENOTDIR, EPERM, EROFS}


def cache_folder() -> Path:
    """The folder for downloads, rendered images and features: `$VGGJAX_CACHE` or the platform's.

    A `~` at its beginning is the user's home, also where no shell has seen to that.
    """
    named = os.environ.get("VGGJAX_CACHE")
    return Path(named).expanduser() if named else Path(platformdirs.user_cache_dir("vggjax"))


@contextmanager
def cache_named(path: Path) -> Iterator[None]:
    """While `path` is written: if it is in the cache and can't be, say how to have that elsewhere.

    Raises DataError, then; an OSError of another kind or place stays what it is.
    """
    try:
        yield
    except OSError as error:
        cache = cache_folder().absolute()
        if error.errno not in _UNWRITABLE or not path.absolute().is_relative_to(cache):
            raise
        raise DataError(
            f"The cache {cache} can't be written ({error.strerror}); "
            "set VGGJAX_CACHE to a folder with room in it."
        ) from error


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """A temporary sibling of `path` to write to; it becomes `path` if the block succeeds.

    Raises OSError, which names `path`, if that can't be; DataError in the cache.
    """
    with cache_named(path):
        require_writable(path)
        with temporary(path) as place, _named_for(path, place):
            yield place
            place.replace(path)


def require_writable(path: Path) -> None:
    """Raise OSError, which names `path`, if no file can be written there."""
    if path.is_dir():
        raise IsADirectoryError(EISDIR, os.strerror(EISDIR), str(path))
    place = next(folder for folder in path.absolute().parents if folder.exists())
    if not place.is_dir():
        raise NotADirectoryError(ENOTDIR, os.strerror(ENOTDIR), str(place))
    if not os.access(place, os.W_OK):
        raise PermissionError(EACCES, os.strerror(EACCES), str(place))


def require_utf8(path: Path) -> None:
    """Raise VggjaxError for a folder that Orbax, which takes no other names, can't write to."""
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise VggjaxError(f"The name of the folder {path} isn't UTF-8; take another.") from error


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A temporary sibling folder of `path` to fill; it becomes `path` if the block succeeds.

    If `path` has appeared meanwhile (another process was faster), that one is kept. Raises OSError,
    which names `path`, if that can't be; DataError in the cache.
    """
    with cache_named(path), temporary(path, folder=True) as place, _named_for(path, place):
        yield place
        try:
            place.rename(path)
        except OSError:
            if not path.is_dir():
                raise


@contextmanager
def _named_for(path: Path, place: Path) -> Iterator[None]:
    """An error of writing names `path`, not its temporary, which nobody knows, nor nothing."""
    try:
        yield
    except OSError as error:
        nameless = error.filename is None and error.errno in _UNWRITABLE
        if nameless or str(error.filename).startswith(str(place)):
            error.filename, error.filename2 = str(path), None
        raise


def write_json(path: Path, content: Any) -> None:
    """Write `content` as indented JSON, atomically."""
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def read_regular(path: Path, most: int) -> bytes:
    """A file's bytes; OSError if it has over `most` of them, or is a device or a pipe."""
    found = path.stat()
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(EISDIR, os.strerror(EISDIR), str(path))
    if not stat.S_ISREG(found.st_mode):
        raise OSError(EINVAL, "it is no regular file", str(path))
    if found.st_size > most:
        raise OSError(EFBIG, f"it has over {most // 2**20:,} MB", str(path))
    return path.read_bytes()


def name_hash(text: str) -> Any:
    """The SHA-256 object of a text that holds files' names, in UTF-8 or not."""
    return hashlib.sha256(text.encode("utf-8", AS_ON_DISK))


def file_hash(path: Path, algorithm: str = "sha256") -> str:
    """Checksum of a file's content, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()
