"""Caltech-256 (Griffin, Holub, Perona 2007): found, or fetched and unpacked (rows C, R1)."""

import tarfile
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from vggjax import download
from vggjax.data.dataset import Dataset
from vggjax.data.folder import load_folder
from vggjax.errors import DataError
from vggjax.files import atomic_folder, cache_folder

URL = "https://data.caltech.edu/records/nyy15-4j048/files/256_ObjectCategories.tar"
SIZE = 1_183_006_720
HASH = "md5:67b4f42ca05d46448c6bb8ecd2220f6d"
FOLDER = "256_ObjectCategories"
CLUTTER = "257.clutter"


def load_caltech256(folder: Path | None = None) -> Dataset:
    """Caltech-256 without its clutter class: 256 classes, 29,780 images.

    `folder` is `256_ObjectCategories` (a part of it works too), its parent, or the archive as a
    file, which is unpacked into the cache. Without it, the copy in the cache is used, or else the
    archive is downloaded (1.2 GB), checked and unpacked there. The clutter, files that are no
    images and sub-folders inside a class (`198.spider/RENAME2`, `056.dog/greg`) are left out, as
    `load_folder` does.

    Raises DataError as `load_folder` does and if the archive is damaged or unsafe, VggjaxError if
    it can't be fetched.
    """
    if folder is not None and not _is_archive(Path(folder)):
        root = _root(Path(folder))
    else:
        root = find_caltech256() or _unpacked(folder)
    return load_folder(root, name="caltech256")


def find_caltech256() -> Path | None:
    """The folder `256_ObjectCategories` in the cache, or None if it isn't there."""
    folder = _cached()
    return folder if folder.is_dir() else None


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

    Every member is checked first. Raises DataError if one is a link or a device, or would lie
    outside of that folder, or if the archive is damaged.
    """
    try:
        with tarfile.open(archive, "r:") as tar, atomic_folder(target) as temporary:
            members = [_checked(member, archive) for member in tar]
            shown = tqdm(members, desc="Unpacking", unit="file", disable=None)
            tar.extractall(temporary, shown, filter="data")
    except (tarfile.TarError, EOFError) as error:
        raise DataError(f"The archive {archive} is damaged ({error}); delete it.") from error
    except OSError as error:
        raise DataError(f"Cannot unpack {archive} to {target}: {error.strerror}.") from error


def _cached() -> Path:
    return cache_folder() / "caltech256" / FOLDER


def _root(folder: Path) -> Path:
    return folder / FOLDER if (folder / FOLDER).is_dir() else folder


def _is_archive(path: Path) -> bool:
    return path.suffix == ".tar" and path.is_file()


def _unpacked(archive: Path | None) -> Path:
    """Unpack into the cache, where a downloaded archive is no longer needed then."""
    target = _cached()
    fetched = target.with_suffix(".tar")
    if archive is None:
        archive = download.download(URL, fetched, known_hash=HASH, size=SIZE)
    unpack_tar(Path(archive), target)
    fetched.unlink(missing_ok=True)
    return target


def _checked(member: tarfile.TarInfo, archive: Path) -> tarfile.TarInfo:
    """The member with its name made relative to the folder."""
    parts = PurePosixPath(member.name).parts
    kind_is_safe = member.isfile() or member.isdir()
    if not kind_is_safe or parts[:1] != (FOLDER,) or ".." in parts or "\\" in member.name:
        raise DataError(f"The archive {archive} is unsafe to unpack (it holds {member.name!r}).")
    return member.replace(name=str(PurePosixPath(*parts[1:])), deep=False)
