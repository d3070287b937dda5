"""Caltech-256 (Griffin, Holub, Perona 2007): found, or fetched and unpacked (rows C, R1)."""

import sys
from pathlib import Path

from vggjax import download
from vggjax.checksums import files_in, read_list, require_no_others
from vggjax.claims import claimed, remove
from vggjax.data.archive import copy_out, look_through
from vggjax.data.dataset import Dataset
from vggjax.data.folder import load_folder
from vggjax.errors import DataError
from vggjax.files import atomic_folder, cache_folder, cache_named, file_hash
from vggjax.interrupts import keeping

URL = "https://data.caltech.edu/records/nyy15-4j048/files/256_ObjectCategories.tar"
SIZE = 1_183_006_720
HASH = "md5:67b4f42ca05d46448c6bb8ecd2220f6d"
FOLDER = "256_ObjectCategories"
CLUTTER = "257.clutter"


def load_caltech256(folder: Path | None = None) -> Dataset:
    """Caltech-256 without its clutter class: 256 classes, 29,780 images.

    `folder` is `256_ObjectCategories` (a part of it works too), its parent, or the archive as a
    file, which is unpacked into the cache, once for all archives of the same content. Without it,
    the copy in the cache is used, or else the archive is downloaded (1.2 GB), checked and unpacked
    there. The clutter, files that are no images and sub-folders inside a class
    (`198.spider/RENAME2`, `056.dog/greg`) are left out, as `load_folder` does.

    Raises DataError as `load_folder` does, if the archive is damaged or unsafe, and if foreign
    files are in the cache's copy; VggjaxError if the archive can't be fetched.
    """
    if folder is not None and not _is_archive(Path(folder)):
        root = _root(Path(folder))
    else:
        root = _unpacked(None if folder is None else Path(folder))
    return load_folder(root, name="caltech256")


def find_caltech256() -> Path | None:
    """The folder `256_ObjectCategories` in the cache that the archive at `URL` was unpacked to.

    None if it isn't there, or not whole. Raises DataError if there are foreign files in it.
    """
    return _whole(_cached(HASH))


def looks_like_caltech256(folder: Path) -> bool:
    """Whether `folder` is Caltech-256, its parent or its archive, going by the names."""
    if _is_archive(folder):
        return True
    try:
        names = [entry.name for entry in _root(folder).iterdir() if entry.is_dir()]
    except OSError:
        return False
    numbered = [name for name in names if name[:3].isdigit() and name[3:4] == "."]
    return CLUTTER in names or len(numbered) >= 200


def unpack_tar(archive: Path, target: Path) -> None:
    """Unpack the folder `256_ObjectCategories` of a tar file as `target`, all or nothing.

    Its checksums are beside it then; both are in a folder of their own, which is replaced. Raises
    DataError as `look_through` does, and if `target` can't be written.
    """
    contents = look_through(archive, FOLDER)
    try:
        with atomic_folder(target.parent) as temporary:
            copy_out(archive, contents, temporary / target.name)
            remove(target.parent)
    except OSError as error:
        raise DataError(f"Cannot unpack {archive} to {target}: {error.strerror}.") from error


def _unpacked(archive: Path | None) -> Path:
    """The folder of an archive in the cache; without one, that of the archive at `URL`."""
    folder = _cached(HASH if archive is None else _checksum(archive))
    if not _whole(folder):
        with cache_named(folder), claimed(folder.parent):
            if not _whole(folder):
                _unpack(archive, folder)
    if archive is None:
        download.remove_fetched(_own_archive(), HASH)  # after a kill, it may still be here
    return folder


def _unpack(archive: Path | None, folder: Path) -> None:
    if lacking := len(read_list(folder).keys() - files_in(folder)):
        print(f"{folder} lacks {lacking:,} of its files: it is unpacked again", file=sys.stderr)
    source = archive or download.download(URL, _own_archive(), known_hash=HASH, size=SIZE)
    with keeping(lambda: f"the archive {source} is kept"):
        unpack_tar(source, folder)
    if archive is None:
        source.unlink()


def _own_archive() -> Path:
    return cache_folder() / "caltech256" / f"{FOLDER}.tar"


def _cached(checksum: str) -> Path:
    """Where the archive with a checksum is unpacked."""
    return cache_folder() / "caltech256" / checksum.replace(":", "-")[:24] / FOLDER


def _checksum(archive: Path) -> str:
    if archive.stat().st_size == SIZE and download.has_hash(archive, HASH):
        return HASH
    return f"sha256:{file_hash(archive)}"


def _whole(folder: Path) -> Path | None:
    """`folder` if all that its archive holds is in it; DataError for more than that."""
    known = read_list(folder).keys()
    there = files_in(folder) if known else set()
    if not known or known - there:
        return None
    require_no_others(folder, there - known)
    return folder


def _root(folder: Path) -> Path:
    return folder / FOLDER if (folder / FOLDER).is_dir() else folder


def _is_archive(path: Path) -> bool:
    return path.suffix.lower() == ".tar" and path.is_file()
