"""Where files are kept, and how they get their final name: whole, or not at all."""

import hashlib
import json
import math
import os
import stat
from collections.abc import Iterator, Mapping
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

    A `~` at its beginning is the user's home, also where no shell has seen to that; DataError if
    there is none.
    """
    named = os.environ.get("VGGJAX_CACHE")
    try:
        return Path(named or platformdirs.user_cache_dir("vggjax")).expanduser()
    except RuntimeError as error:
        raise DataError(
            f"{named or 'This user'} has no home: set VGGJAX_CACHE to a folder by its whole path."
        ) from error


def user_path(path: Path | str) -> Path:
    """`path` with the user's home in place of a `~` at its beginning, also where no shell did that.

    Raises VggjaxError if there is no such home, nor a file whose name begins so.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        if Path(path).exists():
            return Path(path)
        raise VggjaxError(f"{path} is in a home that can't be found; give a whole path.") from error


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
    with cache_named(path), named_for(path, _hidden(path)):
        require_writable(path)
        with temporary(path) as place:
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
    if "\0" in str(path):
        raise VggjaxError(f"The name of the folder {path} holds a NUL; take another.")


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A temporary sibling folder of `path` to fill; it becomes `path` if the block succeeds.

    If `path` has appeared meanwhile (another process was faster), that one is kept. Raises OSError,
    which names `path`, if that can't be; DataError in the cache.
    """
    with (
        cache_named(path),
        named_for(path, _hidden(path)),
        temporary(path, folder=True) as place,
    ):
        yield place
        try:
            place.rename(path)
        except OSError:
            if not path.is_dir():
                raise


def _hidden(path: Path) -> Path:
    """How the paths of the temporaries of `path` begin."""
    return path.with_name(f".{path.name}.")


@contextmanager
def named_for(path: Path, place: Path) -> Iterator[None]:
    """An error of writing to `place` names `path`, not a temporary, which nobody knows.

    What is in a folder `place` is named as what will be in `path`.
    """
    try:
        yield
    except OSError as error:
        if str(error.filename).startswith(str(place)):
            inside = Path(error.filename).parts[len(place.parts) :]
            error.filename, error.filename2 = str(Path(path, *inside)), None
        elif error.filename is None and error.errno in _UNWRITABLE:
            error.filename = str(path)
        raise


def write_text(path: Path, text: str) -> None:
    """Write text that may hold files' names, atomically."""
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors=AS_ON_DISK)


def write_json(path: Path, content: Any) -> None:
    """Write `content` as indented JSON, atomically; it knows no NaN and no infinity: null."""
    write_text(path, json.dumps(finite(content), indent=2, allow_nan=False) + "\n")


def finite(content: Any) -> Any:
    """Content for JSON, with None for numbers that aren't finite."""
    if isinstance(content, Mapping):
        return {key: finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


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


def content_hash(path: Path) -> str:
    """Checksum of a file, or of all files in a folder with their names; hidden ones don't count."""
    if not path.is_dir():
        return file_hash(path)
    inside = {each.relative_to(path).as_posix(): each for each in path.rglob("*")}
    files = [n for n, each in inside.items() if not each.name.startswith(".") and each.is_file()]
    return name_hash("\n".join(f"{file_hash(inside[n])} {n}" for n in sorted(files))).hexdigest()
