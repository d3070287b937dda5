"""Checksums of a folder's files, in a list beside it, for `sha256sum -c FOLDER.sha256`, too.

The list is written file by file, so that what a killed process has left is known to be whole.
"""

import hashlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

from vggjax.errors import DataError, listed
from vggjax.files import AS_ON_DISK

_LINE = re.compile(r"([0-9a-f]{64})  [^/]+/(.+)")


def list_of(folder: Path) -> Path:
    """Where the checksums of a folder's files are."""
    return folder.with_name(f"{folder.name}.sha256")


def line_of(folder: Path, name: str, content: bytes) -> bytes:
    """The list's line for the file `name` in `folder`."""
    line = f"{hashlib.sha256(content).hexdigest()}  {folder.name}/{name}\n"
    return line.encode("utf-8", AS_ON_DISK)


def read_list(folder: Path) -> dict[str, str]:
    """`{name in folder: checksum}` of all whole lines; {} without a list that can be read."""
    try:
        text = list_of(folder).read_bytes().decode("utf-8", AS_ON_DISK)
    except OSError:
        return {}
    found = [_LINE.fullmatch(line) for line in text.split("\n")[:-1]]
    return {match[2]: match[1] for match in found if match}


def is_whole(folder: Path, name: str, checksum: str | None) -> bool:
    """Whether the file `name` in `folder` is there with that checksum."""
    try:
        with open(f"{folder}/{name}", "rb", buffering=0) as file:  # noqa: PTH123 (half the time)
            return hashlib.sha256(file.read()).hexdigest() == checksum
    except OSError:
        return False


def files_in(folder: Path) -> set[str]:
    """The names of all files below `folder`."""
    found = set()
    for place, _, names in os.walk(folder):
        start = place[len(str(folder)) + 1 :].replace(os.sep, "/")
        found |= {f"{start}/{name}" for name in names} if start else set(names)
    return found


def require_no_others(folder: Path, others: Iterable[str]) -> None:
    """Raise DataError if `others` were found in `folder`, but for hidden ones."""
    if seen := _not_hidden(others):
        raise DataError(
            f"{folder} holds what doesn't belong there: {listed(seen, most=3)}; move it away."
        )


def _not_hidden(names: Iterable[str]) -> list[str]:
    """The names, sorted, of files that someone could take for images."""
    return sorted(name for name in names if "/." not in f"/{name}")


def problems(folder: Path) -> list[str]:
    """What differs between a folder's files and its list, a sentence's end each; [] if nothing."""
    known, there = read_list(folder), files_in(folder)
    if not known:
        return [f"{folder} has no list of checksums"]
    damaged = [n for n in known if n in there and not is_whole(folder, n, known[n])]
    kinds = {
        "is missing": sorted(known.keys() - there),
        "is damaged": sorted(damaged),
        "doesn't belong there": _not_hidden(there - known.keys()),
    }
    return [f"{folder / name} {what}" for what, names in kinds.items() for name in names]
