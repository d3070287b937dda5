"""Downloads: announced, continued after a kill, checked, and under their final name only then."""

import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path

from vggjax.claims import claimed, remove
from vggjax.errors import VggjaxError
from vggjax.files import cache_folder, cache_named, file_hash, name_hash
from vggjax.interrupts import keeping
from vggjax.transfer import fetch_rest, kept_of, refused, url_problem

_FREE_MARGIN = 64 * 2**20  # bytes to leave on the disk
PATIENCE, BRIEFLY = 5.0, 1.0  # seconds to wait for an answer


def url_reachable(url: str) -> bool:
    """Whether `url` answers without an error within 5 seconds.

    Within 1 second, if it was silent for longer the last time (the cache remembers that): without a
    network a name look-up can hang, and not every start is to wait for it.
    """
    silent = cache_folder() / "network" / f"{name_hash(url).hexdigest()[:16]}.silent"
    begin = time.monotonic()
    problem = url_problem(url, BRIEFLY if silent.exists() else PATIENCE)
    with suppress(OSError):  # a cache that can't be written costs time, no more
        if not problem:
            silent.unlink(missing_ok=True)
        elif time.monotonic() - begin >= BRIEFLY:
            silent.parent.mkdir(parents=True, exist_ok=True)
            silent.touch()
    return not problem


def download(url: str, target: Path, known_hash: str, size: int) -> Path:
    """Fetch `url` into the file `target`, unless it is there already; returns `target`.

    `known_hash` is "md5:…" or "sha256:…", whole or only its first digits; `size` in bytes is
    announced on stderr, and may be rounded. What comes is kept beside `target` until it is whole
    and checked, and a later call goes on from there; of several processes one downloads, and the
    others wait for it. Raises VggjaxError if the address does not answer, the disk is too small,
    the transfer breaks off, stalls or doesn't end, or the checksum differs; a file with another
    checksum that is at `target` already stays there.
    """
    if not target.is_file():
        with cache_named(target), claimed(target):
            if not target.is_file():
                _fetch(url, target, known_hash, size)
                return target
    if not has_hash(target, known_hash):
        raise VggjaxError(
            f"{target} is not the file that is wanted: its {_difference(target, known_hash)}; "
            "move it away."
        )
    return target


def has_hash(path: Path, known_hash: str) -> bool:
    """Whether the file `path` has the checksum `known_hash`, given as for `download`."""
    algorithm, _, expected = known_hash.partition(":")
    return file_hash(path, algorithm).startswith(expected.lower())


def remove_fetched(target: Path, known_hash: str) -> None:
    """Remove a file that was downloaded and is no longer needed, if it is here, or a part of it.

    A file with another checksum wasn't downloaded, and stays.
    """
    remove(part_of(target))
    if target.is_file() and has_hash(target, known_hash):
        remove(target)


def part_of(target: Path) -> Path:
    """Where the part of a download that has come is kept."""
    return target.with_name(f"{target.name}.part")


def _fetch(url: str, target: Path, known_hash: str, size: int) -> None:
    part = part_of(target)
    with keeping(lambda: kept_of(part, size)):
        continued = _begin(url, part, size)
        fetch_rest(url, part, size)
        if continued and not has_hash(part, known_hash):
            print("What was kept is of another file; the download begins anew", file=sys.stderr)
            part.unlink()
            fetch_rest(url, part, size)
    if not has_hash(part, known_hash):
        difference = _difference(part, known_hash)
        part.unlink()
        raise VggjaxError(
            f"The download of {url} was deleted because its {difference}; try again, or download "
            "it by hand."
        )
    part.replace(target)


def _begin(url: str, part: Path, size: int) -> bool:
    """Announce what is to be fetched; whether a part of it is here. Raises VggjaxError, too."""
    if problem := url_problem(url, PATIENCE):
        raise refused(url, problem)
    kept = part.stat().st_size if part.is_file() else 0
    rest = max(0, size - kept)
    if shutil.disk_usage(part.parent).free < rest + _FREE_MARGIN:
        raise VggjaxError(f"{part.parent} has no room for a download of {rest / 1e6:,.0f} MB.")
    of = f"the last {rest / 1e6:,.1f} of " if kept else ""
    print(f"Downloading {of}{size / 1e6:,.0f} MB from {url}", file=sys.stderr)
    return kept > 0


def _difference(path: Path, known_hash: str) -> str:
    algorithm, _, expected = known_hash.partition(":")
    return f"{algorithm} is {file_hash(path, algorithm)} instead of {expected}"
