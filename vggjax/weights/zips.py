"""Zip archives of weights: what they claim is checked before any of it is read."""

import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vggjax.errors import WeightsError

_MOST_MEMBERS = 20_000  # PyTorch has one for each tensor
_LARGEST_LIST = 2**22  # bytes of the list of members
# How a zip ends: members in all, bytes of their list; and the same where it has 64 bits.
_END, _END64, _LOCATOR = struct.Struct("<4s4x2xHI4x2x"), struct.Struct("<4s28xQQ8x"), b"PK\6\7"
_LONGEST_COMMENT = 2**16


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive; WeightsError if it has too many members, or two that lie in the same place."""
    _check_end(path)
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        sizes = sum(member.compress_size for member in members)
        if len(members) > _MOST_MEMBERS or sizes > path.stat().st_size:
            raise WeightsError(f"{path} is damaged: it has members that it can't hold.")
        yield archive


def member(archive: zipfile.ZipFile, name: str, path: Path, most: int | None = None) -> bytes:
    """One member's bytes, at most so many; its size is checked before any memory is reserved.

    Raises WeightsError if it is compressed, as neither PyTorch nor Keras writes it.
    """
    found = archive.getinfo(name)
    if found.compress_type != zipfile.ZIP_STORED:
        raise WeightsError(f"{path} is compressed, as its library never writes it; save it again.")
    if found.file_size > min(path.stat().st_size, most or found.file_size):
        raise WeightsError(f"{path} is damaged: {name} claims {found.file_size:,} bytes.")
    return archive.read(found)


def _check_end(path: Path) -> None:
    """The list of members is read whole by `zipfile`, so its size is looked at before."""
    with path.open("rb") as file:
        length = file.seek(0, 2)
        file.seek(max(0, length - _LONGEST_COMMENT - _END.size - _END64.size - 20))
        tail = file.read()
    place = tail.rfind(b"PK\5\6")
    ends = [_END.unpack_from(tail, place)] if 0 <= place <= len(tail) - _END.size else []
    place -= _END64.size + 20
    if place >= 0 and tail[place + _END64.size :].startswith(_LOCATOR):
        ends = [_END64.unpack_from(tail, place)]
    for _, members, size in ends:
        if members > _MOST_MEMBERS or size > _LARGEST_LIST:
            raise WeightsError(f"{path} is a zip archive of {members:,} members, not of weights.")
