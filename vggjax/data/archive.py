"""Tar archives that nobody vouches for: looked through first, then unpacked whole, or not at all.

`tarfile` reads the headers only, within limits. What it would do with names, times, links and
holes when it extracts doesn't matter: files are copied out by their place in the archive.
"""

import io
import tarfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from vggjax.checksums import line_of, list_of
from vggjax.data.images import IMAGE_SUFFIXES
from vggjax.errors import DataError, one_line

_DEEPEST = 16  # folders within folders
_MOST_MEMBERS = 100_000
_LARGEST = 2**28  # bytes of one file
_LONGEST_HEADER = 2**16  # bytes
_MOST_HEADERS = 2**26  # bytes of all headers together
_MOST_COMMON = 1000  # headers for all members
_COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}


@dataclass
class Contents:
    """What an archive holds below its folder: `{name: (place, size)}` in bytes, and folders."""

    files: dict[str, tuple[int, int]] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)

    def add(self, parts: list[str], place: tuple[int, int] | None) -> bool:
        """Add a file, or a folder without a place; whether that can stand beside the others."""
        paths = ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
        again = place is not None and paths[-1] in self.files
        self.folders.update(paths if place is None else paths[:-1])
        if place is not None:
            self.files[paths[-1]] = place
        return not (again or any(p in self.files and p in self.folders for p in paths))


def look_through(archive: Path, top: str) -> Contents:
    """What the tar file `archive` holds below its only folder, `top`.

    Raises DataError if it is damaged, holds no images, or holds what isn't safe to unpack: links,
    devices, sparse files, names that lead elsewhere or can't stand side by side, or too much.
    """
    _refuse_compressed(archive)
    length, begin, contents = archive.stat().st_size, 0, Contents()
    try:
        with _Headers(archive) as file, tarfile.open(fileobj=file, mode="r:") as tar:
            while (member := tar.next()) is not None:
                # They would only add up, each with a copy of the common headers.
                tar.members.clear()  # type: ignore[attr-defined]
                end = member.offset_data + member.size * member.isfile()
                if not begin <= member.offset_data <= end <= length:
                    raise tarfile.ReadError(f"it claims to hold {member.size:,} bytes")
                if len(tar.pax_headers) > _MOST_COMMON:
                    raise tarfile.ReadError("it has headers of absurd size")
                _add(member, contents, top, archive)
                begin = end
            file.seek(tar.offset)  # where reading has ended, for whatever reason
            if any(file.read(tarfile.BLOCKSIZE) or b"?"):
                raise tarfile.ReadError("it breaks off")
    except DataError:
        raise
    except Exception as error:  # a damaged file can make a parser fail in any way
        raise _damaged(archive, one_line(error)) from error
    if not any(Path(name).suffix.lower() in IMAGE_SUFFIXES for name in contents.files):
        raise DataError(f"The archive {archive} holds no images in a folder {top}.")
    return contents


def copy_out(archive: Path, contents: Contents, folder: Path) -> None:
    """Write an archive's contents to `folder`, and the list of checksums beside it.

    Raises DataError if the archive has become shorter, OSError for what can't be written.
    """
    for name in sorted({"", *contents.folders}):
        (folder / name).mkdir()
    with archive.open("rb") as source, list_of(folder).open("wb") as lines:
        shown = tqdm(contents.files.items(), "Unpacking", unit="file", disable=None)
        for name, (place, size) in shown:
            source.seek(place)
            content = source.read(size)
            if len(content) < size:
                raise _damaged(archive, "it breaks off")
            with (folder / name).open("xb") as file:  # two names may be one on this disk
                file.write(content)
            lines.write(line_of(folder, name, content))


class _Headers(io.FileIO):
    """An archive of which only headers are read: they are small, and so is the sum of them."""

    left = _MOST_HEADERS

    def read(self, size: int | None = -1) -> bytes:
        """Raises ReadError for what can't be a header."""
        if size is None or not 0 <= size <= min(_LONGEST_HEADER, self.left):
            raise tarfile.ReadError("it has headers of absurd size")
        self.left -= size
        return super().read(size)


def _add(member: tarfile.TarInfo, contents: Contents, top: str, archive: Path) -> None:
    """Raises DataError unless a member can be unpacked safely, and beside the others."""
    first, *parts = PurePosixPath(member.name).parts or ("",)
    is_file = member.isfile() and not member.issparse() and bool(parts)
    inside = first == top and ".." not in parts and len(parts) <= _DEEPEST
    if not (is_file or member.isdir()) or not inside or not _is_plain(member.name):
        raise _unsafe(archive, member)
    if is_file and member.size > _LARGEST:
        raise DataError(f"The archive {archive} holds a file of {member.size:,} bytes: no image.")
    if not contents.add(parts, (member.offset_data, member.size) if is_file else None):
        raise _unsafe(archive, member, " twice")
    if len(contents.files) + len(contents.folders) > _MOST_MEMBERS:
        raise DataError(f"The archive {archive} holds more than {_MOST_MEMBERS:,} files.")


def _is_plain(name: str) -> bool:
    """Whether no letter of a name is a control character or parts folders on other systems."""
    return not any(letter < " " or letter in "\x7f\\" for letter in name)


def _refuse_compressed(archive: Path) -> None:
    with archive.open("rb") as file:
        head = file.read(8)
    for begin, kind in _COMPRESSED.items():
        if head.startswith(begin):
            raise DataError(f"The archive {archive} is compressed ({kind}); uncompress it first.")


def _unsafe(archive: Path, member: tarfile.TarInfo, how: str = "") -> DataError:
    what = f"{member.name[:100]!r}{how}"
    return DataError(f"The archive {archive} is unsafe to unpack (it holds {what}).")


def _damaged(archive: Path, why: str) -> DataError:
    return DataError(f"The archive {archive} is damaged ({why}); fetch it again.")
